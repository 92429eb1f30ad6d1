#include <gmock/gmock.h>

#include "daemon/engine/owner_value.h"
#include "tests/unit/engine/engine_fixture.h"

// Ends of a hold that an administrator decides: rules I1, I3, I4.
namespace redlockd::engine {
namespace {

using NoticeKind = Notice::Kind;
using testing::HasSubstr;

constexpr char kOwner[] = "me:1:here";  // of this daemon's first attempt

class Break : public EngineFixture {
 protected:
  Break() {
    Start();
    session_ = Open();
    admin_ = Open(0);
  }
  RequestId OfFence(Fence fence) {
    Do(BreakRequested{
        .session = admin_, .request = ++last_, .name = "x", .fence = fence, .owner = ""});
    return last_;
  }
  RequestId OfOwner(const std::string& owner, bool at_once = false) {
    Do(BreakRequested{.session = admin_,
                      .request = ++last_,
                      .name = "x",
                      .fence = std::nullopt,
                      .owner = owner,
                      .at_once = at_once});
    return last_;
  }
  void Hint(NodeIndex node, AttemptNumber attempt = 1) {
    Do(NodeHint{.node = node, .kind = NodeHint::Kind::kBroken, .lock = "x", .attempt = attempt});
  }
  // As another daemon's break leaves it.
  void KeepOn(NodeIndex node) {
    nodes_[node].Run(now_, timing_, "", BreakOp{"x", kOwner, false, 1s});
  }
  void PutElsewhere(NodeIndex node, const std::string& owner = "other:1:h") {
    nodes_[node].Put(now_, "x", owner, 700ms);
  }
  SessionId session_, admin_;
  RequestId last_ = 100;
};

// --- a hold of this host

TEST_F(Break, OfAFenceEndsTheHoldAndKeepsItsKeysUntilTheDeadline) {  // rule I4
  const auto grant = MustHold(session_);
  Pass(50ms);
  const auto request = OfFence(grant.fence);
  ASSERT_TRUE(AnswerTo<Broken>(request));
  EXPECT_EQ(AnswerTo<Broken>(request)->left, grant.deadline - now_);
  const auto notice = LastTold(session_, NoticeKind::kBroken);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->fence, grant.fence);
  EXPECT_EQ(notice->deadline, grant.deadline);
  EXPECT_FALSE(LastTold(session_, NoticeKind::kLost));
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_EQ(KeysOf(kOwner), 3u);

  // Nothing is renewed, and nothing begins here before that.
  const auto next = Lock(Open());
  AllByHand();
  Pass(grant.deadline - now_ - 1ms);
  EXPECT_FALSE(IsAsked<RenewOp>(0));
  EXPECT_FALSE(IsAsked<ReleaseOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  EXPECT_FALSE(Answered(next));
  Pass(1ms);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(Break, TheSessionHearsOnceThatItLostABrokenHold) {
  const auto grant = MustHold(session_);
  OfFence(grant.fence);
  const auto lost = FailureOf(Unlock(session_));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->failure, Failure::kLost);
  EXPECT_EQ(lost->reason, LossReason::kBroken);
  EXPECT_EQ(WhyFailed(Unlock(session_)), Failure::kNotHeld);
}

TEST_F(Break, OfAFenceThatNobodyHoldsHereSaysWhatIs) {
  const auto nobody = FailureOf(OfFence(7));
  ASSERT_TRUE(nobody);
  EXPECT_EQ(nobody->failure, Failure::kNotHeld);
  EXPECT_EQ(nobody->text, "no session of this host holds it");
  const auto grant = MustHold(session_);
  EXPECT_THAT(FailureOf(OfFence(grant.fence + 1))->text,
              HasSubstr("with fence " + std::to_string(grant.fence)));
  EXPECT_EQ(engine_->HoldCount(), 1u);
  EXPECT_FALSE(LastTold(session_, NoticeKind::kBroken));
}

// --- an owner of any host, as the one who breaks sees it

TEST_F(Break, OfAnOwnerIsAskedOfAllNodesAndSaysWhenTheLastOfItsKeysGoes) {  // rule I3
  for (NodeIndex i = 0; i < 3; ++i) PutElsewhere(i);
  nodes_[1].Put(now_, "x", "other:1:h", 900ms);
  const auto request = OfOwner("other:1:h");
  ASSERT_TRUE(AnswerTo<Broken>(request));
  EXPECT_EQ(AnswerTo<Broken>(request)->left, 900ms);
  EXPECT_EQ(KeysOf(std::string(kKept) + "other:1:h"), 3u);
}

TEST_F(Break, OfAnOwnerNeedsAMajorityOfAllNodes) {  // rule I3
  AllByHand();
  const auto request = OfOwner("other:1:h");
  Answer(Take<BreakOp>(0), Verdict::kOk, 0, 700ms);
  Silence(Take<BreakOp>(1));
  EXPECT_FALSE(Answered(request)) << "one may still answer";
  Answer(Take<BreakOp>(2), Verdict::kNotOwner);
  const auto failed = FailureOf(request);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failure, Failure::kNoQuorum);
  EXPECT_EQ(
      failed->text,
      "broken on 1 of 3 nodes: node 2 did not answer in time; node 3 says that nobody has it");
}

TEST_F(Break, OfAnOwnerThatAMajorityDoesNotKnowIsNotHeld) {
  PutElsewhere(0);
  PutElsewhere(1, "third:4:h");
  const auto failed = FailureOf(OfOwner("other:1:h"));
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failure, Failure::kNotHeld);
  EXPECT_EQ(failed->name, "x");
  EXPECT_EQ(
      failed->text,
      "this owner has the lock on 1 of 3 nodes: node 2 says that third:4:h has it; node 3 says "
      "that nobody has it");
}

