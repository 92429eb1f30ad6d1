#include "daemon/engine/validity.h"

#include <algorithm>

#include "base/check.h"
#include "daemon/engine/few.h"

namespace redlockd::engine {

void Validity::Ack(NodeIndex node, Time asked, Duration ttl, Duration drift_allowance) {
  CHECK(node < until_.size());
  CHECK(ttl > drift_allowance && drift_allowance >= Duration(0));
  until_[node] = std::max(until_[node], asked + ttl - drift_allowance);
  deadline_ = NthPromise();
}

void Validity::Forget(NodeIndex node) {
  until_[node] = kNone;
  deadline_ = NthPromise();
}

// The m-th largest; kNone if there are fewer.
Time Validity::NthPromise() const {
  Few<Time> promises;
  for (const Time until : until_) promises.Add(until);
  return promises[until_.size() - majority()];
}

std::size_t Validity::Count(Time now) const {
  return static_cast<std::size_t>(
      std::count_if(until_.begin(), until_.end(), [now](Time until) { return until > now; }));
}

}  // namespace redlockd::engine
