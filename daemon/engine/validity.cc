#include "daemon/engine/validity.h"

#include <algorithm>
#include <array>
#include <functional>

#include "daemon/engine/effects.h"
#include "daemon/engine/quorum.h"

namespace redlockd::engine {

void Validity::Ack(NodeIndex node, Time asked, Duration ttl, Duration drift_allowance) {
  const Time until = asked + ttl - drift_allowance;
  if (!until_[node] || *until_[node] < until) until_[node] = until;
}

std::optional<Time> Validity::Deadline() const {
  std::array<Time, kMaxNodes> promises;
  auto end = promises.begin();
  for (const auto& until : until_) {
    if (until) *end++ = *until;
  }
  const auto m = static_cast<std::ptrdiff_t>(Majority(until_.size()));
  if (end - promises.begin() < m) return std::nullopt;
  const auto mth = promises.begin() + m - 1;
  std::nth_element(promises.begin(), mth, end, std::greater<>());
  return *mth;
}

std::size_t Validity::Count(Time now) const {
  return static_cast<std::size_t>(std::count_if(
      until_.begin(), until_.end(), [now](const auto& until) { return until && *until > now; }));
}

}  // namespace redlockd::engine
