// One acquisition of a lock, or of several at once, through a session: from the wish for it to the
// end of the hold. The core changes it, under the mutex of the session; any thread may read what is
// atomic.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libclient/connection.h"
#include "libclient/include/redlock/redlock.h"
#include "libclient/session/page.h"

namespace redlock::client {

// Grows by one in each child process.
std::uint64_t ForkGeneration();

// All in ns.
struct HoldOptions {
  std::int64_t ttl_ns = 0;
  std::int64_t max_hold_ns = 0;
  std::int64_t min_hold_ns = 0;
  std::int64_t margin_ns = -1;  // negative: as DefaultMargin()
  std::int64_t connect_timeout_ns = 5'000'000'000;
  std::int64_t answer_timeout_ns = 1'000'000'000;
  std::string note{};
};

// How long before its deadline a hold stops being valid: that of `redlock run`. `span` is the ttl,
// or the max-hold if that is shorter.
std::int64_t DefaultMargin(std::int64_t span);

// One of the locks of a hold.
struct HeldLock {
  explicit HeldLock(std::string lock) : name(std::move(lock)) {}

  // Until when it is good, as the daemon itself says if it has a place on the page, and else as the
  // session has read. 0: it is over. For any thread that has read the fence.
  std::int64_t Deadline(std::int64_t offset_ns) const;

  const std::string name;
  std::atomic<std::uint64_t> fence{0};  // 0 before the grant
  std::atomic<std::int64_t> deadline_ns{0};
  PagePlace place{};  // not changed once the fence is known

  // The rest is the core's.
  bool is_attached = false;  // the connection by which it was granted is open, and it is not over
  bool in_jeopardy = false;
};

// What the holder is to hear, in the thread of the session.
struct HoldNotice {
  int type = 0;                    // of enum redlock_event_type
  const HeldLock* lock = nullptr;  // of the hold; never null
  std::int64_t deadline_ns = 0;
  std::int64_t within_ns = 0;
  std::string reason{};
};

// What a caller waits for, under the mutex of the session.
struct Awaited {
  bool is_answered = false;
  std::condition_variable answered{};
  std::int64_t due_ns = kNever;  // when the core looks at it by itself
};

struct Hold : Awaited {
  enum class Phase {
    kIdle,       // nobody has asked for the lock
    kUnsent,     // to be sent when there is a daemon that takes it
    kSent,       // not answered yet
    kHeld,       // granted; all of its locks are attached, or none is
    kLost,       // one of its locks is; the others stay until it is released
    kReleasing,  // `unlock` is not answered yet
    kOver,       // released, or never granted
  };

  // The names, 1 or several, are all different.
  Hold(const std::vector<std::string>& names, HoldOptions wanted)
      : locks(names.begin(), names.end()), options(std::move(wanted)) {}

  bool is_of_several() const { return locks.size() > 1; }

  std::vector<HeldLock> locks;  // in the order of the names
  const HoldOptions options;
  std::function<void(const HoldNotice&)> on_notice{};

  // For any thread. They ask nobody, and make no system call.
  bool IsValid() const;
  std::int64_t Deadline() const;       // the earliest of its locks; 0 before the grant
  std::atomic<bool> is_good{false};    // held, and no stop was requested yet
  std::atomic<bool> is_let_go{false};  // released or freed: its functions are not called any more
  // Not changed once a fence is known.
  std::int64_t offset_ns = 0;  // the daemon's clock minus ours
  std::int64_t margin_ns = 0;
  const std::uint64_t generation = ForkGeneration();

  // Whose it is, for the daemon, which finds those that wait for each other; 0: nobody knows. Set
  // before it is locked.
  std::uint64_t task = 0;

  // For the caller that waits, under the mutex of the session.
  int error = REDLOCK_OK;
  std::string text{};  // what the daemon, or the core, had to say of the error
  // Its locker is in Engine::Lock(), and looks at the above: no function of the holder is called yet.
  bool has_locker = false;

  // The rest is the core's.
  Phase phase = Phase::kIdle;
  std::uint64_t owner = 0;
  std::uint64_t tag = 0;
  bool is_try = false;
  bool was_cancelled = false;
  std::int64_t until_ns = kNever;     // the caller waits for an answer until then
  std::int64_t sent_ns = 0;           // when the last request was sent
  bool asked_for_life = false;        // a ping was sent to see whether the daemon lives
  std::int64_t failing_since_ns = 0;  // there is no daemon that answers since then; 0: there is
  int last_error = REDLOCK_OK;        // of the last attempt
  std::string last_text{};
  HeldLock* FirstToEnd();      // of those that are held; null if none is
  std::size_t unreleased = 0;  // how many answers to `unlock` are due
  bool was_stopped = false;
  std::string loss{};  // why the hold is lost, or will be at its deadline
};
using HoldPtr = std::shared_ptr<Hold>;

}  // namespace redlock::client
