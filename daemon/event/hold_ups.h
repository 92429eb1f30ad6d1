#pragma once

#include <chrono>

#include "daemon/event/timer.h"

namespace redlockd::event {

class Loop;

// How long a loop did not turn, because a callback took long, or because the process or the host stood
// still: time that is not to be counted against those whose answers it waits for. One for all that wait,
// as it costs a turn of the loop in each `step` while somebody does.
class HoldUps {
 public:
  using Clock = std::chrono::steady_clock;

  HoldUps(Loop& loop, std::chrono::nanoseconds step);

  // From now on it is to see what takes longer than this.
  void SetStep(std::chrono::nanoseconds step);
  // Watches from now on, until `end` at least.
  void WatchUntil(Clock::time_point now, Clock::time_point end);
  // Returns how long the loop was held up while it was watched, in all. `now` is the present time. Each
  // hold-up counts from the last turn that was seen, which is at most a step before it began.
  std::chrono::nanoseconds Total(Clock::time_point now);

 private:
  void Look(Clock::time_point now);
  void OnTimer();

  std::chrono::nanoseconds step_;
  std::chrono::nanoseconds total_{0};
  Clock::time_point seen_;  // turning
  Clock::time_point end_;
  Timer timer_;
};

}  // namespace redlockd::event