TEST_F(Break, AgainFindsItsOwnWorkDone) {
  for (NodeIndex i = 0; i < 3; ++i) PutElsewhere(i);
  AllByHand();
  const auto first = OfOwner("other:1:h");
  AnswerAsObedient(Take<BreakOp>(0));
  for (NodeIndex i : {1, 2}) Silence(Take<BreakOp>(i));
  EXPECT_EQ(WhyFailed(first), Failure::kNoQuorum);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  EXPECT_TRUE(AnswerTo<Broken>(OfOwner("other:1:h")));
}

TEST_F(Break, AKeptKeyIsBusyForAllUntilItGoes) {  // rule I3
  for (NodeIndex i = 0; i < 3; ++i) PutElsewhere(i);
  OfOwner("other:1:h");
  EXPECT_EQ(WhyFailed(Try(session_)), Failure::kBusy);
  const auto waits = Lock(session_);
  Pass(690ms);
  EXPECT_FALSE(Answered(waits));
  Pass(50ms);
  EXPECT_TRUE(GrantOf(waits)) << "it comes when the time left that it saw is over";
}

TEST_F(Break, AtOnceLeavesTheLockFree) {  // rule I3
  for (NodeIndex i = 0; i < 3; ++i) PutElsewhere(i);
  const auto request = OfOwner("other:1:h", true);
  ASSERT_TRUE(AnswerTo<Broken>(request));
  EXPECT_EQ(AnswerTo<Broken>(request)->left, 0ns);
  EXPECT_TRUE(GrantOf(Try(session_)));
}

// --- the daemon whose hold is broken

TEST_F(Break, HintsOfAMajorityEndTheHold) {  // rule I4
  const auto grant = MustHold(session_);
  for (NodeIndex i = 0; i < 3; ++i) KeepOn(i);
  Hint(0);
  Hint(0);
  EXPECT_FALSE(LastTold(session_, NoticeKind::kBroken)) << "one node alone decides nothing";
  Hint(2);
  ASSERT_TRUE(LastTold(session_, NoticeKind::kBroken));
  EXPECT_EQ(LastTold(session_, NoticeKind::kBroken)->deadline, grant.deadline);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_EQ(KeysOf(std::string(kKept) + kOwner), 3u);
}

TEST_F(Break, AHintOfAnotherAttemptIsNone) {  // rule I4
  MustHold(session_);
  for (NodeIndex i = 0; i < 3; ++i) Hint(i, 2);
  EXPECT_FALSE(LastTold(session_, NoticeKind::kBroken));
  EXPECT_EQ(engine_->HoldCount(), 1u);
}

