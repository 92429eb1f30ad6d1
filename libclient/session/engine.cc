#include "libclient/session/engine.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <random>
#include <system_error>

namespace redlock::client {
namespace {

// The thread must take none of the program's signals: the program may later block a signal in all
// the threads that it knows of, and read it.
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

// A time that no clock overflows with.
constexpr std::int64_t kLongestSleep = 3'600'000'000'000;

double Jitter() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

// Has the mutex while a caller acts. What the core gives up meanwhile dies when it is unlocked.
class Engine::Access {
 public:
  explicit Access(Engine& engine) : core_(engine.core_), guard_(engine.mutex_) {}
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  ~Access() { gone_ = core_.TakeGone(); }

  std::unique_lock<std::mutex>& guard() { return guard_; }

 private:
  Core& core_;
  Core::Gone gone_;  // before the guard, and so destroyed after it
  std::unique_lock<std::mutex> guard_;
};

// Holds back what a holder is to hear until its locker knows that it is one: the function that hears
// of it may release the hold.
class Engine::Locker {
 public:
  Locker(const Engine& engine, Hold& hold) : engine_(engine), hold_(hold) {
    hold_.has_locker = true;
  }
  Locker(const Locker&) = delete;
  Locker& operator=(const Locker&) = delete;
  ~Locker() {
    hold_.has_locker = false;
    if (!engine_.early_.empty()) engine_.Wake();
  }

