#pragma once

#include <cstddef>

#include "daemon/engine/node_op.h"
#include "daemon/engine/timing.h"

namespace redlockd::engine {

// Moves apart the leases that are renewed in one step. Their renewals go to the nodes in calls of
// kMostPerCall each; those of one call stay together.
class RenewalSpread {
 public:
  void BeginStep() { leases_ = 0; }
  // One more lease is renewed in this step. Returns by how much sooner it is due next time.
  Duration Next(Duration ttl) { return Timing::Apart(leases_++ / kMostPerCall, ttl); }

 private:
  std::size_t leases_ = 0;  // renewed in this step
};

}  // namespace redlockd::engine
