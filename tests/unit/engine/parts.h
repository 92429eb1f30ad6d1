#pragma once

#include <string>
#include <utility>

#include "daemon/engine/node_op.h"
#include "daemon/engine/random.h"
#include "daemon/engine/types.h"

// Test data for the parts of the engine that are tested by themselves.
namespace redlockd::engine {

inline Time At(Duration since) { return Time(std::chrono::hours(1)) + since; }

inline NodeAnswer Answered(NodeIndex node, Verdict verdict, Fence fence = 0,
                           std::string text = "") {
  NodeAnswer answer;
  answer.node = node;
  answer.verdict = verdict;
  answer.fence = fence;
  answer.text = std::move(text);
  return answer;
}

// Returns the least number that it may.
class LeastRandom : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

// Returns the greatest number that it may.
class GreatestRandom : public Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override { return bound - 1; }
};

}  // namespace redlockd::engine
