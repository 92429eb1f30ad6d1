// A stand-in for redlockd: speaks the line protocol over a real socket and keeps its locks in a
// map, so that the client library is tested against something that answers. Besides lock, trylock,
// unlock, check, cancel and ping it knows verbs by which a test makes it misbehave:
//
//   say LINE                   writes LINE before its OK
//   drop LINE                  writes LINE, then closes the session
//   mute                       answers nothing, forever
//   deaf [FENCE]               takes the next lock without answering, once; when that is cancelled,
//                              it is granted after all, with FENCE
//   echo WORD... key=value...  gives them back as a row
//
// Fences count from 1. Deadlines are `ttl` (default 10 s) after the grant, by CLOCK_BOOTTIME.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/line_reader.h"
#include "protocol/reply.h"
#include "protocol/request.h"
#include "tests/support/files.h"

namespace redlock::client {

// How much longer than it was given a bounded call may take. A sanitizer and other jobs on the machine
// make all of this slower; what does not keep its time at all takes 5 s or more.
inline constexpr std::chrono::seconds kSlack{3};

class FakeDaemon {
 public:
  static constexpr const char* kHello =
      "* HELLO redlockd 1 caps=exclusive,set,renew,owners line=4096 boot=fake";

  // With `ahead` the greeting says the time, of a clock that is so much ahead of the test's.
  explicit FakeDaemon(std::string hello = kHello,
                      std::optional<std::chrono::nanoseconds> ahead = std::nullopt);
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  const std::string& path() const { return path_; }

  // Writes a line to every session.
  void Say(const std::string& line);
  // From now on writes a line right after each grant, in one packet.
  void SayAfterGrants(const std::string& line);
  // Closes every session.
  void Drop();
  // From now on, or not any more, it neither accepts nor reads nor writes, as if it was stopped. Returns when that is so.
  void Hang(bool hangs);
  // Waits until this is so; false if it has not come within 10 s.
  bool WaitForSessions(std::size_t count);
  bool WaitForWaiters(const std::string& lock, std::size_t count);
  // All lines that were received, without their tags.
  std::vector<std::string> received();

 private:
  struct Session {
    int fd = -1;
    protocol::LineReader reader{4096};
    std::string out;
    bool deaf = false;
    std::string late_fence;  // of deaf; empty: its own
    bool closing = false;
  };
  struct Waiter {
    Session* session;
    protocol::Request request;
  };
  struct Lock {
    Session* holder = nullptr;
    unsigned fence = 0;
    long deadline = 0;
    std::list<Waiter> waiters;
  };

  void Run();
  void Accept();
  bool Read(Session& session);  // false: it has ended
  void Remove(Session* session);
  void Answer(Session& session, const protocol::Request& request);
  void TakeLock(Session& session, const protocol::Request& request);
  void Unlock(Session& session, const protocol::Request& request);
  void Check(Session& session, const protocol::Request& request);
  void Cancel(Session& session, const protocol::Request& request);
  void TakeSet(Session& session, const protocol::Request& request);
  void Grant(const std::string& name, Session& session, const protocol::Request& request,
             const std::string& fence = {});
  void GrantSet(Session& session, const protocol::Request& request);
  void Give(const std::string& name, Session& session, const protocol::Request& request,
            const std::string& fence, protocol::ReplyLine& line);
  static std::optional<Waiter> TakeWaiter(std::list<Waiter>& line, const Session& session,
                                          const std::string& tag);
  void PassOn(const std::string& name);
  bool WaitFor(const std::function<bool()>& condition);
  void Wake() const;

  std::int64_t Now() const;

  const std::string hello_;
  const std::optional<std::chrono::nanoseconds> ahead_;
  const redlockd::test::TempDir directory_;
  const std::string path_ = directory_ / "socket";
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hangs_{false};    // as it is to be
  std::atomic<bool> is_hung_{false};  // as it is

  std::mutex mutex_;  // guards all that follows
  std::list<std::unique_ptr<Session>> sessions_;
  std::map<std::string, Lock> locks_;
  std::list<Waiter> sets_;  // who waits for several
  std::vector<std::string> received_;
  unsigned last_fence_ = 0;
  std::string after_grants_;
  bool dropping_ = false;

  std::thread thread_;
};

}  // namespace redlock::client
