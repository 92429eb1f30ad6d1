#include "daemon/engine/validity.h"

#include <algorithm>
#include <functional>

#include "daemon/engine/quorum.h"

namespace redlockd::engine {

void Validity::Ack(NodeIndex node, Time asked, Duration ttl, Duration drift_allowance) {
  const Time until = asked + ttl - drift_allowance;
  if (!until_[node] || *until_[node] < until) until_[node] = until;
}

std::optional<Time> Validity::Deadline() const {
  std::vector<Time> promises;
  for (const auto& until : until_) {
    if (until) promises.push_back(*until);
  }
  const std::size_t m = Majority(until_.size());
  if (promises.size() < m) return std::nullopt;
  const auto mth = promises.begin() + static_cast<std::ptrdiff_t>(m - 1);
  std::nth_element(promises.begin(), mth, promises.end(), std::greater<>());
  return *mth;
}

std::size_t Validity::Count(Time now) const {
  return static_cast<std::size_t>(std::count_if(
      until_.begin(), until_.end(), [now](const auto& until) { return until && *until > now; }));
}

}  // namespace redlockd::engine
