// A core with its socket and its thread: the session of one process.
//
// The mutex guards the core. Callers act on the core in their own threads, and wait for their
// answer; the thread reads, does what is due, and calls the holders' functions without the mutex.
// Holds, too, die without it, because what they own may call the session. The thread has all signals
// blocked. It is started by the first acquisition.
//
// FORK. In a child nothing of the parent's engine is used: its memory is left alone, because its
// mutex and its thread are the parent's, and the child's copy of the socket is closed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "libclient/connection.h"
#include "libclient/session/core.h"

namespace redlock::client {

// How a lock or a release went.
struct Outcome {
  int error;
  std::string text;
};

class Engine {
 public:
  explicit Engine(std::string path);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // "" or why there is no thread.
  std::string Start(const std::shared_ptr<Engine>& self);
  // Ends the thread and closes the session; waits for a function of a holder that is running, unless
  // that is the caller.
  void Stop();

  // The first two return when the hold is answered, which the core's timers see to; the others at
  // once. The holder's functions are called only after its Lock() has ended.
  Outcome Lock(const HoldPtr& hold, std::int64_t wait_ns);
  Outcome Release(const HoldPtr& hold);
  Outcome ReleaseLater(const HoldPtr& hold);
  void Cancel(const HoldPtr& hold);
  // These, too, return when there is an answer.
  void Ask(const QueryPtr& query, std::int64_t timeout_ns);
  void Check(const QueryPtr& query, const HoldPtr& hold);
  void Cancel(const QueryPtr& query);
  bool IsOwnThread() const { return std::this_thread::get_id() == thread_id_.load(); }

  // Around fork().
  void BeforeFork() { mutex_.lock(); }
  void AfterForkInParent() { mutex_.unlock(); }
  void AfterForkInChild();

 private:
  class Access;
  class Locker;

  void Run();
  Core::Notices TakeNotices();
  bool Deliver(std::unique_lock<std::mutex>& guard);
  void Turn(std::int64_t now);
  void ReadWhatIsThere();
  void Connect();
  void CloseConnection();
  void Flush();
  void CatchUp(std::int64_t now);
  void Act();
  Outcome Release(const HoldPtr& hold, bool is_awaited);
  void Await(Awaited& answer, std::unique_lock<std::mutex>& guard);
  void Wait();
  void Wake() const;

  const std::string path_;
  std::mutex mutex_;  // guards what follows
  Core core_;
  Connection connection_;
  Core::Notices early_;  // of holds whose lockers are still in Lock()
  // Sockets of sessions whose other side broke the protocol, until the deadlines of their holds.
  std::vector<std::pair<std::int64_t, Socket>> parked_;
  base::Descriptor wake_;  // an eventfd
  base::Descriptor timer_;
  std::int64_t armed_ns_ = kNever;  // when the thread wakes up by itself
  bool stopping_ = false;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
};

}  // namespace redlock::client
