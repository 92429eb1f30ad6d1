#include "tests/unit/engine/engine_fixture.h"

// A lock with min-hold stays taken after its hold: rules I1, I2.
namespace redlockd::engine {
namespace {

constexpr Duration kMinHold = 60s;

class MinHoldTest : public EngineFixture {
 protected:
  MinHoldTest() {
    Start();
    session_ = Open();
    grant_ = MustHold(session_, {.min_hold = kMinHold});
    start_ = now_;
  }
  Duration KeptFor() const { return start_ + kMinHold - now_; }
  std::vector<KeptView> Kept() const { return test::RowsOf<KeptView>(*engine_, now_); }
  std::size_t Keys() {
    return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](auto& node) {
      return node.OwnerOf(now_, "x").has_value();
    }));
  }

  SessionId session_;
  Granted grant_;
  Time start_;
};

TEST_F(MinHoldTest, TheSessionIsFreeAtOnceAndTheLockAtTheEnd) {
  Pass(50ms);
  const auto next = Lock(Open());
  const auto unlock = Unlock(session_);
  EXPECT_EQ(AnswerTo<Released>(unlock)->kept, KeptFor());
  EXPECT_EQ(AnswerTo<Released>(unlock)->fence, grant_.fence);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_EQ(WhyFailed(Unlock(session_)), Failure::kNotHeld);
  Pass(KeptFor() - 1ns);
  EXPECT_EQ(Keys(), 3u);
  EXPECT_FALSE(Answered(next));
  Pass(1ns);
  ASSERT_TRUE(GrantOf(next));
  EXPECT_GT(GrantOf(next)->fence, grant_.fence);
}

TEST_F(MinHoldTest, NobodyGetsItMeanwhile) {
  Unlock(session_);
  const auto own = Try(session_);
  EXPECT_EQ(WhyFailed(own), Failure::kBusy);
  EXPECT_EQ(FailureOf(own)->text,
            "its last hold on this host is over, but it stays taken for another 60s");
  const auto next = Lock(Open(), {.wait = 30s});
  EXPECT_FALSE(Answered(next));
  Pass(30s);
  EXPECT_EQ(WhyFailed(next), Failure::kTimeout);
  EXPECT_EQ(FailureOf(next)->text,
            "its last hold on this host is over, but it stays taken for another 30s");
  EXPECT_EQ(engine_->WaitCount(), 0u);
}

TEST_F(MinHoldTest, TheDeathOfTheSessionEndsItNoSooner) {
  Close(session_);
  Pass(KeptFor() - 1ns);
  EXPECT_EQ(Keys(), 3u);
  Pass(1ns);
  EXPECT_EQ(Keys(), 0u);
  EXPECT_EQ(engine_->counters().session_ends, 1u);
}

TEST_F(MinHoldTest, OneThatIsOverChangesNothing) {
  Pass(kMinHold);
  EXPECT_EQ(AnswerTo<Released>(Unlock(session_))->kept, 0ns);
  EXPECT_EQ(Keys(), 0u);
}

TEST_F(MinHoldTest, MaxHoldOfTheSameLengthLeavesNothingToKeep) {
  Unlock(session_);
  Pass(KeptFor());
  MustHold(session_, {.max_hold = 2s, .min_hold = 2s});
  Pass(2s);
  EXPECT_EQ(Keys(), 0u);
  EXPECT_TRUE(Kept().empty());
}

TEST_F(MinHoldTest, IsListedAndCountsAsOneOfTheUsersLocks) {
  Pass(1s);
  Unlock(session_);
  const auto kept = Kept();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].name, "x");
  EXPECT_EQ(kept[0].fence, grant_.fence);
  EXPECT_EQ(kept[0].until, start_ + kMinHold);
  EXPECT_EQ(engine_->counters().kept, 1u);
  Make(3, false, {.locks_per_session = 2, .locks_per_uid = 1, .new_names_per_uid = 100});
  Start();
  const auto poor = Open();
  MustHold(poor, {.min_hold = 1s});
  Unlock(poor);
  EXPECT_EQ(WhyFailed(Try(poor, "y")), Failure::kLimit);
  Pass(1s);
  EXPECT_EQ(WhyFailed(Lock(poor, {.name = "y"})), std::nullopt);
}

TEST_F(MinHoldTest, TheNodesKeepItWithoutTheDaemon) {
  Unlock(session_);
  now_ = start_ + kMinHold;  // the daemon does not run any more
  EXPECT_EQ(Keys(), 3u);
  now_ += timing_.DriftAllowance(kMinHold) + 1s;
  EXPECT_EQ(Keys(), 0u) << "and not for much longer";
}

