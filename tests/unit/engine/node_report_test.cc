#include "daemon/engine/node_report.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/node_parts.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class NodeReportTest : public NodeParts {
 protected:
  NodeReportTest() {
    for (NodeIndex i = 0; i < 3; ++i) {
      records_[i].state = NodeState::kUp;
      records_[i].text = "";
    }
  }
  void Break(NodeIndex node) {
    records_[node].linked = false;
    records_[node].state = NodeState::kDown;
    records_[node].text = records_[node].down_reason = "is gone";
  }

  NodeReport report_{options_, records_, judge_};
};

TEST_F(NodeReportTest, SaysWhatIsMissingForAQuorum) {
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {{1, "did not answer"}}),
            "fewer than 2 of 3 nodes gave a usable answer: node 2 did not answer");
  Break(0);
  Break(1);
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {{1, "did not answer"}}),
            "1 of 3 nodes vote, 2 are needed: node 1 is gone; node 2 is gone");
  records_[2].state = NodeState::kOtherSet;
  records_[2].text = "is of another";
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {}),
            "a node belongs to another set, nothing is granted: node 1 is gone; node 2 is gone; "
            "node 3 is of another");
}

TEST_F(NodeReportTest, SaysWhyALeaseWasNotKept) {
  Break(0);
  EXPECT_EQ(report_.WhyNotKept({{0, "refused"}, {2, "did not answer"}}),
            "node 1 is gone; node 3 did not answer");
}

TEST_F(NodeReportTest, AllMustBeNewToBeTrusted) {
  for (NodeIndex i = 0; i < 3; ++i) {
    records_[i].state = NodeState::kNew;
    records_[i].facts.memory = NodeFacts::Memory::kNew;
  }
  EXPECT_EQ(report_.WhyNotNew(), "");
  EXPECT_NE(report_.WhyNoQuorum(At(0s), {}).find("; if the nodes are new, trust them"),
            std::string::npos);
  records_[2].state = NodeState::kUp;
  EXPECT_EQ(report_.WhyNotNew(), "node 3 is not new");
  records_[1].facts.memory = NodeFacts::Memory::kUsed;
  EXPECT_EQ(report_.WhyNotNew(),
            "node 2 has been used before, as the node or another daemon remembers");
  records_[0].probed = false;
  EXPECT_EQ(report_.WhyNotNew(), "node 1 has not been checked");
  records_[2].counted = "run2";
  EXPECT_EQ(report_.WhyNotNew(), "this daemon has received votes from node 3");
}

TEST_F(NodeReportTest, ShowsTroubleForAMinute) {
  records_[0].trouble = "refused a renewal: OOM";
  records_[0].trouble_at = At(0s);
  EXPECT_EQ(report_.Views(At(59s))[0].text, "refused a renewal: OOM (59s ago)");
  EXPECT_EQ(report_.Views(At(60s))[0].text, "");
}

}  // namespace
}  // namespace redlockd::engine
