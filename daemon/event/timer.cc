#include "daemon/event/timer.h"

#include <algorithm>
#include <utility>

#include "daemon/event/loop.h"

namespace redlockd::event {

Timer::Timer(Loop& loop, std::function<void()> callback)
    : queue_(loop.timers()),
      callback_(std::make_shared<std::function<void()>>(std::move(callback))) {}

Timer::~Timer() { Cancel(); }

void Timer::Start(std::chrono::nanoseconds after) {
  Cancel();
  const auto now = TimerQueue::Clock::now();
  const auto end = TimerQueue::Clock::time_point::max() - now;
  place_ = queue_.Add(now + std::clamp<std::chrono::nanoseconds>(after, {}, end), *this);
}

void Timer::Cancel() {
  if (place_) queue_.Remove(*place_);
  place_.reset();
}

void Timer::Ring() {
  Cancel();
  const auto call = callback_;  // it may destroy the timer
  (*call)();
}

}  // namespace redlockd::event
