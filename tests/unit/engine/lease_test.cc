#include "daemon/engine/lease.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class LeaseTest : public ::testing::Test {
 protected:
  // A promise of the lease's ttl, asked for in that round at that time.
  void Promise(NodeIndex node, Duration asked) {
    NodeAnswer answer = Answered(node, Verdict::kOk);
    answer.ticket = {.kind = Ticket::Kind::kRenew, .round = lease_.round(), .asked = At(asked)};
    lease_.OnPromise(answer, timing_);
  }
  Time Until(Duration asked, Duration ttl) { return At(asked) + ttl - timing_.DriftAllowance(ttl); }

  Timing timing_;
  Lease lease_{3, 1, 3s};
};

TEST_F(LeaseTest, LastsAsLongAsAMajorityHasPromised) {
  lease_.BeginRound(At(0s));
  Promise(0, 0s);
  EXPECT_FALSE(lease_.Deadline());
  Promise(1, 1s);
  EXPECT_EQ(lease_.Deadline(), Until(0s, 3s));
  Promise(2, 2s);
  EXPECT_EQ(lease_.Deadline(), Until(1s, 3s));
  lease_.Forget(2);
  EXPECT_EQ(lease_.Deadline(), Until(0s, 3s));
}

TEST_F(LeaseTest, AnAnswerToAShorterTtlPromisesNoMore) {  // rule C10
  lease_.BeginRound(At(0s));
  lease_.ChangeTtl(9s);
  Promise(0, 0s);
  Promise(1, 0s);
  EXPECT_EQ(lease_.Deadline(), Until(0s, 3s));
  lease_.BeginRound(At(0s));
  Promise(0, 0s);
  Promise(1, 0s);
  EXPECT_EQ(lease_.Deadline(), Until(0s, 9s));
  EXPECT_EQ(lease_.longest_ttl(), 9s);
}

TEST_F(LeaseTest, ANodeIsIdleWhenItHasAnsweredTheNewestQuestion) {  // rule C5
  lease_.BeginRound(At(0s));
  lease_.AskedToTake(NodeSet(0b111));
  EXPECT_EQ(lease_.Idle() & NodeSet(0b111), NodeSet(0b000));
  lease_.BeginRound(At(1s));
  lease_.AskedToTake(NodeSet(0b001));
  lease_.OnHeard(0, 1);
  lease_.OnHeard(1, 1);
  EXPECT_EQ(lease_.Idle() & NodeSet(0b111), NodeSet(0b010));
  lease_.OnHeard(0, 2);
  EXPECT_EQ(lease_.Idle() & NodeSet(0b111), NodeSet(0b011));
}

TEST_F(LeaseTest, ANodeThatRefusedDoesNotHaveTheKey) {
  lease_.BeginRound(At(0s));
  lease_.AskedToTake(NodeSet(0b011));
  lease_.OnRefused(0);
  EXPECT_EQ(lease_.may_have(), NodeSet(0b011)) << "a question is still out";
  lease_.OnHeard(0, 1);
  lease_.OnRefused(0);
  EXPECT_EQ(lease_.may_have(), NodeSet(0b010));
}

TEST_F(LeaseTest, ARoundFailsWhenAllWereHeardAndTooFewPromised) {
  lease_.BeginRound(At(0s));
  lease_.Join(NodeSet(0b111));
  EXPECT_FALSE(lease_.CloseInRound(0, 1, true));
  EXPECT_FALSE(lease_.CloseInRound(1, 1, false));
  EXPECT_TRUE(lease_.CloseInRound(2, 1, false));
  EXPECT_FALSE(lease_.CloseInRound(2, 1, false)) << "once";
  lease_.BeginRound(At(1s));
  lease_.Join(NodeSet(0b111));
  EXPECT_FALSE(lease_.CloseInRound(0, 1, false)) << "of the round before";
  EXPECT_TRUE(lease_.IsRoundOpen());
}

TEST_F(LeaseTest, IsRenewedAThirdOfItsTtlAfterItWasAsked) {  // rule C5
  lease_.BeginRound(At(0s));
  for (const NodeIndex node : {0, 1}) Promise(node, 0s);
  EXPECT_EQ(lease_.NextRenewal(At(0s), timing_), At(1s));
  lease_.SetApart(200ms);
  EXPECT_EQ(lease_.NextRenewal(At(0s), timing_), At(800ms));
  lease_.BeginRound(At(950ms));
  EXPECT_EQ(lease_.NextRenewal(At(950ms), timing_), At(950ms) + timing_.retry_interval);
}

}  // namespace
}  // namespace redlockd::engine
