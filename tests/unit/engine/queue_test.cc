#include "daemon/engine/want.h"
#include "tests/unit/engine/engine_fixture.h"

// One fair queue across hosts, as one daemon sees it: rules E2, E5, E6.
namespace redlockd::engine {
namespace {

class Queue : public EngineFixture {
 protected:
  Queue() {
    linger_.usual = 20ms;
    Make(3);
    Start();
    a_ = Open();
    b_ = Open();
    c_ = Open();
  }
  void TakenElsewhere() {
    for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  }
  // Another daemon wants x on all nodes.
  void WantedElsewhere(Stamp stamp = 1, const std::string& instance = "other") {
    for (auto& node : nodes_) node.PutWant(now_, "x", instance, stamp, 600ms);
  }
  void NobodyElse() {
    for (auto& node : nodes_) {
      node.Forget("x");
      node.LeaveWant("x", "other");
    }
  }
  void Hint(NodeHint::Kind kind, NodeIndex node) { Do(NodeHint{node, kind, "x"}); }
  Stamp MyStamp(NodeIndex node = 0) { return nodes_[node].WantOf(now_, "x", "me"); }
  std::uint64_t Attempts() { return engine_->counters().attempts; }
  SessionId a_, b_, c_;
};

// --- this daemon wants --------------------------------------------------------------------------

TEST_F(Queue, WithoutContentionNoEntryIsWritten) {  // rule E6.2
  MustHold(a_);
  EXPECT_EQ(MyStamp(), 0);
}

TEST_F(Queue, WhereAllHaveVotedThereIsNoEntryToLeave) {  // rule E6.3
  AllByHand();
  const auto request = Lock(a_);
  for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<AcquireOp>(i));
  ASSERT_TRUE(GrantOf(request));
  Unlock(a_, {}, true);
  EXPECT_FALSE(std::get<ReleaseOp>(Take<ReleaseOp>(0).op).leave);
}

TEST_F(Queue, WhereOneHasNotAnsweredThereMayBeOne) {  // rule E6.3
  AllByHand();
  const auto request = Lock(a_);
  for (NodeIndex i : {0, 1}) AnswerAsObedient(Take<AcquireOp>(i));
  ASSERT_TRUE(GrantOf(request));
  Unlock(a_, {}, true);
  EXPECT_TRUE(std::get<ReleaseOp>(Take<ReleaseOp>(0).op).leave);
}

TEST_F(Queue, ARefusedWaiterHasAnEntryWithOneStampForAllItsRounds) {  // rules E6.1, E6.3
  TakenElsewhere();
  Lock(a_);
  const Stamp stamp = MyStamp();
  EXPECT_EQ(stamp, nodes_[0].Clock(now_));
  for (int rounds = 0; rounds < 20; ++rounds) {
    Pass(150ms);
    EXPECT_EQ(MyStamp(), stamp);
  }
  EXPECT_GT(Attempts(), 10u);
}

TEST_F(Queue, AStampComesAfterAllThatWereSeen) {  // rule E6.1
  const Stamp ahead = nodes_[0].Clock(now_) + 5'000'000;
  TakenElsewhere();
  WantedElsewhere(ahead);
  const auto first = Lock(a_, {.wait = 50ms});
  Pass(50ms);
  EXPECT_EQ(WhyFailed(first), Failure::kTimeout);
  Lock(a_);
  EXPECT_GT(MyStamp(), ahead) << "what the last waiter saw counts for the next";
  Pass(100ms);
  Lock(b_);
  NobodyElse();
  WantedElsewhere(ahead);
  Pass(200ms);
  Unlock(a_);
  Pass(200ms);
  EXPECT_GT(MyStamp(), ahead) << "after a lease the next want is a new one (rule E6.7)";
}

TEST_F(Queue, AFreeNodeThatKeepsItForAnotherIsNoVote) {  // rule E6.2
  WantedElsewhere(1);
  const auto request = Lock(a_);
  Pass(300ms);
  EXPECT_FALSE(Answered(request));
  EXPECT_NE(MyStamp(), 0);
  Pass(500ms);  // the other's entry is not fresh any more (rule E6.5)
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Queue, ATimedOutWaitLeavesNoEntry) {
  TakenElsewhere();
  Lock(a_, {.wait = 300ms});
  EXPECT_NE(MyStamp(), 0);
  Pass(300ms);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(MyStamp(i), 0);
}

TEST_F(Queue, ACancelledWaitLeavesNoEntry) {
  TakenElsewhere();
  const auto request = Lock(a_);
  Do(CancelRequested{a_, 1000, request, "x"});
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(MyStamp(i), 0);
}

TEST_F(Queue, AWaiterThatDiesLeavesNoEntryNotEvenDuringARound) {
  TakenElsewhere();
  Lock(a_);
  Pass(10ms);
  AllByHand();
  Pass(200ms);
  ASSERT_TRUE(IsAsked<AcquireOp>(0));
  Close(a_);
  for (NodeIndex i = 0; i < 3; ++i) {
    AnswerAsObedient(Take<AcquireOp>(i));
    AnswerAsObedient(Take<ReleaseOp>(i));
    EXPECT_EQ(MyStamp(i), 0);
  }
}

TEST_F(Queue, ATryLeavesNoEntryAndYieldsToThoseWhoWait) {  // rule E6.8
  WantedElsewhere();
  const auto request = Try(a_);
  Pass(30ms);
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
  EXPECT_EQ(MyStamp(), 0);
  TakenElsewhere();
  Try(a_);
  Pass(10ms);
  EXPECT_EQ(MyStamp(), 0);
}

TEST_F(Queue, ATryAsksForNoPlace) {  // rule E6.8
  AllByHand();
  Try(a_);
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).queueing, Queueing::kNone);
}

