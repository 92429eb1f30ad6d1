// redlock::Mutex: a distributed lock as a standard mutex.
//
//   redlock::Mutex mutex("jobs");
//   std::scoped_lock guard(mutex);
//   store.Write(data, mutex.fence());  // the store refuses a fence older than the newest it has
//
// Meets BasicLockable, Lockable and TimedLockable, so std::scoped_lock (also of several),
// std::unique_lock and std::lock work. Not recursive. It is unlocked by the thread that locked it,
// like std::mutex.
//
// Sessions. Each Mutex has a session of its own, connected by the first lock(), and again by a
// later one if the daemon has gone and come back. Threads of one Mutex queue on it locally, so one
// of them at a time stands in the daemon's line.
//
// Loss. Unlike a std::mutex, a lease can end under its holder: the nodes are gone, or the daemon
// is. A small thread of the Mutex, made by the first lock(), watches while it is held: it reads the
// daemon's events and has a timer on CLOCK_BOOTTIME at the deadline, so loss is noticed also when
// the daemon says nothing. Then valid() is false, the stop_token of this hold is stopped and
// on_lost is called. This is so when the daemon says LOST, when the connection ends (nobody renews
// any more, though the lock is nobody else's before deadline()), and at the deadline. The thread
// has all signals blocked.
//
// Waits. try_lock_for() and try_lock_until() are over half a second after their time at the latest,
// whatever state the daemon is in.
//
// Pauses. A process that is stopped past the deadline learns of it only when it goes on, perhaps
// after a write. valid() narrows that gap, and only the fence closes it.
//
// Fork. In another process than the one that connected, lock() and its kin throw
// Error(REDLOCK_EFORK), unlock() does nothing, and nothing is written. The child's copy of the
// socket (until it calls exec or ends) keeps the session open when its parent has closed it.
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

// What on_lost is told.
struct Loss {
  std::string name;
  std::uint64_t fence = 0;
  std::string reason;  // "expired", "max-hold", "drain", or that the connection ended
};

struct MutexOptions {
  std::string socket_path{};  // "": $REDLOCK_SOCKET or the usual place
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::nanoseconds ttl{0};       // 0: the daemon's
  std::chrono::nanoseconds max_hold{0};  // 0: none
  std::string note{};                    // "": none
  // Called in the watching thread, at most once a hold, perhaps a moment after unlock(): `fence`
  // tells which. It may ask fence(), deadline() and valid(); it must not throw, lock, unlock or
  // destroy this Mutex.
  std::function<void(const Loss&)> on_lost{};
};

class Mutex {
 public:
  explicit Mutex(std::string name, MutexOptions options = {})
      : name_(std::move(name)), options_(std::move(options)) {}
  // Lets go if it is held, without waiting for the answer.
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Throws Error for whatever keeps it from the lock: no daemon, no quorum, draining, ...
  void lock();
  // False if another thread or session holds it; throws Error for everything else.
  bool try_lock() { return try_lock_for(std::chrono::nanoseconds(0)); }
  // False if it was held by others for all that time; throws Error for everything else.
  template <typename Rep, typename Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& wait) {
    return lock_within(std::chrono::ceil<std::chrono::nanoseconds>(wait));
  }
  template <typename OtherClock, typename Duration>
  bool try_lock_until(const std::chrono::time_point<OtherClock, Duration>& until) {
    return try_lock_for(until - OtherClock::now());
  }
  // Never throws: who needs to know whether it was still held asks valid() before.
  void unlock() noexcept;

  const std::string& name() const noexcept { return name_; }

  // Any thread may ask. No system call beyond the vDSO's clock.
  // Of the present hold, or of the last one; 0: none yet.
  std::uint64_t fence() const noexcept { return fence_.load(); }
  // The newest that is known; moves on with each renewal.
  Clock::time_point deadline() const noexcept {
    return Clock::time_point(std::chrono::nanoseconds(deadline_ns_.load()));
  }
  // Held, not known to be lost, and before its deadline.
  bool valid() const noexcept { return good_.load() && redlock_now() < deadline_ns_.load(); }
  // Of the present hold (call it while holding): stopped when it is lost, not by unlock().
  std::stop_token stop_token() const {
    const std::lock_guard io(io_);
    return stop_.get_token();
  }

 private:
  // Whose turn it is among the threads of this Mutex. A std::timed_mutex, but that ThreadSanitizer
  // understands it: the ones of g++ 12 and clang 14 do not see a timed lock of that.
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
      // Told under mutex_: the next thread may destroy all this as soon as it has its turn.
      const std::lock_guard guard(mutex_);
      taken_ = false;
      given_.notify_one();
    }

   private:
    std::mutex mutex_;
    std::condition_variable given_;
    bool taken_ = false;
  };

  // For the making of the watcher, which must take no signal of the program's: the program may
  // block one later, in all the threads that it knows of, and read it.
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

  // Until when a call may wait: kForever, or kNotAtAll for others.
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

  Turn turn_;  // of the thread that holds the lock, or stands in the daemon's line for all
  std::atomic<pid_t> pid_{0};  // that made the watcher, and connected
  std::atomic<std::uint64_t> fence_{0};
  std::atomic<std::int64_t> deadline_ns_{0};
  std::atomic<bool> good_{false};    // held, and no loss is known
  std::atomic<int> watched_fd_{-1};  // the session's socket while it is held

  // Whoever has io_ is the one thread that client_ belongs to. The watcher takes it for moments
  // only.
  mutable std::mutex io_;
  std::optional<Client> client_;  // guarded by io_, as are the next three
  bool held_ = false;
  std::stop_source stop_{std::nostopstate};
  std::optional<Loss> loss_;  // noticed, not yet told

  Fd wake_fd_;
  Fd timer_fd_;
  std::unique_ptr<std::jthread> watcher_;
};

// --- Taking and letting go -----------------------------------------------------------------------

inline Mutex::~Mutex() {
  if (is_foreign()) {
    // There is no such thread in this process: it can be neither joined nor detached.
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
  // Ten years are as good as more, and can be added to now.
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
    // It may have ended long ago: nobody watches while the lock is not held.
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
  options.note = options_.note;
  options.renew_events = true;
  return client_->lock(name_, options);
}

// A bounded wait is over half a second after its end, whatever state the daemon is in.
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

// False if nobody knows what the daemon thinks that this session holds: then the session has to
// end, and the hold with it.
inline bool Mutex::let_go() noexcept {
  const int error = redlock_unlock(client_->get(), name_.c_str(), fence_, 0);
  return error == REDLOCK_OK || error == REDLOCK_ELOST || error == REDLOCK_ENOTHELD;
}

// --- Noticing loss -------------------------------------------------------------------------------

// Runs under io_, in whichever thread reads the socket.
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
                             {watched_fd_.load(), POLLIN, 0}}};  // -1 is passed over
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
    // An end of the connection comes as an event; the error says nothing more.
    if (client_ && client_->fd() >= 0) redlock_dispatch(client_->get());
    if (redlock_now() >= deadline_ns_) note_loss("expired");
    arm_timer();
    loss = std::exchange(loss_, std::nullopt);
    stop = stop_;
  }
  // Without io_, so that the callbacks may ask for what they like.
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
  // It cannot fail but by overflow, and then the watcher is awake.
  if (::write(wake_fd_.get(), &one, sizeof(one)) < 0) return;
}

}  // namespace redlock
