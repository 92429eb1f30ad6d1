#include "daemon/engine/clock_offset.h"

#include <algorithm>

namespace redlockd::engine {
namespace {

constexpr std::int64_t kStepTolerance = 2000;  // microseconds (rule D6)

}  // namespace

std::int64_t Microseconds(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

ClockOffset::Interval ClockOffset::Aged(Time now) const {
  const double age = static_cast<double>(Microseconds(now) - Microseconds(known_->at));
  const auto slack = static_cast<std::int64_t>(age * drift_) + 1;
  return {known_->low - slack, known_->high + slack, now};
}

ClockOffset::Step ClockOffset::Observe(NodeTime node_time, Time asked, Time heard) {
  // +1: both times were rounded down to microseconds.
  const Interval read{node_time - Microseconds(heard) - 1, node_time - Microseconds(asked) + 1,
                      heard};
  if (!known_) {
    known_ = read;
    return Step::kNone;
  }
  const Interval old = Aged(heard);
  if (read.low > old.high + kStepTolerance) {
    known_ = read;
    return Step::kForward;
  }
  if (read.high < old.low - kStepTolerance) {
    known_ = read;
    return Step::kBack;
  }
  if (read.low > old.high) {
    known_ = Interval{old.high, old.high, heard};
    return Step::kAhead;
  }
  if (read.high < old.low) {  // never mind: what was promised ends later by it
    known_ = read;
    return Step::kNone;
  }
  known_ = Interval{std::max(old.low, read.low), std::min(old.high, read.high), heard};
  return Step::kNone;
}

}  // namespace redlockd::engine
