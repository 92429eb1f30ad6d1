// redlock::Mutex: a distributed lock as a standard mutex; redlock::MultiLock: several locks as one.
//
//   redlock::Mutex mutex("jobs");
//   std::scoped_lock guard(mutex);
//   store.Write(data, mutex.fence());  // the store refuses fences older than the newest it saw
//
//   redlock::MultiLock accounts({"account-7", "account-9"});
//   std::scoped_lock guard(accounts);
//   store.Write("account-7", balance, accounts.fence("account-7"));
//
// Both meet the requirements of BasicLockable, Lockable and TimedLockable, so std::scoped_lock,
// std::unique_lock and std::lock work. They are not recursive. Any thread may unlock them. Everything
// below about a Mutex also applies to a MultiLock.
//
// SEVERAL LOCKS. A MultiLock asks for all of its names in one request, gets all of them or none, and holds
// none of them while it waits: it stands in line for them, and no order of names leads to a deadlock.
// std::scoped_lock of several Mutexes works, too, but by trying: it takes a round trip for each, and under
// contention may try for long. A MultiLock is valid while all of its locks are, and stopped and lost with the
// first that is lost; see redlock/session.hpp.
//
// SESSIONS. Mutexes share a Session, by default that of the process: a thousand of them are one
// connection and one thread. Two Mutexes of one name exclude each other. The threads that share one
// Mutex queue for it locally, so only one of them at a time waits for the daemon.
//
// DEADLOCK. The thread that locked a Mutex counts as its holder until it is unlocked. If that thread
// locks or tries the same name again in that session, through this Mutex or another, the call throws
// Error(REDLOCK_EDEADLOCK): std::scoped_lock(a, b) of one name would try without end. So does lock(),
// or a try_lock_for(), if the lock is held by one who waits, perhaps by way of others, for a Mutex
// that this thread has locked: threads and processes of this host that take locks in different
// orders. Unlock what is held, and begin again. The queue for a Mutex that threads share is not seen:
// for that, give each thread a Mutex of its own.
//
// LOSS. Unlike a std::mutex, a lease can end while it is held: the nodes or the daemon may go away.
// A margin before the deadline valid() becomes false and a stop is requested on the stop_token of
// this hold. Both also happen at once when the daemon reports a loss. Callbacks are among the
// options. See redlock/session.hpp, also for callbacks, the margin and pauses.
//
// WAITS. try_lock_for() and try_lock_until() return some milliseconds after their time is over at
// the latest, whatever state the daemon is in. With a time of 0, or one that has passed, they are
// try_lock(): it asks the daemon once, and waits for its answer, at most HoldOptions::answer_timeout.
// unlock() takes at most a quarter of a second.
//
// FORK. In a child, a Mutex that was locked when the process forked is not valid: lock() and the
// try_lock functions throw Error(REDLOCK_EFORK), and unlock() does nothing. Any other works.
#pragma once

#if __cplusplus < 202002L
#error "redlock/mutex.hpp needs C++20"
#endif

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <redlock/session.hpp>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace redlock {
namespace detail {

// What Mutex and MultiLock have in common. "The lock" is all of the locks.
class Lockable {
 public:
  Lockable(const Lockable&) = delete;
  Lockable& operator=(const Lockable&) = delete;

  // Takes the lock; waits without limit, or until a stop is requested (REDLOCK_ECANCELLED). Throws
  // Error if it fails (no daemon, no quorum, ...).
  void lock(const std::stop_token& stop = {}) {
    const int code = take(std::nullopt, stop);
    if (code == REDLOCK_ECANCELLED) throw Error(code, describe(names_) + ": the wait was given up");
  }
  // These return false if others held the lock until the time was over, or a stop was requested.
  // They throw Error for any other failure.
  [[nodiscard]] bool try_lock() { return try_lock_for(std::chrono::nanoseconds(0)); }
  template <typename Rep, typename Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& wait,
                                  const std::stop_token& stop = {}) {
    return take(std::chrono::nanoseconds(Session::to_ns(wait)), stop) == REDLOCK_OK;
  }
  template <typename OtherClock, typename Duration>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<OtherClock, Duration>& until,
                                    const std::stop_token& stop = {}) {
    return try_lock_for(until - OtherClock::now(), stop);
  }
  // Releases the lock. It does not report whether the lock was still held; the other one does, as
  // Hold::release().
  void unlock() noexcept {
    std::error_code ignored;
    unlock(ignored);
  }
  void unlock(std::error_code& error) noexcept;

  // Any thread may call the functions below. They ask nobody.

  // Returns the latest deadline that is known. It moves on with each renewal.
  [[nodiscard]] Clock::time_point deadline() const noexcept {
    const auto hold = current();
    return hold ? hold->deadline() : Clock::time_point{};
  }
  // Returns whether the holder may rely on the lock.
  [[nodiscard]] bool valid() const noexcept {
    const auto hold = current();
    return hold && hold->valid();
  }
  // Returns the stop_token of the current hold, or else of the last one. A stop is requested when
  // the hold stops being valid, but not by unlock().
  [[nodiscard]] std::stop_token stop_token() const noexcept {
    const auto hold = current();
    return hold ? hold->stop_token() : std::stop_token{};
  }

 protected:
  Lockable(Session session, Names names, HoldOptions options)
      : names_(std::move(names)), options_(std::move(options)), session_(std::move(session)) {}
  // Releases the lock if it is held, without waiting for the answer.
  ~Lockable() = default;

  const Names& all_names() const noexcept { return names_; }
  // The current hold, or else the last one.
  std::shared_ptr<Hold> current() const noexcept {
    const std::lock_guard<std::mutex> guard(guard_);
    return hold_;
  }

 private:
  // Gives the threads that share this their turns.
  class Turn {
   public:
    bool is_foreign() const noexcept { return pid_ != 0 && pid_ != ::getpid(); }

    // `wait`: none is without limit.
    bool take(const std::optional<std::chrono::nanoseconds>& wait, const std::stop_token& stop) {
      std::unique_lock<std::mutex> guard(mutex_);
      const auto is_free = [this] { return pid_ == 0; };
      const bool is_mine =
          wait ? given_.wait_for(guard, stop, *wait, is_free) : given_.wait(guard, stop, is_free);
      if (is_mine) pid_ = ::getpid();
      return is_mine;
    }
    void give() noexcept {
      // Notify while mutex_ is held: the next thread may destroy this object as soon as it has its
      // turn.
      const std::lock_guard<std::mutex> guard(mutex_);
      pid_ = 0;
      given_.notify_one();
    }

   private:
    std::mutex mutex_;
    std::condition_variable_any given_;
    std::atomic<pid_t> pid_{0};  // the process in which it is taken; 0: it is free
  };

  int take(const std::optional<std::chrono::nanoseconds>& wait, const std::stop_token& stop);
  int ask(std::int64_t wait_ns, const std::stop_token& stop);
  void check_caller() const;

  // The number of the calling thread. No other thread ever has it, unlike a std::thread::id, which
  // the next thread may get when one has ended. Two shared objects may have a counter each, so it
  // begins with the time: then their numbers do not meet.
  static std::uint64_t this_thread() noexcept {
    static std::atomic<std::uint64_t> last{static_cast<std::uint64_t>(redlock_now())};
    thread_local const std::uint64_t number = ++last;
    return number;
  }

  const Names names_;
  const HoldOptions options_;
  Session session_;
  Turn turn_;  // taken by the thread that holds the lock or waits for the daemon
  std::atomic<std::uint64_t> holder_{0};  // a this_thread(), or 0
  mutable std::mutex guard_;              // of hold_
  std::shared_ptr<Hold> hold_;
};