 private:
  const Engine& engine_;
  Hold& hold_;
};

Engine::Engine(std::string path) : path_(std::move(path)), core_(&Jitter) {}

std::string Engine::Start(const std::shared_ptr<Engine>& self) {
  const std::lock_guard guard(mutex_);
  if (thread_.joinable()) return {};
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  timer_.Reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!wake_ || !timer_) return std::string("no descriptor: ") + std::strerror(errno);
  const AllSignalsBlocked inherited_by_the_thread;
  try {
    thread_ = std::thread([self] { self->Run(); });
  } catch (const std::system_error& error) {
    return std::string("no thread: ") + error.what();
  }
  thread_id_ = thread_.get_id();
  return {};
}

void Engine::Stop() {
  {
    const std::lock_guard guard(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
    Wake();
  }
  if (IsOwnThread()) return thread_.detach();  // its last turn ends soon
  thread_.join();
}

// --- Callers -------------------------------------------------------------------------------------

Outcome Engine::Lock(const HoldPtr& hold, std::int64_t wait_ns) {
  Access access(*this);
  const Locker locker(*this, *hold);
  core_.Lock(hold, wait_ns, Now());
  Act();
  Await(*hold, access.guard());
  return {hold->error, hold->text};
}

Outcome Engine::Release(const HoldPtr& hold) { return Release(hold, true); }

Outcome Engine::ReleaseLater(const HoldPtr& hold) { return Release(hold, false); }

Outcome Engine::Release(const HoldPtr& hold, bool is_awaited) {
  Access access(*this);
  const std::int64_t now = Now();
  CatchUp(now);
  core_.Release(hold, is_awaited, now);
  Act();
  Await(*hold, access.guard());
  return {hold->error, hold->text};
}

void Engine::Cancel(const HoldPtr& hold) {
  const Access access(*this);
  core_.Cancel(hold);
  Act();
}

void Engine::Ask(const QueryPtr& query, std::int64_t timeout_ns) {
  Access access(*this);
  core_.Ask(query, timeout_ns, Now());
  Act();
  Await(*query, access.guard());
}

void Engine::Check(const QueryPtr& query, const HoldPtr& hold) {
  Access access(*this);
  const std::int64_t now = Now();
  CatchUp(now);
  core_.Check(query, hold, now);
  Act();
  Await(*query, access.guard());
}

void Engine::Cancel(const QueryPtr& query) {
  const Access access(*this);
  core_.Cancel(query);
}

// No time is over before what has come until then is read: it may be a renewal, or an answer.
void Engine::CatchUp(std::int64_t now) {
  if (core_.NextDue() <= now) ReadWhatIsThere();
}

// Sends from the caller's thread what can be sent now, and leaves the rest to the session's.
void Engine::Act() {
  const std::int64_t now = Now();
  CatchUp(now);
  core_.Run(now);
  Flush();
  const bool is_for_thread = core_.wants_close() || core_.wants_connect() || core_.has_notices() ||
                             connection_.has_unsent();
  if (is_for_thread || core_.NextDue() < armed_ns_) Wake();
}

// The thread keeps the time, unless it is in a function that waits for this very caller.
void Engine::Await(Awaited& answer, std::unique_lock<std::mutex>& guard) {
  while (!answer.is_answered) {
    const std::int64_t left = answer.due_ns - Now();
    if (left <= 0) {
      Act();
    } else {
      answer.answered.wait_for(guard, std::chrono::nanoseconds(std::min(left, kLongestSleep)));
    }
  }
}

void Engine::Wake() const {
  const std::uint64_t one = 1;
  // This can fail only by overflow, and then the thread is awake anyway.
  if (write(wake_.get(), &one, sizeof(one)) < 0) return;
}

// --- The thread ----------------------------------------------------------------------------------

void Engine::Run() {
  pthread_setname_np(pthread_self(), "redlock");
  std::unique_lock guard(mutex_);
  while (!stopping_) {
    Turn(Now());
    const bool was_called = Deliver(guard);
    if (!was_called) Wait();  // else there may be more to do already
    guard.lock();
  }
  connection_.Close();
  parked_.clear();
}

// What may be delivered now.
Core::Notices Engine::TakeNotices() {
  Core::Notices all = std::exchange(early_, {});
  Core::Notices fresh = core_.TakeNotices();
  std::move(fresh.begin(), fresh.end(), std::back_inserter(all));
  Core::Notices ready;
  for (auto& entry : all) {
    (entry.first->has_locker ? early_ : ready).push_back(std::move(entry));
  }
  return ready;
}

// Calls the holders' functions. The mutex is unlocked before, and stays so: with the references in
// here a hold may die. Returns whether there was a function to call.
bool Engine::Deliver(std::unique_lock<std::mutex>& guard) {
  const Core::Gone gone = core_.TakeGone();
  const Core::Notices notices = TakeNotices();
  guard.unlock();
  for (const auto& [hold, notice] : notices) {
    if (hold->on_notice && !hold->is_let_go) hold->on_notice(notice);
  }
  return !notices.empty();
}

void Engine::Turn(std::int64_t now) {
  ReadWhatIsThere();
  core_.Run(now);
  while (core_.wants_close() || core_.wants_connect()) {
    if (core_.wants_close()) CloseConnection();
    if (core_.wants_connect()) Connect();
    core_.Run(Now());
  }
  Flush();
  std::erase_if(parked_, [&](const auto& parked) { return parked.first <= now; });
  armed_ns_ = core_.NextDue();
  for (const auto& parked : parked_) armed_ns_ = std::min(armed_ns_, parked.first);
  const std::int64_t at = armed_ns_ == kNever ? 0 : std::max<std::int64_t>(armed_ns_, 1);
  itimerspec when{};  // 0 disarms
  when.it_value.tv_sec = at / 1'000'000'000;
  when.it_value.tv_nsec = at % 1'000'000'000;
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Engine::ReadWhatIsThere() {
  if (!connection_.is_open() || core_.wants_close()) return;
  const std::string end = connection_.Receive();
  if (const base::Descriptor file = connection_.TakeDescriptor()) core_.TakePage(Page::Map(file));
  std::string_view line;
  while (!core_.wants_close()) {
    const auto status = connection_.NextLine(&line);
    if (status == protocol::LineReader::Status::kNeedMore) break;
    if (status == protocol::LineReader::Status::kTooLong) {
      return core_.Ended(REDLOCK_EPROTOCOL, "a line of the daemon is too long", Now());
    }
    core_.TakeLine(line, Now());
  }
  if (!end.empty()) core_.Ended(REDLOCK_ECLOSED, end, Now());
}

void Engine::Connect() {
  const std::int64_t before = Now();
  const std::string problem = connection_.Open(path_);
  if (problem.empty()) return core_.Connected(before);
  const int error = connection_.was_denied() ? REDLOCK_EDENIED : REDLOCK_ECONNECT;
  core_.ConnectFailed(error, problem, Now());
}

void Engine::CloseConnection() {
  const std::int64_t until = core_.park_until();
  Socket socket = connection_.Release();
  if (socket && until > Now()) parked_.emplace_back(until, std::move(socket));
  core_.Closed();
}

void Engine::Flush() {
  if (connection_.is_open() && !core_.wants_close()) connection_.Send(core_.TakeOutgoing());
}

void Engine::Wait() {
  // Only this thread opens and closes the socket, so it may look at it without the mutex. What is
  // unsent is another matter, but another thread that leaves something unsent wakes this one.
  std::array<pollfd, 3> fds{{{wake_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}, {-1, 0, 0}}};
  {
    const std::lock_guard guard(mutex_);
    if (connection_.is_open()) fds[2] = {connection_.fd(), connection_.PollEvents(), 0};
  }
  if (poll(fds.data(), fds.size(), -1) <= 0) return;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    if (fds[i].revents != 0 && read(fds[i].fd, &count, sizeof(count)) < 0) continue;  // taken
  }
}

void Engine::AfterForkInChild() {
  wake_.Reset();
  timer_.Reset();
}

}  // namespace redlock::client
