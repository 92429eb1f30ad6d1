#include "tests/unit/engine/engine_fixture.h"

// From a request to a grant: rules A1-A6, C1-C4.
namespace redlockd::engine {
namespace {

class Acquire : public EngineFixture {
 protected:
  Acquire() {
    Start();
    AllByHand();
    session_ = Open();
  }
  AcquireOp OpOf(NodeIndex node) {
    for (const auto& asked : asked_) {
      if (asked.node == node && std::holds_alternative<AcquireOp>(asked.op)) {
        return std::get<AcquireOp>(asked.op);
      }
    }
    ADD_FAILURE() << "no acquire for node " << node;
    return {};
  }
  void SilentAll() {
    for (NodeIndex i = 0; i < 3; ++i) Silence(Take<AcquireOp>(i));
  }
  SessionId session_;
};

TEST_F(Acquire, AsksAllNodesAtOnceAndGrantsAtTheMajority) {  // rule A3
  const auto request = Lock(session_);
  const Time asked = now_;
  EXPECT_TRUE(IsAsked<AcquireOp>(0) && IsAsked<AcquireOp>(1) && IsAsked<AcquireOp>(2));
  Pass(10ms);
  const Fence fence = OpOf(0).proposal;
  Vote(0, fence);
  EXPECT_FALSE(Answered(request));
  Vote(2, fence);
  const auto grant = GrantOf(request);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->fence, fence);
  EXPECT_EQ(grant->deadline, asked + Promise(3s)) << "counted from asking (rule C2)";
  EXPECT_EQ(grant->votes, 2u);
  EXPECT_EQ(grant->nodes, 3u);
  EXPECT_EQ(engine_->counters().one_round_grants, 1u);
}

TEST_F(Acquire, ALateVoteForAnotherFenceChangesNothing) {  // rule A3
  const auto request = Lock(session_);
  Vote(0, 7);
  Vote(1, 7);
  const Time deadline = GrantOf(request)->deadline;
  Pass(20ms);
  Vote(2, 99);
  EXPECT_EQ(Holds().at(0).fence, 7);
  EXPECT_EQ(Holds().at(0).deadline, deadline);
  EXPECT_EQ(Holds().at(0).votes, 3u);
  EXPECT_TRUE(Told(session_).empty());
}

TEST_F(Acquire, EachAttemptHasItsOwnOwnerValue) {  // rules A1, C1
  Try(session_);
  const std::string first = OpOf(0).owner;
  EXPECT_EQ(first.substr(0, 3), "me:");
  EXPECT_EQ(first.substr(first.size() - 5), ":here");
  SilentAll();
  Try(session_);
  EXPECT_NE(OpOf(0).owner, first);
}

TEST_F(Acquire, ProposesTheNodesTimeNotTheHosts) {  // rule A5
  Lock(session_);
  EXPECT_NEAR(static_cast<double>(OpOf(0).proposal - nodes_[0].Clock(now_)), 0, 3);
}

TEST_F(Acquire, ProposesMoreThanTheLastFenceKnown) {  // rule A5
  Lock(session_);
  const Fence stored = nodes_[0].Clock(now_) + 200'000;  // within fence_window/2
  for (NodeIndex i : {0, 1}) Answer(Take<AcquireOp>(i), Verdict::kBusy, stored, 1s, "other:1:h");
  ForgetAsked();
  Pass(150ms);
  EXPECT_EQ(OpOf(0).proposal, stored + 1);
}

TEST_F(Acquire, DoesNotLearnAFenceFromTheFuture) {  // rule A5
  Lock(session_);
  const Fence stored = nodes_[0].Clock(now_) + 260'000;  // beyond fence_window/2
  for (NodeIndex i : {0, 1}) Answer(Take<AcquireOp>(i), Verdict::kBusy, stored, 1s, "other:1:h");
  ForgetAsked();
  Pass(150ms);
  EXPECT_LT(OpOf(0).proposal, stored);
}

TEST_F(Acquire, ConfirmsWhenAMajorityVotedForDifferentFences) {  // rule A4
  const auto request = Lock(session_);
  Vote(0, 20);
  Vote(2, 10);
  EXPECT_FALSE(Answered(request));
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_EQ(std::get<ConfirmOp>(Take<ConfirmOp>(i).op).fence, 20) << "node " << i;
  }
}

