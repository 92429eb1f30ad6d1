#include "daemon/engine/validity.h"

#include <algorithm>
#include <array>
#include <functional>

#include "daemon/engine/effects.h"
#include "daemon/engine/quorum.h"

namespace redlockd::engine {

void Validity::Ack(NodeIndex node, Time asked, Duration ttl, Duration drift_allowance) {
  until_[node] = std::max(until_[node], asked + ttl - drift_allowance);
}

std::optional<Time> Validity::Deadline() const {
  std::array<Time, kMaxNodes> promises;
  const auto end = std::copy(until_.begin(), until_.end(), promises.begin());
  const auto mth = promises.begin() + static_cast<std::ptrdiff_t>(Majority(until_.size())) - 1;
  std::nth_element(promises.begin(), mth, end, std::greater<>());
  return *mth == kNone ? std::nullopt : std::optional(*mth);
}

std::size_t Validity::Count(Time now) const {
  return static_cast<std::size_t>(
      std::count_if(until_.begin(), until_.end(), [now](Time until) { return until > now; }));
}

}  // namespace redlockd::engine