TEST_F(MinHoldTest, ALeaseThatIsLongEnoughIsNotAskedForAgain) {
  Unlock(session_);
  Pass(KeptFor());
  MustHold(session_, {.ttl = 6s, .min_hold = 2s});
  AllByHand();
  Unlock(session_);
  EXPECT_FALSE(IsAsked<RenewOp>(0));
  Pass(2s);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(MinHoldTest, ItIsAskedUntilAMajorityKeepsIt) {
  AllByHand();
  const auto unlock = Unlock(session_, {}, true);
  for (int round = 0; round < 3; ++round) {
    Answer(Take<RenewOp>(0), Verdict::kOk);
    Silence(Take<RenewOp>(1), true);
    Silence(Take<RenewOp>(2), true);
    EXPECT_FALSE(Answered(unlock));
    Pass(timing_.retry_interval);
  }
  Answer(Take<RenewOp>(1), Verdict::kOk);
  EXPECT_EQ(AnswerTo<Released>(unlock)->kept, KeptFor());
  ForgetAsked();
  Pass(KeptFor() - 1ns);
  EXPECT_FALSE(IsAsked<RenewOp>(0));
  EXPECT_FALSE(IsAsked<ReleaseOp>(0));
  Pass(1ns);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(MinHoldTest, OneThatNoMajorityKeepsEndsWithItsLease) {
  Pass(500ms);
  AllByHand();
  const Time end = Holds().at(0).deadline;
  const auto unlock = Unlock(session_, {}, true);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Silence(Take<RenewOp>(1), true);
  Silence(Take<RenewOp>(2), true);
  Pass(end - now_ - 1ns);
  EXPECT_FALSE(IsAsked<ReleaseOp>(0));
  EXPECT_FALSE(Answered(unlock));
  Pass(1ns);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  EXPECT_EQ(WhyFailed(unlock), Failure::kNoQuorum);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("lock x is free before its min-hold is over"), std::string::npos);
}

TEST_F(MinHoldTest, AnAskerThatHasGoneGetsNoAnswer) {
  AllByHand();
  const auto unlock = Unlock(session_, {}, true);
  Close(session_);
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<RenewOp>(i), Verdict::kOk);
  EXPECT_FALSE(Answered(unlock));
}

// What was announced to a session that is dropped is kept, and its min-hold as well.
TEST_F(MinHoldTest, TheLaterOfBothEndsCounts) {
  Pass(kMinHold - 1s);
  const Time deadline = Holds().at(0).deadline;
  ASSERT_GT(deadline, start_ + kMinHold);
  Do(SessionDropped{session_});
  EXPECT_EQ(Kept().at(0).until, deadline);
  Pass(deadline - now_);
  EXPECT_EQ(Keys(), 0u);
  const auto other = Open();
  MustHold(other, {.min_hold = kMinHold});
  const Time end = now_ + kMinHold;
  Do(SessionDropped{other});
  EXPECT_EQ(Kept().at(0).until, end);
  Pass(end - now_ - 1ns);
  EXPECT_EQ(Keys(), 3u);
}

// --- when the daemon stops ----------------------------------------------------------------------

TEST_F(MinHoldTest, ADaemonThatStopsWaitsUntilAMajorityKeepsIt) {
  AllByHand();
  Do(DrainRequested{now_ + 1s});
  Unlock(session_);
  EXPECT_FALSE(engine_->Drained());
  Answer(Take<RenewOp>(0), Verdict::kOk);
  EXPECT_FALSE(engine_->Drained());
  Answer(Take<RenewOp>(2), Verdict::kOk);
  EXPECT_TRUE(engine_->Drained());
  EXPECT_FALSE(IsAsked<ReleaseOp>(0)) << "it stays with the nodes";
}

TEST_F(MinHoldTest, AHoldThatTheStopEndsIsKeptAsLong) {
  AllByHand();
  Do(DrainRequested{now_ + 500ms});
  Pass(500ms);
  EXPECT_EQ(LastTold(session_, Notice::Kind::kLost)->reason, LossReason::kDraining);
  EXPECT_FALSE(engine_->Drained());
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  EXPECT_TRUE(engine_->Drained());
}

// The daemon was asleep, for longer than all of it.
TEST_F(MinHoldTest, AStopThatComesLateKeepsNothingThatIsOver) {
  AllByHand();
  Do(DrainRequested{now_ + 500ms});
  Jump(kMinHold + 1s);
  EXPECT_EQ(LastTold(session_, Notice::Kind::kLost)->reason, LossReason::kDraining);
  EXPECT_FALSE(IsAsked<RenewOp>(0));
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  EXPECT_THAT(Kept(), testing::IsEmpty());
}

TEST_F(MinHoldTest, ADaemonThatStopsWaitsForNodesNoLongerThanTheyMayTake) {
  AllByHand();
  Do(DrainRequested{now_ + 500ms});
  Pass(500ms + timing_.command_timeout - 1ns);
  EXPECT_FALSE(engine_->Drained());
  Pass(1ns);
  EXPECT_TRUE(engine_->Drained());
}

}  // namespace
}  // namespace redlockd::engine