TEST_F(Queue, TheReleaseAfterAGrantRemovesTheEntry) {  // rule E6.3
  TakenElsewhere();
  const auto request = Lock(a_);
  NobodyElse();
  Pass(150ms);
  ASSERT_TRUE(GrantOf(request));
  EXPECT_NE(MyStamp(), 0) << "a vote does not remove it";
  Unlock(a_);
  Pass(20ms);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(MyStamp(i), 0);
}

TEST_F(Queue, AReleaseThatIsAskedAgainLeavesANewerEntryAlone) {  // rule E6.3
  TakenElsewhere();
  const auto request = Lock(a_);
  NobodyElse();
  Pass(150ms);
  ASSERT_TRUE(GrantOf(request));
  AllByHand();
  Unlock(a_, {}, true);
  const Asked release = Take<ReleaseOp>(2);
  EXPECT_TRUE(std::get<ReleaseOp>(release.op).leave);
  Silence(release, true);
  Pass(1s);
  EXPECT_FALSE(std::get<ReleaseOp>(Take<ReleaseOp>(2).op).leave);
}

TEST_F(Queue, HintsOfAMajorityAreWorthARound) {  // rule E5
  TakenElsewhere();
  const auto request = Lock(a_);
  NobodyElse();
  const auto before = Attempts();
  Hint(NodeHint::Kind::kFree, 0);
  Hint(NodeHint::Kind::kFree, 0);
  EXPECT_EQ(Attempts(), before) << "one node, told twice";
  Hint(NodeHint::Kind::kFree, 1);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Queue, HintsThatComeDuringARoundThatFailsAreNotLost) {  // rule E5
  TakenElsewhere();
  AllByHand();
  Lock(a_);
  for (NodeIndex i : {0, 1}) Hint(NodeHint::Kind::kFree, i);
  const auto before = Attempts();
  for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<AcquireOp>(i));
  EXPECT_EQ(Attempts(), before + 1);
}

TEST_F(Queue, WithoutHintsItPolls) {
  TakenElsewhere();
  const auto request = Lock(a_);
  NobodyElse();
  Pass(150ms);
  EXPECT_TRUE(GrantOf(request));
}

