#pragma once

#include "daemon/engine/timing.h"
#include "daemon/redis/options.h"

namespace redlockd::sim {

// The settings of every daemon in a world: as small as the rules allow, so that in a few seconds
// leases end, fences are forgotten and quarantines pass.
inline engine::Timing WorldTiming() {
  using namespace std::chrono_literals;
  engine::Timing timing;
  timing.ttl = 200ms;
  timing.max_ttl = 400ms;
  timing.drift = 0.02;  // large, so that who forgets it is seen
  timing.fence_window = 100ms;
  timing.fence_life = 500ms;
  timing.command_timeout = 20ms;
  timing.quorum_wait = 300ms;
  timing.retry_interval = 60ms;
  return timing;
}

// What the nodes' clocks show at first, or somewhat more.
inline constexpr engine::NodeTime kYear2025 = 1'735'689'600'000'000;  // us since 1970

// By how much a clock's rate is off at most, in parts of 10^9: two of them are within `drift`.
inline constexpr std::int64_t kOffRate = 9'000'000;

// As NodeOptions::connect_timeout says.
inline constexpr engine::Duration kConnectTimeout = std::chrono::milliseconds(100);

// Those of them that the scripts get.
inline redis::SetOptions SetOf(const engine::Timing& timing) {
  return {.key_prefix = "",
          .max_ttl = timing.max_ttl,
          .fence_window = timing.fence_window,
          .fence_life = timing.fence_life,
          .quarantine = timing.Quarantine(),
          .retry_interval = timing.retry_interval,
          .max_interval = timing.MaxInterval(),
          .first_poll = timing.FirstPoll()};
}

}  // namespace redlockd::sim
