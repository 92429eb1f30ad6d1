#pragma once

#include <algorithm>

#include "daemon/engine/types.h"
#include "tests/sim/timeline.h"

namespace redlockd::sim {

// Parts in a thousand million by which a clock runs fast.
using Ppb = std::int64_t;

// A host's CLOCK_BOOTTIME: begins anywhere, runs at a rate of its own, is never set.
class HostClock {
 public:
  HostClock(Duration boot, Ppb fast) : boot_(boot), fast_(fast) {}

  engine::Time At(Moment moment) const {
    return engine::Time(boot_ + moment + Duration(moment.count() * fast_ / 1'000'000'000));
  }
  // The first moment at which the clock shows `local` or more.
  Moment WhenIs(engine::Time local) const {
    Moment moment = local.time_since_epoch() - boot_;
    for (int i = 0; i < 6; ++i) moment -= At(moment) - local;  // a rate is off by little
    while (At(moment) >= local) --moment;
    while (At(moment) < local) ++moment;
    return moment;
  }

 private:
  Duration boot_;
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