TEST_F(Break, AHintBeforeTheGrantIsNone) {
  AllByHand();
  const auto request = Lock(session_);
  for (NodeIndex i = 0; i < 3; ++i) Hint(i);
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
  EXPECT_EQ(engine_->HoldCount(), 1u);
}

TEST_F(Break, RenewalsThatAMajorityRefusesAsBrokenEndTheHold) {  // rule I4
  const auto grant = MustHold(session_);
  KeepOn(0);
  KeepOn(2);
  Pass(timing_.ttl / 3 + 1ms);
  ASSERT_TRUE(LastTold(session_, NoticeKind::kBroken));
  EXPECT_GE(LastTold(session_, NoticeKind::kBroken)->deadline, grant.deadline);
  EXPECT_EQ(engine_->HoldCount(), 0u);
}

TEST_F(Break, AMinorityThatBrokeItIsNeitherRenewedNorHealedAndTheHoldGoesOn) {  // rules I3, I4
  const auto grant = MustHold(session_);
  KeepOn(0);
  Hint(0);
  AllByHand();
  Pass(timing_.ttl / 3 + 1ms);
  EXPECT_FALSE(IsAsked<RenewOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  for (NodeIndex i : {1, 2}) AnswerAsObedient(Take<RenewOp>(i));
  EXPECT_GT(Holds().at(0).deadline, grant.deadline);
  for (NodeIndex i : {1, 2}) Obey(i);
  Pass(timing_.ttl);  // the kept key has gone
  EXPECT_FALSE(IsAsked<AcquireOp>(0)) << "or the lease of a majority would come back, node by node";
  EXPECT_EQ(engine_->HoldCount(), 1u);
}

TEST_F(Break, ABrokenLeaseThatLingersIsLetGo) {
  linger_.usual = 500ms;
  Make(3);
  Start();
  session_ = Open();
  MustHold(session_);
  Unlock(session_);
  AllByHand();
  Hint(0);
  EXPECT_FALSE(IsAsked<ReleaseOp>(1));
  Hint(1);
  EXPECT_TRUE(IsAsked<ReleaseOp>(1));
}

TEST_F(Break, WhoBreaksAHoldDoesNotWaitForItsMinHold) {  // rule I1
  const auto grant = MustHold(session_, {.min_hold = 60s});
  const auto request = OfFence(grant.fence);
  EXPECT_EQ(AnswerTo<Broken>(request)->left, grant.deadline - now_);
  Pass(grant.deadline - now_);
  EXPECT_EQ(KeysOf(kOwner), 0u);
}

TEST_F(Break, ALockThatItsMinHoldKeepsIsLetGo) {  // rule I1
  MustHold(session_, {.min_hold = 60s});
  AllByHand();
  const auto unlock = Unlock(session_, {}, true);
  Hint(0);
  EXPECT_FALSE(Answered(unlock));
  Hint(1);
  ASSERT_TRUE(AnswerTo<Released>(unlock));
  EXPECT_EQ(AnswerTo<Released>(unlock)->kept, 0ns);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(Break, ABrokenOwnersReleaseDeletesNoKeptKey) {
  MustHold(session_);
  for (NodeIndex i = 0; i < 3; ++i) KeepOn(i);
  Unlock(session_);
  EXPECT_EQ(KeysOf(std::string(kKept) + kOwner), 3u);
  // Nor is it taken over by this daemon's next attempt (rule C8).
  EXPECT_EQ(WhyFailed(Try(session_)), Failure::kBusy);
}

TEST_F(Break, WhoBreaksItsOwnDaemonsOwnerIsHeardAsAnybody) {
  const auto grant = MustHold(session_);
  ASSERT_TRUE(AnswerTo<Broken>(OfOwner(kOwner)));
  Hint(0);
  Hint(1);
  ASSERT_TRUE(LastTold(session_, NoticeKind::kBroken));
  EXPECT_EQ(LastTold(session_, NoticeKind::kBroken)->deadline, grant.deadline);
}

}  // namespace
}  // namespace redlockd::engine
