#include "tests/unit/engine/engine_fixture.h"

// LettingGo go, by the client or without it: rules C4, C7, C9.
namespace redlockd::engine {
namespace {

using NoticeKind = Notice::Kind;

class LettingGo : public EngineFixture {
 protected:
  LettingGo() {
    Start();
    session_ = Open();
  }
  void HoldByHand() {
    AllByHand();
    const auto request = Lock(session_);
    Vote(0, 10);
    Vote(1, 10);
    ASSERT_TRUE(GrantOf(request));
  }
  SessionId session_;
};

TEST_F(LettingGo, UnlockAnswersAtOnceAndReleasesEverywhere) {  // rule C4
  HoldByHand();                                                // node 2 was asked and is silent
  const auto request = Unlock(session_);
  EXPECT_TRUE(AnswerTo<Released>(request));
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_EQ(std::get<ReleaseOp>(Take<ReleaseOp>(i).op).owner, "me:1:here");
  }
  EXPECT_EQ(engine_->HoldCount(), 0u);
}

TEST_F(LettingGo, ALateVoteAfterLettingGoIsNothing) {  // rule C4
  HoldByHand();
  Unlock(session_);
  ForgetAsked();
  Answer({2, Ticket{Ticket::Kind::kAttempt, 1, 1, now_}, {}}, Verdict::kOk, 10);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(LettingGo, AnUnackedReleaseIsTheFirstThingAskedOnANewConnection) {  // rules C4, C7
  HoldByHand();
  Unlock(session_);
  for (NodeIndex i : {0, 1}) Answer(Take<ReleaseOp>(i), Verdict::kOk);
  Silence(Take<ReleaseOp>(2), true);
  ForgetAsked();
  Do(NodeDown{2, "gone"});
  Up(2);
  ASSERT_FALSE(asked_.empty());
  EXPECT_TRUE(std::holds_alternative<ReleaseOp>(asked_.front().op));
  Answer(Take<ReleaseOp>(2), Verdict::kNotOwner);
  ForgetAsked();
  Do(NodeDown{2, "gone"});
  Up(2);
  EXPECT_FALSE(IsAsked<ReleaseOp>(2)) << "acked";
}

TEST_F(LettingGo, AReleaseIsOwedUntilTheTtlIsOver) {  // rule C4
  HoldByHand();
  Unlock(session_);
  Silence(Take<ReleaseOp>(2), true);
  ForgetAsked();
  Pass(2900ms);
  Do(NodeLinkUp{2, nodes_[2].Info()});
  EXPECT_TRUE(IsAsked<ReleaseOp>(2));
  Silence(Take<ReleaseOp>(2), true);
  Pass(200ms);
  Do(NodeLinkUp{2, nodes_[2].Info()});
  EXPECT_FALSE(IsAsked<ReleaseOp>(2));
}

TEST_F(LettingGo, ARolledBackAttemptIsReleasedOnSilentNodesToo) {  // rule C4
  AllByHand();
  Try(session_);
  Busy(0);
  Busy(1);
  EXPECT_TRUE(IsAsked<ReleaseOp>(2));
  for (NodeIndex i : {0, 1}) EXPECT_FALSE(IsAsked<ReleaseOp>(i)) << "it said that it is another's";
}

TEST_F(LettingGo, TheEndOfASessionReleases) {
  MustHold(session_);
  Close(session_);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
  EXPECT_EQ(engine_->counters().session_ends, 1u);
}

// --- unlock sync --------------------------------------------------------------------------------

TEST_F(LettingGo, SyncAnswersOnceAQuorumHasReleased) {
  HoldByHand();
  const auto request = Unlock(session_, {}, true);
  Answer(Take<ReleaseOp>(0), Verdict::kOk);
  EXPECT_FALSE(Answered(request));
  Answer(Take<ReleaseOp>(2), Verdict::kNotOwner);
  EXPECT_TRUE(AnswerTo<Released>(request));
  EXPECT_EQ(AnswerTo<Released>(request)->fence, 10);
}

TEST_F(LettingGo, SyncIsNoQuorumWhenTooFewHear) {
  HoldByHand();
  const auto request = Unlock(session_, {}, true);
  Silence(Take<ReleaseOp>(0), true);
  EXPECT_FALSE(Answered(request));
  Silence(Take<ReleaseOp>(1));
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_EQ(FailureOf(request)->fence, 10);
}

TEST_F(LettingGo, SyncIsNotAnsweredToASessionThatIsGone) {
  HoldByHand();
  const auto request = Unlock(session_, {}, true);
  Close(session_);
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<ReleaseOp>(i), Verdict::kOk);
  EXPECT_FALSE(Answered(request));
}

TEST_F(LettingGo, SyncIsNoQuorumWhenTooManyRefuse) {
  HoldByHand();
  const auto request = Unlock(session_, {}, true);
  Answer(Take<ReleaseOp>(0), Verdict::kError, 0, 0ns, "NOPERM");
  Answer(Take<ReleaseOp>(1), Verdict::kError, 0, 0ns, "NOPERM");
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

// The machine slept: by its clock the ttl is over, by those of the connections no time-out is.
TEST_F(LettingGo, SyncIsAnsweredWhenTheKeysHaveEndedBeforeANodeSpoke) {
  HoldByHand();
  const auto request = Unlock(session_, {}, true);
  Jump(1h);
  EXPECT_TRUE(AnswerTo<Released>(request));
  Answer(Take<ReleaseOp>(0), Verdict::kNotOwner);
}

// --- ended by the daemon ------------------------------------------------------------------------

TEST_F(LettingGo, ADroppedSessionsHoldKeepsItsKeysUntilTheDeadline) {  // rule C9
  const Time deadline = MustHold(session_).deadline;
  const auto next = Open();
  const auto request = Lock(next);
  Do(SessionDropped{session_});
  EXPECT_EQ(engine_->HoldCount(), 0u);
  Pass(deadline - now_ - 1ns);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
  EXPECT_EQ(engine_->counters().renewals, 0u);
  EXPECT_FALSE(Answered(request)) << "nothing new on that name";
  EXPECT_EQ(engine_->counters().attempts, 1u);
  Pass(1ns);
  EXPECT_TRUE(GrantOf(request));
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(LettingGo, ATryOnAKeptNameIsBusy) {  // rule C9
  MustHold(session_);
  Do(SessionDropped{session_});
  EXPECT_EQ(WhyFailed(Try(Open())), Failure::kBusy);
}

TEST_F(LettingGo, ARenewalInFlightDoesNotProlongAKeptHold) {  // rule C9
  HoldByHand();
  const Time deadline = Holds().at(0).deadline;
  Pass(1s);
  const Asked a = Take<RenewOp>(0), b = Take<RenewOp>(1);
  ForgetAsked();
  Do(SessionDropped{session_});
  Answer(a, Verdict::kOk);
  Answer(b, Verdict::kNotOwner);
  EXPECT_TRUE(asked_.empty()) << "no renewal, no healing, no release";
  Pass(deadline - now_);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(LettingGo, ADroppedWaiterIsForgotten) {
  MustHold(session_);
  const auto waiter = Open();
  const auto request = Lock(waiter);
  Do(SessionDropped{waiter});
  Unlock(session_);
  EXPECT_FALSE(Answered(request));
  EXPECT_EQ(engine_->HoldCount(), 0u);
}

// --- drain --------------------------------------------------------------------------------------

TEST_F(LettingGo, ADrainTellsHoldersAndEndsWaits) {
  MustHold(session_);
  const auto waiter = Lock(Open());
  Do(DrainRequested{now_ + 1s});
  EXPECT_EQ(WhyFailed(waiter), Failure::kDraining);
  EXPECT_EQ(LastTold(session_, NoticeKind::kDraining)->deadline, now_ + 1s);
  EXPECT_EQ(WhyFailed(Lock(Open(), {.name = "y"})), Failure::kDraining);
  EXPECT_FALSE(engine_->Drained());
  Unlock(session_);
  EXPECT_TRUE(engine_->Drained());
}

TEST_F(LettingGo, ADrainWaitsForReleasesOnTheirWay) {
  HoldByHand();
  Do(DrainRequested{now_ + 1s});
  Unlock(session_);
  EXPECT_FALSE(engine_->Drained());
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<ReleaseOp>(i), Verdict::kOk);
  EXPECT_TRUE(engine_->Drained());
}

TEST_F(LettingGo, WhatIsHeldWhenADrainEndsKeepsItsKeys) {  // rule C9
  MustHold(session_);
  Do(DrainRequested{now_ + 500ms});
  Pass(500ms);
  EXPECT_TRUE(engine_->Drained());
  EXPECT_EQ(LastTold(session_, NoticeKind::kLost)->reason, LossReason::kDraining);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
  Close(session_);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
}

TEST_F(LettingGo, ADrainGivesUpWhatIsBeingAcquired) {
  AllByHand();
  const auto request = Lock(session_);
  Vote(0, 10);
  Do(DrainRequested{now_ + 1s});
  EXPECT_EQ(WhyFailed(request), Failure::kDraining);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_TRUE(IsAsked<ReleaseOp>(i));
}

TEST_F(LettingGo, TheEndOfADrainLeavesAKeptLockAlone) {  // rule C9
  MustHold(session_);
  EXPECT_FALSE(engine_->Drained());
  Do(SessionDropped{session_});
  Do(DrainRequested{now_ + 1s});
  EXPECT_TRUE(engine_->Drained());
  Pass(1s);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
}

}  // namespace
}  // namespace redlockd::engine
