// redlock::Mutex: a distributed lock as a standard mutex.
//
//   redlock::Mutex mutex("jobs");
//   std::scoped_lock guard(mutex);
//   store.Write(data, mutex.fence());  // the store refuses fences older than the newest it saw
//
// Mutex meets the requirements of BasicLockable, Lockable and TimedLockable, so std::scoped_lock
// (of several mutexes, too), std::unique_lock and std::lock work. It is not recursive. Like a
// std::mutex, it is unlocked by the thread that locked it.
//
// SESSIONS. Each Mutex has a session of its own. The first lock() connects it, and a later lock()
// connects again if the daemon has gone and come back. The threads that share a Mutex queue for it
// locally, so only one of them at a time waits for the daemon.
//
// LOSS. Unlike a std::mutex, a lease can end while it is held: the nodes or the daemon may go away.
// The first lock() starts a small thread, which watches while the lock is held: it reads the
// daemon's events and has a timer on CLOCK_BOOTTIME at the deadline, so it notices a loss even if
// the daemon sends nothing. Then valid() becomes false, a stop is requested on the stop_token of
// this hold, and on_lost is called. This happens when the daemon sends LOST, when the connection
// ends (nobody renews the lease any more, although nobody else gets the lock before deadline()),
// and at the deadline. The thread has all signals blocked.
//
// WAITS. try_lock_for() and try_lock_until() return at most half a second after their time is over,
// whatever state the daemon is in.
//
// PAUSES. A process that is paused past the deadline learns of the loss only when it continues,
// perhaps after a write. valid() narrows that gap; only the fence closes it.
//
// FORK. In a process other than the one that connected, lock() and the try_lock functions throw
// Error(REDLOCK_EFORK), unlock() does nothing, and nothing is written. The child's copy of the
// socket keeps the session open, even after the parent has closed its own, until the child calls
// exec or ends.
#pragma once

