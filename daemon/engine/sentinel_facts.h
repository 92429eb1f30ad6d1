#pragma once

#include "daemon/engine/node_op.h"

namespace redlockd::engine {

// INFO alone was read anew, of the same process: what its sentinel said before is known still.
inline void KeepSentinel(const NodeFacts& old, NodeFacts& facts) {
  facts.node_id = old.node_id;
  facts.set = old.set;
  facts.refuses = old.refuses;
  facts.count = old.count;
  facts.memory = old.memory;
}

}  // namespace redlockd::engine
