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

Duration Timing::TtlFor(Duration rest) const {
  // The shortest t with t = rest + t*drift + 2ms.
  const double fixed = static_cast<double>((rest + milliseconds(2)).count());
  return Duration(static_cast<Duration::rep>(fixed / (1 - drift)) + 2);
}

Duration Timing::MinTtl() const {
  // The allowance grows with the ttl, so the smallest ttl t solves t = 4c + 2(t*drift + 2ms).
  const double fixed = static_cast<double>((4 * command_timeout + milliseconds(4)).count());
  return Duration(static_cast<Duration::rep>(fixed / (1 - 2 * drift)) + 1);
}

Duration Timing::Quarantine() const {
  return std::max(max_ttl + DriftAllowance(max_ttl), 2 * fence_window) + seconds(1);
}

Duration Timing::Interval(std::uint32_t place) const {
  if (place <= 2) return retry_interval;
  return std::clamp(retry_interval * place / 4, retry_interval, MaxInterval());
}

std::vector<TimingFault> Check(const Timing& timing) {
  using Rule = TimingFault::Rule;
  std::vector<TimingFault> faults;
  const Duration min_ttl = timing.MinTtl();
  if (timing.ttl < min_ttl) faults.push_back({Rule::kMinTtl, timing.ttl, min_ttl});
  if (timing.ttl > timing.max_ttl) faults.push_back({Rule::kMaxTtl, timing.ttl, timing.max_ttl});
  const Duration windows = 2 * timing.fence_window;
  if (timing.fence_life <= windows) {
    faults.push_back({Rule::kFenceLife, timing.fence_life, windows});
  }
  return faults;
}

bool MayFollow(const Timing& next, const Timing& last) {
  return next.max_ttl == last.max_ttl && next.drift == last.drift &&
         next.fence_window == last.fence_window && next.fence_life == last.fence_life;
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
