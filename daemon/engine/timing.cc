#include "daemon/engine/timing.h"

#include <algorithm>
#include <cstdio>

namespace redlockd::engine {

using std::chrono::milliseconds;
using std::chrono::seconds;

Duration Timing::DriftAllowance(Duration ttl) const {
  // Rounded up: a lease may be judged shorter than it is, never longer.
  const auto share = static_cast<Duration::rep>(static_cast<double>(ttl.count()) * drift) + 1;
  return Duration(share) + milliseconds(2);
}

Duration Timing::MinTtl() const {
  // The allowance grows with the ttl, so the smallest ttl t solves t = 4c + 2(t*drift + 2ms).
  const double fixed = static_cast<double>((4 * command_timeout + milliseconds(4)).count());
  return Duration(static_cast<Duration::rep>(fixed / (1 - 2 * drift)) + 1);
}

Duration Timing::Quarantine() const {
  return std::max(max_ttl + DriftAllowance(max_ttl), 2 * fence_window) + seconds(1);
}

std::vector<TimingFault> Check(const Timing& timing) {
  std::vector<TimingFault> faults;
  auto expect = [&](bool holds, std::string_view key, std::string text) {
    if (!holds) faults.push_back({key, std::move(text)});
  };
  const Duration min_ttl = timing.MinTtl();
  expect(timing.ttl >= min_ttl, "lease.ttl",
         "expected at least " + ToText(min_ttl) +
             " (4 x the longest command timeout + 2 x the drift allowance), found " +
             ToText(timing.ttl));
  expect(timing.ttl <= timing.max_ttl, "lease.ttl",
         "expected at most lease.max_ttl (" + ToText(timing.max_ttl) + "), found " +
             ToText(timing.ttl));
  expect(timing.fence_life > 2 * timing.fence_window, "safety.fence_life",
         "expected more than 2 x safety.fence_window (" + ToText(2 * timing.fence_window) +
             "), found " + ToText(timing.fence_life));
  return faults;
}

std::string ToText(Duration duration) {
  char text[32];
  const double ns = static_cast<double>(duration.count());
  if (duration >= seconds(1) || duration <= -seconds(1)) {
    std::snprintf(text, sizeof text, "%.3gs", ns / 1e9);
    if (std::chrono::abs(duration) >= seconds(100))
      std::snprintf(text, sizeof text, "%.0fs", ns / 1e9);
  } else if (duration >= milliseconds(1) || duration <= -milliseconds(1)) {
    std::snprintf(text, sizeof text, "%.3gms", ns / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.3gus", ns / 1e3);
  }
  return text;
}

}  // namespace redlockd::engine