#if __cplusplus < 202002L
#error "redlock/mutex.hpp needs C++20"
#endif

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <redlock/redlock.hpp>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace redlock {

// The argument of on_lost.
struct Loss {
  std::string name;
  std::uint64_t fence = 0;
  std::string reason;  // "expired", "max-hold", "drain", or that the connection ended
};

struct MutexOptions {
  std::string socket_path{};  // "": $REDLOCK_SOCKET, or else /run/redlockd/redlockd.sock
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::nanoseconds ttl{0};       // 0: the daemon's lease.ttl
  std::chrono::nanoseconds max_hold{0};  // 0: no limit
  std::chrono::nanoseconds min_hold{0};  // 0: none; else nobody gets it before; at most 24 h
  std::string note{};                    // "": none
  // Called in the watching thread, at most once per hold, perhaps a moment after unlock(); `fence`
  // identifies the hold. It may call fence(), deadline() and valid(). It must not throw, and must
  // not lock, unlock or destroy this Mutex.
  std::function<void(const Loss&)> on_lost{};
};

class Mutex {
 public:
  explicit Mutex(std::string name, MutexOptions options = {})
      : name_(std::move(name)), options_(std::move(options)) {}
  // Releases the lock if it is held, without waiting for the answer.
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Takes the lock; waits without limit. Throws Error if it fails (no daemon, no quorum, ...).
  void lock();
  // Returns false if another thread or session holds the lock; throws Error for any other failure.
  bool try_lock() { return try_lock_for(std::chrono::nanoseconds(0)); }
  // Returns false if others held the lock for all that time; throws Error for any other failure.
  template <typename Rep, typename Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& wait) {
    return lock_within(std::chrono::ceil<std::chrono::nanoseconds>(wait));
  }
  template <typename OtherClock, typename Duration>
  bool try_lock_until(const std::chrono::time_point<OtherClock, Duration>& until) {
    return try_lock_for(until - OtherClock::now());
  }
  // Releases the lock. It does not report whether the lock was still held; call valid() before.
  void unlock() noexcept;

  const std::string& name() const noexcept { return name_; }

  // Any thread may call the functions below. fence(), deadline() and valid() make no system call;
  // valid() reads the clock through the vDSO.

  // Returns the fence of the current hold, or else of the last one; 0 if there was none yet.
  std::uint64_t fence() const noexcept { return fence_.load(); }
  // Returns the latest deadline that is known. It moves on with each renewal.
  Clock::time_point deadline() const noexcept {
    return Clock::time_point(std::chrono::nanoseconds(deadline_ns_.load()));
  }
  // Returns whether the lock is held, not known to be lost, and before its deadline.
  bool valid() const noexcept { return good_.load() && redlock_now() < deadline_ns_.load(); }
  // Returns the stop_token of the current hold (call it while holding the lock). A stop is
  // requested when the lock is lost, but not by unlock().
  std::stop_token stop_token() const {
    const std::lock_guard io(io_);
    return stop_.get_token();
  }

 private:
  // Gives the threads of this Mutex their turns. It is a std::timed_mutex that ThreadSanitizer
  // understands: the sanitizers of g++ 12 and clang 14 do not see a timed lock of a
  // std::timed_mutex.
  class Turn {
   public:
    void lock() {
      std::unique_lock guard(mutex_);
      given_.wait(guard, [this] { return !taken_; });
      taken_ = true;
    }
    bool try_lock_for(std::chrono::nanoseconds wait) {
      std::unique_lock guard(mutex_);
      if (!given_.wait_for(guard, wait, [this] { return !taken_; })) return false;
      return taken_ = true;
    }
    void unlock() noexcept {
      // Notify while mutex_ is held: the next thread may destroy this object as soon as it has its
      // turn.
      const std::lock_guard guard(mutex_);
      taken_ = false;
      given_.notify_one();
    }

   private:
    std::mutex mutex_;
    std::condition_variable given_;
    bool taken_ = false;
  };

  // Blocks all signals while the watcher is started. The watcher must take none of the program's
  // signals: the program may later block a signal in all the threads that it knows of, and read it.
  class AllSignalsBlocked {
   public:
    AllSignalsBlocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
    ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

   private:
    sigset_t before_{};
  };

  // A file descriptor that closes itself.
  class Fd {
   public:
    Fd() = default;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(-1); }
    void reset(int fd) {
      if (fd_ >= 0) ::close(fd_);
      fd_ = fd;
    }
    int get() const { return fd_; }

   private:
    int fd_ = -1;
  };

  // Until when a call may wait: a time, kForever, or kNotAtAll.
  static constexpr Clock::time_point kForever = Clock::time_point::max();
  static constexpr Clock::time_point kNotAtAll{};
  static bool is_bounded(Clock::time_point until) {
    return until != kForever && until != kNotAtAll;
  }

  bool lock_within(std::chrono::nanoseconds wait);
  void take(Clock::time_point until);
  Grant ask(Clock::time_point until);
  Grant ask_once(Clock::time_point until);
  void connect(Clock::time_point until);
  bool let_go() noexcept;
  void begin(const Grant& grant);
  void take_event(const redlock_event& event);
  void note_loss(const char* reason);
  bool is_foreign() const noexcept { return pid_.load() != 0 && pid_.load() != ::getpid(); }

  void start_watching();
  void watch(std::stop_token ending);
  void wait_for_something() const;
  void look();
  void arm_timer() const;
  void wake() const;

  const std::string name_;
  const MutexOptions options_;

  Turn turn_;                  // held by the thread that holds the lock or waits for the daemon
  std::atomic<pid_t> pid_{0};  // the process that started the watcher and connected
  std::atomic<std::uint64_t> fence_{0};
  std::atomic<std::int64_t> deadline_ns_{0};
  std::atomic<bool> good_{false};    // held, and no loss is known
  std::atomic<int> watched_fd_{-1};  // the session's socket while it is held

  // The thread that holds io_ is the one that may use client_. The watcher holds it only for
  // moments.
  mutable std::mutex io_;
  std::optional<Client> client_;  // guarded by io_, as are the next three
  bool held_ = false;
  std::stop_source stop_{std::nostopstate};
  std::optional<Loss> loss_;  // noticed, but not reported yet

  Fd wake_fd_;
  Fd timer_fd_;
  std::unique_ptr<std::jthread> watcher_;
};

