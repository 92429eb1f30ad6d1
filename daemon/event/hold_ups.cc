#include "daemon/event/hold_ups.h"

#include <algorithm>

#include "daemon/event/loop.h"

namespace redlockd::event {
namespace {

// A timer that is later than this was not held up by the kernel alone.
constexpr std::chrono::milliseconds kLate{5};

}  // namespace

HoldUps::HoldUps(Loop& loop, std::chrono::nanoseconds step)
    : step_(step), timer_(loop, [this] { OnTimer(); }) {}

// The timer that runs was started for the former step: what it takes longer is no hold-up.
void HoldUps::SetStep(std::chrono::nanoseconds step) {
  const auto now = Clock::now();
  if (timer_.running()) Look(now);
  step_ = step;
  if (!timer_.running()) return;
  seen_ = now;
  timer_.Start(step_);
}

void HoldUps::WatchUntil(Clock::time_point now, Clock::time_point end) {
  end_ = std::max(end_, end);
  if (timer_.running()) return;
  seen_ = now;
  timer_.Start(step_);
}

std::chrono::nanoseconds HoldUps::Total(Clock::time_point now) {
  if (timer_.running()) Look(now);
  return total_;
}

// A callback that takes long may look as well: only the timer shows that the loop turns.
void HoldUps::Look(Clock::time_point now) {
  if (now - seen_ <= step_ + kLate) return;
  total_ += now - seen_;
  seen_ = now;
}

void HoldUps::OnTimer() {
  const auto now = Clock::now();
  Look(now);
  seen_ = now;
  if (now < end_) timer_.Start(step_);
}

}  // namespace redlockd::event
