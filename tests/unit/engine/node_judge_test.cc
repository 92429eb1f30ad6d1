#include "daemon/engine/node_judge.h"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>

#include "tests/unit/engine/node_parts.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using Suspicion = NodeRecord::Suspicion;

class NodeJudgeTest : public NodeParts {};

struct Fault {
  NodeState state;
  std::function<void(NodeRecord&)> make;
  // What it promised to a lease that it has counts where this is the one fault.
  bool keeps;
};

// From those that count first to those that count last.
const Fault kFaults[] = {
    {NodeState::kDown, [](NodeRecord& r) { r.linked = false; }, false},
    {NodeState::kReplica, [](NodeRecord& r) { r.facts.master = false; }, false},
    {NodeState::kCluster, [](NodeRecord& r) { r.facts.cluster = true; }, false},
    {NodeState::kEvicts, [](NodeRecord& r) { r.facts.maxmemory_policy = "allkeys-lru"; }, false},
    {NodeState::kDuplicate, [](NodeRecord& r) { r.facts.run_id = "run0"; }, false},
    {NodeState::kError, [](NodeRecord& r) { r.error = "LOADING"; }, true},
    {NodeState::kProbing, [](NodeRecord& r) { r.probed = false; }, true},
    {NodeState::kOtherSet, [](NodeRecord& r) { r.facts.set = "5:a,b,c,d,e"; }, false},
    {NodeState::kSettings, [](NodeRecord& r) { r.settings = "max_ttl"; }, false},
    {NodeState::kQuarantine, [](NodeRecord& r) { r.suspected = Suspicion::kOwnWord; }, false},
    {NodeState::kNew, [](NodeRecord& r) { r.ready_at = At(1s), r.forgot = true; }, false},
    {NodeState::kQuarantine, [](NodeRecord& r) { r.doubted_until = At(1s); }, false},
    {NodeState::kFull, [](NodeRecord& r) { r.facts.refuses = "OOM"; }, true},
};

TEST_F(NodeJudgeTest, ANodeWithoutAFaultVotes) {
  EXPECT_EQ(judge_.Judge(1).state, NodeState::kUp);
  EXPECT_EQ(judge_.Judge(1).text, "");
  EXPECT_TRUE(judge_.Keeps(1, NodeState::kUp));
}

TEST_F(NodeJudgeTest, EachFaultHasItsState) {
  for (const Fault& fault : kFaults) {
    MakeFit(records_, 1);
    const NodeRecord fit = records_[1];
    fault.make(records_[1]);
    const auto [state, text] = judge_.Judge(1);
    EXPECT_EQ(state, fault.state) << text;
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(judge_.Keeps(1, state), fault.keeps) << text;
    records_[1] = fit;
  }
}

TEST_F(NodeJudgeTest, TheFirstOfSeveralFaultsCounts) {
  for (std::size_t i = std::size(kFaults); i-- > 0;) {
    kFaults[i].make(records_[1]);
    EXPECT_EQ(judge_.Judge(1).state, kFaults[i].state) << i;
  }
}

TEST_F(NodeJudgeTest, AFailedProbeTakesNothingFromAPromiseUnlessItMayBeForgotten) {
  const std::function<void(NodeRecord&)> doubts[] = {
      [](NodeRecord& r) { r.suspected = Suspicion::kClock; },
      [](NodeRecord& r) { r.doubted_until = At(1s); },
      [](NodeRecord& r) { r.other_run = true; },
      [](NodeRecord& r) { r.ready_at = At(1s); },
      [](NodeRecord& r) { r.facts.set = "5:a,b,c,d,e"; },
  };
  const NodeRecord fit = records_[1];
  for (const auto& doubt : doubts) {
    doubt(records_[1]);
    EXPECT_FALSE(judge_.Keeps(1, NodeState::kError));
    records_[1] = fit;
    EXPECT_TRUE(judge_.Keeps(1, NodeState::kError));
  }
}

TEST_F(NodeJudgeTest, AClockIsOffTheMiddleOfThoseThatAreLinked) {
  const NodeTime now = 1'000'000'000;
  for (NodeIndex i = 0; i < 3; ++i) {
    clocks_.Observe(i, now + (i == 2 ? 3'600'000'000 : 0), At(0s), At(0s));
  }
  EXPECT_FALSE(judge_.Skewed(0));
  EXPECT_TRUE(judge_.Skewed(2));
  EXPECT_EQ(judge_.Judge(2).state, NodeState::kSkewed);
  records_[0].linked = records_[1].linked = false;
  EXPECT_FALSE(judge_.Skewed(2)) << "it is the middle one";
}

}  // namespace
}  // namespace redlockd::engine