// --- Taking and releasing ------------------------------------------------------------------------

inline Mutex::~Mutex() {
  if (is_foreign()) {
    // The watcher does not exist in this process, so it can be neither joined nor detached.
    static_cast<void>(watcher_.release());
    return;
  }
  if (!watcher_) return;
  watcher_->request_stop();
  wake();
  watcher_->join();
}

inline void Mutex::lock() {
  if (is_foreign()) throw Error(REDLOCK_EFORK, redlock_strerror(REDLOCK_EFORK));
  std::unique_lock turn(turn_);
  take(kForever);
  turn.release();  // kept until unlock()
}

inline bool Mutex::lock_within(std::chrono::nanoseconds wait) {
  if (is_foreign()) throw Error(REDLOCK_EFORK, redlock_strerror(REDLOCK_EFORK));
  // Ten years are long enough, and adding them to the current time does not overflow.
  wait = std::clamp<std::chrono::nanoseconds>(wait, {}, std::chrono::hours(24 * 3650));
  const Clock::time_point until = Clock::now() + wait;
  std::unique_lock turn(turn_, std::defer_lock);
  if (!turn.try_lock_for(wait)) return false;
  try {
    take(wait.count() == 0 ? kNotAtAll : until);
  } catch (const Error& error) {
    if (error.code() == REDLOCK_EBUSY || error.code() == REDLOCK_ETIMEOUT) return false;
    throw;
  }
  turn.release();
  return true;
}

inline void Mutex::take(Clock::time_point until) {
  const std::lock_guard io(io_);
  start_watching();
  begin(ask(until));
}

inline Grant Mutex::ask(Clock::time_point until) {
  const bool was_connected = client_.has_value();
  if (!was_connected) connect(until);
  try {
    return ask_once(until);
  } catch (const Error& error) {
    if (error.code() != REDLOCK_ECLOSED) throw;
    client_.reset();
    // The connection may have ended long ago: nobody watches it while the lock is not held.
    if (!was_connected) throw;
  }
  connect(until);
  return ask_once(until);
}

inline Grant Mutex::ask_once(Clock::time_point until) {
  LockOptions options;
  if (until == kNotAtAll) options.wait = std::chrono::nanoseconds(0);
  if (is_bounded(until)) {
    options.wait = std::max(until - Clock::now(), std::chrono::nanoseconds(1));
  }
  options.ttl = options_.ttl;
  options.max_hold = options_.max_hold;
  options.min_hold = options_.min_hold;
  options.note = options_.note;
  options.renew_events = true;
  return client_->lock(name_, options);
}

// A call with a bounded wait returns at most half a second after its end, whatever state the daemon
// is in.
inline void Mutex::connect(Clock::time_point until) {
  std::chrono::nanoseconds timeout = options_.connect_timeout;
  if (is_bounded(until)) {
    const std::chrono::nanoseconds left = until - Clock::now() + std::chrono::milliseconds(500);
    if (timeout.count() < 0 || left < timeout) timeout = left;
    timeout = std::max(timeout, std::chrono::nanoseconds(0));
  }
  client_.emplace(options_.socket_path, timeout);
  client_->on_event([this](const redlock_event& event) { take_event(event); });
}

inline void Mutex::begin(const Grant& grant) {
  held_ = true;
  stop_ = std::stop_source();
  loss_.reset();
  fence_ = grant.fence;
  deadline_ns_ = grant.deadline.time_since_epoch().count();
  watched_fd_ = client_->fd();
  good_ = true;
  arm_timer();
  wake();
}