inline void Lockable::check_caller() const {
  const auto refuse = [this](int code, const char* why) {
    throw Error(code, describe(names_) + ": " + redlock_strerror(code) + why);
  };
  if (turn_.is_foreign()) refuse(REDLOCK_EFORK, "");
  if (holder_ == this_thread()) {
    refuse(REDLOCK_EDEADLOCK, ": this thread holds it already, and would wait for itself");
  }
}

// Returns REDLOCK_OK, REDLOCK_EBUSY, REDLOCK_ETIMEOUT, REDLOCK_ENOTURN or REDLOCK_ECANCELLED.
inline int Lockable::take(const std::optional<std::chrono::nanoseconds>& wait,
                          const std::stop_token& stop) {
  check_caller();
  const auto begin = Clock::now();
  if (!turn_.take(wait, stop)) {
    return stop.stop_requested() ? int{REDLOCK_ECANCELLED} : int{REDLOCK_ETIMEOUT};
  }
  std::int64_t wait_ns = Session::kForever;
  if (wait && wait->count() == 0) wait_ns = Session::kNotAtAll;
  if (wait && wait->count() > 0) {
    wait_ns = std::max<std::int64_t>((*wait - (Clock::now() - begin)).count(), 1);
  }
  int code = REDLOCK_OK;
  try {
    code = ask(wait_ns, stop);
  } catch (...) {
    turn_.give();
    throw;
  }
  if (code != REDLOCK_OK) turn_.give();
  return code;
}

inline int Lockable::ask(std::int64_t wait_ns, const std::stop_token& stop) {
  auto result = session_.acquire(names_, options_, wait_ns, stop, REDLOCK_FOR_THREAD);
  if (result.is_taken()) return result.code;
  auto hold = std::make_shared<Hold>(std::move(result.require()));
  const std::lock_guard<std::mutex> guard(guard_);
  hold_ = std::move(hold);
  holder_ = this_thread();
  return REDLOCK_OK;
}

// A stray unlock() gives no turn away, and neither does one in a child of the process that locked.
inline void Lockable::unlock(std::error_code& error) noexcept {
  error = REDLOCK_ENOTHELD;
  if (turn_.is_foreign() || holder_.exchange(0) == 0) return;
  current()->release(error);
  turn_.give();
}

}  // namespace detail

class Mutex : public detail::Lockable {
 public:
  explicit Mutex(std::string name, HoldOptions options = {})
      : Mutex(Session::shared(), std::move(name), std::move(options)) {}
  Mutex(Session session, std::string name, HoldOptions options = {})
      : Lockable(std::move(session), {std::move(name)}, std::move(options)) {}

  const std::string& name() const noexcept { return all_names().front(); }

  // Returns the fence of the current hold, or else of the last one; 0 if there was none yet. Any thread
  // may call it; it asks nobody.
  [[nodiscard]] std::uint64_t fence() const noexcept {
    const auto hold = current();
    return hold ? hold->fence() : 0;
  }
};

class MultiLock : public detail::Lockable {
 public:
  // 1 to 16 names, all different; if they are not, the first lock() throws Error(REDLOCK_EINVAL).
  explicit MultiLock(Names names, HoldOptions options = {})
      : MultiLock(Session::shared(), std::move(names), std::move(options)) {}
  MultiLock(Session session, Names names, HoldOptions options = {})
      : Lockable(std::move(session), std::move(names), std::move(options)) {}

  const Names& names() const noexcept { return all_names(); }

  // Returns the fence of that lock in the current hold, or else in the last one; 0 if there was none
  // yet, or `name` is none of the names. Any thread may call it; it asks nobody.
  [[nodiscard]] std::uint64_t fence(const std::string& name) const noexcept {
    const auto hold = current();
    return hold ? hold->fence(name) : 0;
  }
};

}  // namespace redlock
