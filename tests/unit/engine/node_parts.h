#pragma once

#include <gtest/gtest.h>

#include <string>

#include "daemon/engine/node_judge.h"
#include "daemon/engine/node_record.h"

namespace redlockd::engine {

// A server of its own that was checked, without an id: nothing is known against it.
inline void MakeFit(NodeRecords& records, NodeIndex node) {
  NodeRecord& record = records[node];
  record.linked = record.probed = record.ever_read = true;
  record.facts.run_id = "run" + std::to_string(node);
  record.facts.maxmemory_policy = "noeviction";
  record.facts.memory = NodeFacts::Memory::kUsed;
}

// Three fit nodes, and what the parts of the node table read, without the table.
class NodeParts : public ::testing::Test {
 protected:
  NodeParts() {
    for (NodeIndex i = 0; i < 3; ++i) MakeFit(records_, i);
  }

  const EngineOptions options_ = [] {
    EngineOptions options;
    options.nodes = 3;
    options.instance = "me";
    return options;
  }();
  NodeRecords records_{3};
  Membership membership_{3};
  NodeSightings sightings_{3};
  NodeClocks clocks_{3, options_.timing.drift};
  NodeJudge judge_{options_, records_, membership_, sightings_, clocks_};
};

}  // namespace redlockd::engine