inline void Mutex::unlock() noexcept {
  if (is_foreign()) return;
  {
    const std::lock_guard io(io_);
    held_ = good_ = false;
    watched_fd_ = -1;
    if (client_ && !let_go()) client_.reset();
  }
  turn_.unlock();
}

// Returns false if it is unknown whether the daemon still counts the lock as held: then the session
// must be closed, which ends the hold.
inline bool Mutex::let_go() noexcept {
  const int error = redlock_unlock(client_->get(), name_.c_str(), fence_, 0);
  return error == REDLOCK_OK || error == REDLOCK_ELOST || error == REDLOCK_ENOTHELD;
}

// --- Noticing loss -------------------------------------------------------------------------------

// Runs while io_ is held, in the thread that reads the socket.
inline void Mutex::take_event(const redlock_event& event) {
  if (!held_) return;
  if (event.type == REDLOCK_EVENT_CLOSED) {
    watched_fd_ = -1;
    note_loss(event.reason);
    return;
  }
  if (event.fence != fence_) return;
  if (event.type == REDLOCK_EVENT_LOST) {
    note_loss(event.reason == nullptr ? "expired" : event.reason);
  } else if (event.type == REDLOCK_EVENT_BROKEN) {
    note_loss("broken");
  } else if (event.deadline_ns != 0) {
    deadline_ns_ = event.deadline_ns;
  }
}

inline void Mutex::note_loss(const char* reason) {
  if (good_.exchange(false)) loss_ = Loss{name_, fence_, reason};
}

inline void Mutex::start_watching() {
  if (watcher_) return;
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  timer_fd_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (wake_fd_.get() < 0 || timer_fd_.get() < 0) {
    throw std::system_error(errno, std::generic_category(), "redlock::Mutex: eventfd or timerfd");
  }
  pid_ = ::getpid();
  const AllSignalsBlocked inherited_by_the_watcher;
  watcher_ =
      std::make_unique<std::jthread>([this](std::stop_token ending) { watch(std::move(ending)); });
}

inline void Mutex::watch(std::stop_token ending) {
  while (!ending.stop_requested()) {
    wait_for_something();
    look();
  }
}

inline void Mutex::wait_for_something() const {
  std::array<pollfd, 3> fds{{{wake_fd_.get(), POLLIN, 0},
                             {timer_fd_.get(), POLLIN, 0},
                             {watched_fd_.load(), POLLIN, 0}}};  // poll() ignores -1
  if (::poll(fds.data(), fds.size(), -1) <= 0) return;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    if (fds[i].revents != 0 && ::read(fds[i].fd, &count, sizeof(count)) < 0)
      continue;  // taken already
  }
}

inline void Mutex::look() {
  std::optional<Loss> loss;
  std::stop_source stop(std::nostopstate);
  {
    const std::lock_guard io(io_);
    if (!held_) return;
    // The end of the connection is reported by an event; the error adds nothing to that.
    if (client_ && client_->fd() >= 0) redlock_dispatch(client_->get());
    if (redlock_now() >= deadline_ns_) note_loss("expired");
    arm_timer();
    loss = std::exchange(loss_, std::nullopt);
    stop = stop_;
  }
  // io_ is not held here, so that the callbacks may call any accessor.
  if (!loss) return;
  stop.request_stop();
  if (options_.on_lost) options_.on_lost(*loss);
}

inline void Mutex::arm_timer() const {
  const std::int64_t at = good_ ? deadline_ns_.load() : 0;  // 0 disarms
  itimerspec when{};
  when.it_value.tv_sec = at / 1'000'000'000;
  when.it_value.tv_nsec = at % 1'000'000'000;
  ::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

inline void Mutex::wake() const {
  const std::uint64_t one = 1;
  // This can fail only by overflow, and then the watcher is awake anyway.
  if (::write(wake_fd_.get(), &one, sizeof(one)) < 0) return;
}

}  // namespace redlock
