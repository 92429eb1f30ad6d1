// One session seen from the client: requests out, each under a tag of its own, and answers back to
// whom they belong. It is what `redlock_client` of the C header is; the contracts stand there.
// Errors are enum redlock_error, in words in error_text(). May throw std::bad_alloc only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libclient/connection.h"
#include "libclient/include/redlock/redlock.h"
#include "libclient/reply.h"
#include "libclient/wakeup.h"
#include "protocol/reply.h"
#include "protocol/request.h"

namespace redlock::client {

class Client {
 public:
  // reply is null if the connection ended before the answer.
  using Done = std::function<void(int error, ReplyPtr reply)>;

  // How an attempt to connect went.
  using Connected = std::function<void(int error)>;

  int Connect(const std::string& path, std::int64_t timeout_ns);
  // Connects in Dispatch(); `done` is called once.
  int StartConnect(const std::string& path, std::int64_t timeout_ns, Connected done);
  int Close();

  // The daemon's CLOCK_BOOTTIME minus ours: not 0 if one of us is in another time namespace.
  std::int64_t clock_offset_ns() const { return clock_offset_ns_; }
  // The daemon takes the option `task` (PROTOCOL.md).
  bool knows_tasks() const { return knows_tasks_; }

  // Sends; `done` is called once, later. The request needs no tag.
  int Start(protocol::Request request, Done done, std::uint64_t* id);
  // Start, and wait for the answer: wait_ns and a moment, or, if that is 0, the answer timeout.
  int Call(protocol::Request request, std::int64_t wait_ns, ReplyPtr* reply);
  int Cancel(std::uint64_t id);
  int Dispatch();

  int fd() const { return is_foreign() ? -1 : connection_.fd(); }
  short PollEvents() const;
  // When Dispatch() has something to do in any case; kNever if there is no such time.
  std::int64_t NextDue() const;

  // For any thread; it is async-signal-safe.
  void WakeUp() { wakeup_.Request(); }

  void set_event_handler(redlock_event_fn fn, void* arg);
  int SetAnswerTimeout(std::int64_t timeout_ns);

  // Remembers what went wrong, for error_text(), and gives it back.
  int Fail(int error, std::string_view detail = {});
  int Succeed();
  const std::string& error_text() const { return error_text_; }

  // REDLOCK_OK if a call may use the connection now.
  int Check();
  void set_self(redlock_client* self) { self_ = self; }

 private:
  struct Pending {
    ReplyPtr reply;  // with the rows so far
    Done done;
    std::vector<std::string> locks{};  // of a lock request: its names
    bool abandoned = false;            // nobody waits for it any more: a grant is let go of at once
  };

  // An attempt to connect, until the greeting.
  struct Attempt {
    std::string path;
    std::int64_t deadline;
    Connected done;
    pid_t pid;                       // the process that connects
    std::int64_t begin_ns = 0;       // when the socket was opened last
    std::int64_t again_ns = kNever;  // when to open it again, if the daemon does not accept yet
    std::int64_t pause_ns = 1'000'000;
    std::string why_not{};   // it did not accept
    bool is_second = false;  // the first greeting was slow
  };

  bool is_foreign() const;
  bool is_connected() const { return connection_.is_open() && !attempt_; }
  int Open();
  int GoOnConnecting();
  int TakeGreeting(std::string_view text);
  int EndAttempt(int error);
  std::uint64_t Send(protocol::Request request, Done done);
  std::int64_t AnswerDeadline(std::int64_t wait_ns) const;
  void Abandon(std::uint64_t id);

  // Takes the lines that were read; "" or why the connection is of no use any more.
  std::string TakeLines();
  std::string TakeLine(std::string_view line);
  std::string TakeAnswer(protocol::Reply line);
  void TakeEvent(const protocol::Reply& line);
  void LetGo(const Pending& abandoned, const redlock_reply& reply);
  void Finish(Pending pending, int error);
  std::int64_t DeadlineField(const protocol::Reply& line) const;
  void Told(std::int64_t deadline_ns);
  void End(const std::string& why);
  void Park();
  void DropParked(std::int64_t until_ns);
  void Emit(const redlock_event& event);

  redlock_client* self_ = nullptr;  // as callbacks know it
  Connection connection_;
  Wakeup wakeup_;
  std::optional<Attempt> attempt_;
  std::int64_t clock_offset_ns_ = 0;
  std::int64_t last_deadline_ns_ = 0;  // of all that this session heard of, on our clock
  // Sessions that ended by an error of the other side, of which holds were to be good for a while:
  // they would be let go of with the socket.
  struct Parked {
    Socket socket;
    std::int64_t until_ns;
  };
  std::vector<Parked> parked_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Pending> pending_;  // by tag; in the order of sending
  std::int64_t answer_timeout_ns_ = 10'000'000'000;
  redlock_event_fn event_fn_ = nullptr;
  void* event_arg_ = nullptr;
  bool in_callback_ = false;
  bool knows_tasks_ = false;
  std::string error_text_;
};

}  // namespace redlock::client
