#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "daemon/event/timer_queue.h"

namespace redlockd::event {

class Loop;

// A one-shot timer on CLOCK_MONOTONIC, late by less than 0.1 ms on an idle machine. It stands still
// while the host is suspended: for node I/O; whatever guards a lease uses BootAlarm.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Start(std::chrono::nanoseconds after);  // again if it is running; <= 0: next turn
  void Cancel();
  bool running() const { return place_.has_value(); }

 private:
  friend class TimerQueue;
  void Ring();

  TimerQueue& queue_;
  std::shared_ptr<std::function<void()>> callback_;
  std::optional<TimerQueue::Place> place_;  // while it is running
};

}  // namespace redlockd::event