// --- another daemon wants -----------------------------------------------------------------------

TEST_F(Queue, ALeaseThatLingersIsLetGoOnAHint) {  // rule E2
  MustHold(a_);
  Unlock(a_);
  Hint(NodeHint::Kind::kWanted, 0);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(Queue, AWantedLeaseDoesNotLinger) {
  MustHold(a_);
  Hint(NodeHint::Kind::kWanted, 0);
  EXPECT_EQ(KeysOf("me:1:here"), 3u) << "it is held";
  Unlock(a_);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(Queue, ARenewalLearnsOfAWantWhoseHintWasLost) {  // rule E2
  MustHold(a_);
  Pass(900ms);
  WantedElsewhere();
  Pass(100ms);
  Unlock(a_);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(Queue, AWantedLeaseIsHandedOnSixteenTimes) {  // rule E2
  std::vector<SessionId> sessions;
  std::vector<RequestId> requests;
  for (int i = 0; i < 20; ++i) {
    sessions.push_back(Open());
    requests.push_back(Lock(sessions.back()));
  }
  Hint(NodeHint::Kind::kWanted, 0);
  WantedElsewhere();
  std::size_t holder = 0;
  while (holder + 1 < sessions.size() && engine_->HoldCount() == 1) Unlock(sessions[holder++]);
  EXPECT_EQ(holder, 17u) << "the first hold, and sixteen more";
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(Queue, AWantedLeaseIsHandedOnForFiveMilliseconds) {  // rule E2
  MustHold(a_);
  Lock(b_);
  Lock(c_);
  Hint(NodeHint::Kind::kWanted, 0);
  WantedElsewhere();
  Pass(4ms);
  Unlock(a_);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  Pass(1ms);
  Unlock(b_);
  EXPECT_EQ(engine_->HoldCount(), 0u);
}

TEST_F(Queue, AfterAWantedLeaseItWaitsForAMajorityToHaveReleased) {  // rule E6.7
  MustHold(a_);
  Lock(b_);
  Hint(NodeHint::Kind::kWanted, 0);
  WantedElsewhere();
  Pass(5ms);
  AllByHand();
  Unlock(a_);
  AnswerAsObedient(Take<ReleaseOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  AnswerAsObedient(Take<ReleaseOp>(1));
  const Asked next = Take<AcquireOp>(0);
  EXPECT_EQ(std::get<AcquireOp>(next.op).queueing, Queueing::kIfRefused);
  EXPECT_GT(std::get<AcquireOp>(next.op).stamp, 1) << "after what the releases said";
}

TEST_F(Queue, SoDoesWhoeverAsksForItWhenNobodyHereWaited) {  // rule E6.7
  MustHold(a_);
  const Stamp ahead = nodes_[0].Clock(now_) + 5'000'000;
  WantedElsewhere(ahead);
  Hint(NodeHint::Kind::kWanted, 0);
  AllByHand();
  Unlock(a_);
  Lock(b_);
  AnswerAsObedient(Take<ReleaseOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  AnswerAsObedient(Take<ReleaseOp>(1));
  EXPECT_GT(std::get<AcquireOp>(Take<AcquireOp>(0).op).stamp, ahead);
}

TEST_F(Queue, ReleasesThatAreNotAnsweredAreNotAwaitedForLong) {
  MustHold(a_);
  Hint(NodeHint::Kind::kWanted, 0);
  AllByHand();
  Unlock(a_, {}, true);
  Lock(b_);
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  Pass(timing_.retry_interval);
  EXPECT_TRUE(IsAsked<AcquireOp>(0));
}

TEST_F(Queue, HintsForLocksNobodyUsesAreNothing) {
  Hint(NodeHint::Kind::kWanted, 0);
  Hint(NodeHint::Kind::kFree, 1);
  EXPECT_TRUE(GrantOf(Lock(a_)));
}

}  // namespace
}  // namespace redlockd::engine
