#pragma once

#include <algorithm>

#include "daemon/engine/types.h"
#include "tests/sim/timeline.h"

namespace redlockd::sim {

// Parts in a thousand million by which a clock runs fast.
using Ppb = std::int64_t;

// A host's CLOCK_BOOTTIME: begins anywhere and runs at a rate of its own. On a host that is at
// fault it stands still, jumps, or runs at another rate for a while.
class HostClock {
 public:
  static constexpr Ppb kStill = -1'000'000'000;

  HostClock(Duration boot, Ppb fast) : shown_(boot), fast_(fast) {}

  engine::Time At(Moment moment) const {
    const Duration passed = moment - since_;
    // In two parts, for a product of both would not fit.
    const Duration seconds = passed / 1'000'000'000;
    const Duration rest = passed % 1'000'000'000;
    return engine::Time(shown_ + passed + seconds * fast_ +
                        Duration(rest.count() * fast_ / 1'000'000'000));
  }
  // The first moment at which the clock shows `local` or more, if nothing else happens to it.
  Moment WhenIs(engine::Time local) const {
    if (fast_ == kStill) return local <= At(since_) ? since_ : since_ + std::chrono::hours(1);
    Moment moment = since_ + (local.time_since_epoch() - shown_);
    // Nearer each time, for a rate is off by less than all.
    for (int i = 0; i < 40; ++i) {
      const Duration off = At(moment) - local;
      if (std::chrono::abs(off) <= Duration(2)) break;
      moment -= off;
    }
    while (At(moment) >= local) --moment;
    while (At(moment) < local) ++moment;
    return moment;
  }

  // From `moment` on.
  void Run(Moment moment, Ppb fast) {
    shown_ = At(moment).time_since_epoch();
    since_ = moment;
    fast_ = fast;
  }
  void Jump(Duration by) { shown_ += by; }

 private:
  Duration shown_;  // at `since_`
  Moment since_{};
  Ppb fast_;
};

// A node's TIME: now faster, now slower, as a clock that is kept right is; and it can be set.
class NodeClock {
 public:
  // `wobble`: by how much its rate is off, one way or the other, a second each. `fast`: all the
  // time.
  NodeClock(engine::NodeTime start, Ppb wobble, Moment phase, Ppb fast)
      : shown_(start), wobble_(wobble), phase_(phase), fast_(fast) {}

  engine::NodeTime At(Moment moment) const {
    return shown_ + (moment + Part(moment, fast_) + Part(Wave(moment), wobble_)).count() / 1000;
  }
  void Step(std::int64_t microseconds) { shown_ += microseconds; }

 private:
  static Duration Part(Duration time, Ppb ppb) {
    return Duration(time.count() * ppb / 1'000'000'000);
  }
  // Up and down between 0 and a second.
  Duration Wave(Moment moment) const {
    constexpr Duration kSecond = std::chrono::seconds(1);
    const Duration in_period = (moment + phase_) % (2 * kSecond);
    return std::min(in_period, 2 * kSecond - in_period);
  }

  engine::NodeTime shown_;
  Ppb wobble_;
  Moment phase_;
  Ppb fast_;
};

}  // namespace redlockd::sim
