#include "daemon/event/timer_queue.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "daemon/event/timer.h"

namespace redlockd::event {
namespace {

int NewTimer() {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

}  // namespace

TimerQueue::TimerQueue(Loop& loop)
    : fd_(NewTimer()),
      watch_(loop, fd_.get(), Watch::Trigger::kLevel, [this](unsigned) { Ring(); }) {
  watch_.Want(Watch::kRead);
}

TimerQueue::~TimerQueue() { watch_.Want(Watch::kNothing); }

TimerQueue::Place TimerQueue::Add(Clock::time_point at, Timer& timer) {
  if (at < rings_) RingAt(at);
  return timers_.emplace(at, &timer);
}

void TimerQueue::RingAt(Clock::time_point at) {
  rings_ = at;
  const auto ns = std::chrono::nanoseconds(at.time_since_epoch()).count();
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  spec.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void TimerQueue::Ring() {
  std::uint64_t times = 0;
  // Nothing to read: it was set anew in this very turn.
  if (read(fd_.get(), &times, sizeof times) < 0) return;
  rings_ = Clock::time_point::max();
  // What a callback starts for now is of the next turn.
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) timers_.begin()->second->Ring();
  if (!timers_.empty() && timers_.begin()->first < rings_) RingAt(timers_.begin()->first);
}

}  // namespace redlockd::event