TEST_F(Acquire, GrantsWhatAMajorityConfirmed) {  // rule A4
  const auto request = Lock(session_);
  const Time asked = now_;
  Vote(0, 20);
  Vote(2, 10);
  Pass(5ms);
  Answer(Take<ConfirmOp>(0), Verdict::kOk, 20);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ConfirmOp>(1), Verdict::kNotOwner);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ConfirmOp>(2), Verdict::kOk, 20);
  ASSERT_TRUE(GrantOf(request));
  EXPECT_EQ(GrantOf(request)->fence, 20);
  EXPECT_EQ(GrantOf(request)->deadline, asked + Promise(3s)) << "the confirm promises nothing";
  EXPECT_EQ(engine_->counters().confirmed_grants, 1u);
}

TEST_F(Acquire, AskedAgainWithTheSameOwnerAboveAllSeenWhenConfirmFails) {  // rule A4
  Lock(session_);
  const std::string owner = OpOf(0).owner;
  const Fence base = OpOf(0).proposal;
  Vote(0, base);
  Vote(1, base + 7);
  Answer(Take<AcquireOp>(2), Verdict::kBusy, base + 20, 1s, "other:1:h");
  Answer(Take<ConfirmOp>(0), Verdict::kPassed, base + 50);
  Answer(Take<ConfirmOp>(1), Verdict::kNotOwner);
  EXPECT_EQ(OpOf(0).owner, owner);
  EXPECT_EQ(OpOf(0).proposal, base + 51);
}

TEST_F(Acquire, GivesUpAfterTwoMoreFirstRounds) {  // rule A4
  const auto request = Try(session_);
  const std::string owner = OpOf(0).owner;
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(Answered(request));
    ASSERT_EQ(OpOf(0).owner, owner);
    Vote(0, 10 + round);
    Vote(1, 20 + round);
    Answer(Take<ConfirmOp>(0), Verdict::kPassed, 30);
    Answer(Take<ConfirmOp>(1), Verdict::kPassed, 30);
  }
  EXPECT_FALSE(Answered(request)) << "nobody has it: it is tried anew (rule E10)";
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(Acquire, ASilentConfirmRoundRollsBackInTheEnd) {
  const auto request = Try(session_);
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(Answered(request));
    Vote(0, 10);
    Vote(1, 20);
    for (NodeIndex i = 0; i < 3; ++i) Silence(Take<ConfirmOp>(i));
    if (round < 2) Silence(Take<AcquireOp>(2));
  }
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_FALSE(IsAsked<ConfirmOp>(0));
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_TRUE(IsAsked<ReleaseOp>(i));
}

