#pragma once

#include <chrono>
#include <map>

#include "base/descriptor.h"
#include "daemon/event/watch.h"

namespace redlockd::event {

class Loop;
class Timer;

// All timers of a loop, on one timerfd. It is set when the first of them changes to an earlier
// time, and rings too early for one that was put off; libevent would set its own in each turn. For
// Timer and Loop only.
class TimerQueue {
 public:
  using Clock = std::chrono::steady_clock;
  using Place = std::multimap<Clock::time_point, Timer*>::iterator;

  explicit TimerQueue(Loop& loop);  // throws std::system_error if the kernel gives no timer
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  Place Add(Clock::time_point at, Timer& timer);
  void Remove(Place place) { timers_.erase(place); }

 private:
  void Ring();
  void RingAt(Clock::time_point at);

  std::multimap<Clock::time_point, Timer*> timers_;
  Clock::time_point rings_ = Clock::time_point::max();  // the kernel will, then
  redlock::base::Descriptor fd_;
  Watch watch_;
};

}  // namespace redlockd::event
