#pragma once

#include <optional>

#include "daemon/engine/state.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// What is known of how far a node's TIME is ahead of this host's CLOCK_BOOTTIME: an interval, since
// the node read its clock at some moment between our asking and our hearing (rule D6).
class ClockOffset {
 public:
  enum class Step {
    kNone,
    kAhead,    // above what was known, by no more than the tolerance
    kForward,  // ... by more than that: a step
    kBack,
  };

  // `drift`: how far apart the rates of the two clocks may be; widens what is known as it ages.
  explicit ClockOffset(double drift) : drift_(drift) {}

  // Takes one reading. It is a step when it cannot be had from the old knowledge by more than 2 ms;
  // what is known then starts anew from the reading. Less than that adds up: a clock that goes
  // wrong little by little has made a step as well.
  Step Observe(NodeTime node_time, Time asked, Time heard);
  // The node restarted: what was known of its clock says nothing.
  void Reset() { known_.reset(); }

  // For the next process, and from the former one (rule H2).
  std::optional<record::Clock> Save() const;
  void Restore(const record::Clock& clock);

  // Middle of the interval, in microseconds; none before the first reading.
  std::optional<std::int64_t> Middle() const {
    if (!known_) return std::nullopt;
    return known_->low + (known_->high - known_->low) / 2;
  }

 private:
  struct Interval {
    std::int64_t low, high;  // microseconds
    Time at;
  };
  Interval Aged(Time now) const;

  double drift_;
  std::optional<Interval> known_;
};

// CLOCK_BOOTTIME in whole microseconds.
std::int64_t Microseconds(Time time);

}  // namespace redlockd::engine