TEST_F(Acquire, ANodeInQuarantineConfirmsNothing) {  // rule D4
  const auto request = Lock(session_);
  Vote(0, 20);
  Vote(1, 10);
  Answer(Take<ConfirmOp>(0), Verdict::kQuarantine, 0, 1s);
  Answer(Take<ConfirmOp>(1), Verdict::kOk, 20);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ConfirmOp>(2), Verdict::kOk, 20);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Acquire, WhatANodeWithoutAVoteConfirmsDoesNotCount) {  // rule D5
  const auto request = Lock(session_);
  Vote(0, 20);
  Vote(1, 10);
  nodes_[0].maxmemory_policy = "allkeys-lru";
  Do(NodeLinkUp{0, nodes_[0].Info()});
  Answer(Take<ConfirmOp>(0), Verdict::kOk, 20);
  Answer(Take<ConfirmOp>(1), Verdict::kOk, 20);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ConfirmOp>(2), Verdict::kOk, 20);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Acquire, AnAckOfAnEarlierConfirmRoundIsNotCountedInALaterOne) {  // rule A4
  const auto request = Lock(session_);
  Vote(0, 20);
  Vote(1, 10);
  const Asked late = Take<ConfirmOp>(2);
  Answer(Take<ConfirmOp>(0), Verdict::kPassed, 30);
  Answer(Take<ConfirmOp>(1), Verdict::kPassed, 30);
  Vote(0, 40);
  Vote(1, 50);
  Answer(Take<ConfirmOp>(0), Verdict::kOk, 50);
  Answer(late, Verdict::kOk, 20);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ConfirmOp>(1), Verdict::kOk, 50);
  EXPECT_EQ(GrantOf(request)->fence, 50);
}

TEST_F(Acquire, EveryNodeLostDuringAConfirmRoundIsNoQuorum) {
  const auto request = Try(session_);
  Vote(0, 10);
  Vote(1, 20);
  for (NodeIndex i = 0; i < 3; ++i) Do(NodeDown{i, "connection reset"});
  for (NodeIndex i = 0; i < 3; ++i) Silence(Take<ConfirmOp>(i), true);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

TEST_F(Acquire, AVoteOfAnEarlierRoundIsNotCountedInALaterOne) {
  const auto request = Lock(session_);
  const Asked late = Take<AcquireOp>(2);
  Vote(0, 10);
  Vote(1, 20);
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<ConfirmOp>(i), Verdict::kPassed, 30);
  Vote(0, 31);
  Answer(late, Verdict::kOk, 31);
  EXPECT_FALSE(Answered(request));
  Vote(1, 31);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Acquire, WithLessThanAQuarterLeftItIsRolledBack) {  // rule C3
  const auto request = Try(session_);
  Vote(0, 10);
  Pass(Promise(3s) - 750ms + 1ns);
  Vote(1, 10);
  EXPECT_FALSE(GrantOf(request));
  EXPECT_TRUE(Answered(request));
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_TRUE(IsAsked<ReleaseOp>(i));
}

TEST_F(Acquire, WithAQuarterLeftItIsGranted) {  // rule C3
  const auto request = Try(session_);
  Vote(0, 10);
  Pass(Promise(3s) - 750ms);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Acquire, TheGrantOfANodeThatDoesNotVoteIsReleasedAndNotCounted) {  // rule A6
  const auto request = Lock(session_);
  nodes_[1].clock_off = 300ms;  // more than fence_window/2
  Vote(1, 10);
  EXPECT_EQ(StateOf(1), NodeState::kQuarantine) << "a step forward is one, too (rule D6)";
  EXPECT_TRUE(IsAsked<ReleaseOp>(1));
  Vote(0, 10);
  EXPECT_FALSE(Answered(request));
  Vote(2, 10);
  EXPECT_TRUE(GrantOf(request));
  EXPECT_EQ(GrantOf(request)->votes, 2u);
}

TEST_F(Acquire, AClockSetBackIsOffTheMedianAndDoesNotVote) {  // rule A6
  const auto request = Lock(session_);
  nodes_[1].clock_off = -300ms;
  Vote(1, 10);
  EXPECT_EQ(StateOf(1), NodeState::kSkewed);
  EXPECT_TRUE(IsAsked<ReleaseOp>(1));
  Vote(0, 10);
  EXPECT_FALSE(Answered(request));
}

TEST_F(Acquire, ASkewRefusalIsNoVote) {  // rule A6
  const auto request = Try(session_);
  Answer(Take<AcquireOp>(0), Verdict::kSkew);
  Answer(Take<AcquireOp>(1), Verdict::kSkew);
  Vote(2, 10);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

}  // namespace
}  // namespace redlockd::engine
