#include "tests/unit/engine/engine_fixture.h"

// A hold's life: rules C2, C5, C6, C9, C10, D6.
namespace redlockd::engine {
namespace {

using NoticeKind = Notice::Kind;
using Kinds = std::vector<NoticeKind>;

class HoldTest : public EngineFixture {
 protected:
  HoldTest() {
    Start();
    session_ = Open();
  }
  // Node 2 missed the lease; nodes 0 and 1 gave it. All are in hand then.
  void HoldOnTwo() {
    AllByHand();
    request_ = Lock(session_);
    Vote(0, 10);
    Vote(1, 10);
    Silence(Take<AcquireOp>(2), true);
    ASSERT_TRUE(GrantOf(request_));
    granted_ = now_;
  }
  Time Deadline() { return Holds().at(0).deadline; }
  SessionId session_;
  RequestId request_ = 0;
  Time granted_;
};

TEST_F(HoldTest, IsRenewedAtAThirdOfTheTtl) {  // rule C5
  MustHold(session_, {.renewed_events = true});
  const Time start = now_;
  Pass(1s - 1ns);
  EXPECT_TRUE(Told(session_).empty());
  Pass(1ns);
  EXPECT_EQ(Told(session_), Kinds{NoticeKind::kRenewed});
  EXPECT_EQ(Deadline(), start + 1s + Promise(3s));
  Pass(1s);
  EXPECT_EQ(engine_->counters().renewals, 2u);
  Pass(60s);
  EXPECT_EQ(engine_->HoldCount(), 1u);
}

TEST_F(HoldTest, IsNotToldOfRenewalsUnasked) {
  MustHold(session_);
  Pass(10s);
  EXPECT_TRUE(Told(session_).empty());
}

// The renewal has read the node's sentinel itself.
TEST_F(HoldTest, AProbeThatFailsTakesNothingFromARenewal) {  // rule C5
  HoldOnTwo();
  Pass(1s);
  for (const NodeIndex node : {0, 1}) {
    Do(NodeLinkUp{node, nodes_[node].Info()});  // one more connection: it is probed
    Answer(Take<ProbeOp>(node), Verdict::kError, 0, 0ns, "BUSY running a script");
    EXPECT_EQ(StateOf(node), NodeState::kError);
    Answer(Take<RenewOp>(node), Verdict::kOk);
  }
  EXPECT_EQ(Deadline(), now_ + Promise(3s));
}

TEST_F(HoldTest, ARenewalByANodeThatMayHaveForgottenCountsForNothing) {  // rules D5, D6
  HoldOnTwo();
  Pass(1s);
  const Time before = Deadline();
  nodes_[0].evicted_keys = 1;
  Do(NodeLinkUp{0, nodes_[0].Info()});
  Answer(Take<ProbeOp>(0), Verdict::kError, 0, 0ns, "BUSY running a script");
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  EXPECT_EQ(Deadline(), before);
}

TEST_F(HoldTest, DangerAndLossSayWhatEachNodeSaid) {
  HoldOnTwo();
  Pass(1s);
  Answer(Take<RenewOp>(0), Verdict::kError, 0, 0ns, "READONLY");
  Silence(Take<RenewOp>(1));
  Down(2);
  const auto warned = LastTold(session_, NoticeKind::kJeopardy);
  ASSERT_TRUE(warned);
  EXPECT_EQ(warned->text,
            "node 1 refused: READONLY; node 2 did not answer in time; node 3 connection refused");
  Pass(3s);
  const auto lost = LastTold(session_, NoticeKind::kLost);
  ASSERT_TRUE(lost);
  EXPECT_NE(lost->text.find("node 1 refused: READONLY"), std::string::npos) << lost->text;
  EXPECT_NE(lost->text.find("node 3 connection refused"), std::string::npos) << lost->text;
}

TEST_F(HoldTest, AFailedRenewalIsRepeatedEachRetryInterval) {  // rule C5
  HoldOnTwo();
  Pass(1s);
  for (int round = 0; round < 5; ++round) {
    Silence(Take<RenewOp>(0), true);
    Silence(Take<RenewOp>(1), true);
    Pass(100ms - 1ns);
    EXPECT_FALSE(IsAsked<RenewOp>(0));
    Pass(1ns);
  }
  EXPECT_TRUE(IsAsked<RenewOp>(0));
}

TEST_F(HoldTest, ANodeIsAskedOneThingAtATime) {  // rule C5
  HoldOnTwo();
  Pass(1s);
  EXPECT_EQ(Count<RenewOp>(0), 1u);
  Silence(Asked{0, asked_.front().ticket, {}});  // in time: it may still answer
  Pass(1s);
  EXPECT_EQ(Count<RenewOp>(0), 1u);
  EXPECT_EQ(Count<RenewOp>(1), 1u);
}

TEST_F(HoldTest, AMinoritysRenewalGainsNothing) {  // rules C2, C5
  HoldOnTwo();
  const Time deadline = Deadline();
  Pass(1s);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Silence(Take<RenewOp>(1), true);
  EXPECT_EQ(Deadline(), deadline);
}

TEST_F(HoldTest, ARenewalCountsFromItsAsking) {  // rule C2
  HoldOnTwo();
  Pass(1s);
  const Time asked = now_;
  const Asked late = Take<RenewOp>(1);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Silence(late);
  Pass(700ms);
  Answer(late, Verdict::kOk);  // late, but it was asked then
  EXPECT_EQ(Deadline(), asked + Promise(3s));
}

TEST_F(HoldTest, TheRenewalOfANodeThatDoesNotVoteGainsNothing) {  // rules D5, D8
  HoldOnTwo();
  const Time deadline = Deadline();
  Pass(1s);
  // Node 1 is now reached at the server that node 0 is: its word would be node 0's, twice.
  Do(NodeLinkUp{1, nodes_[0].Info()});
  EXPECT_EQ(StateOf(1), NodeState::kDuplicate);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  EXPECT_EQ(Deadline(), deadline);
}

TEST_F(HoldTest, ARenewalAsksForTheTtlOfTheHold) {  // rule C10
  AllByHand();
  const auto request = Lock(session_, {.ttl = 2s});
  EXPECT_EQ(std::get<AcquireOp>(asked_.front().op).ttl, 2s);
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_EQ(GrantOf(request)->ttl, 2s);
  Pass(667ms);
  EXPECT_EQ(std::get<RenewOp>(Take<RenewOp>(0).op).ttl, 2s);
}

// --- JEOPARDY, SAFE, LOST -----------------------------------------------------------------------

TEST_F(HoldTest, ARoundWithoutAMajorityIsJeopardyAndTheNextGoodOneSafe) {
  HoldOnTwo();
  Pass(1s);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  if (IsAsked<AcquireOp>(2)) Silence(Take<AcquireOp>(2), true);
  EXPECT_TRUE(Told(session_).empty());
  Silence(Take<RenewOp>(1), true);
  EXPECT_EQ(Told(session_), Kinds{NoticeKind::kJeopardy});
  Pass(100ms);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  EXPECT_EQ(Told(session_), (Kinds{NoticeKind::kJeopardy, NoticeKind::kSafe}));
}

// The next round comes later than that.
TEST_F(HoldTest, HalfOfAShortTtlInSilenceIsJeopardy) {
  AllByHand();
  Lock(session_, {.ttl = 300ms});
  for (NodeIndex i : {0, 1, 2}) Vote(i, 10);
  Pass(Deadline() - now_ - 150ms - 1ns);
  ASSERT_TRUE(IsAsked<RenewOp>(0));
  EXPECT_TRUE(Told(session_).empty());
  Pass(1ns);
  EXPECT_EQ(Told(session_), Kinds{NoticeKind::kJeopardy});
}

TEST_F(HoldTest, SilenceIsJeopardyBeforeHalfTheTtlAndLostBeforeTheDeadline) {  // no reply needed
  HoldOnTwo();
  const Time deadline = Deadline();
  Pass(deadline - now_ - 1500ms);
  EXPECT_EQ(Told(session_), Kinds{NoticeKind::kJeopardy});
  Pass(deadline - now_ - 10ms - 1ns);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  Pass(1ns);
  EXPECT_EQ(Told(session_), (Kinds{NoticeKind::kJeopardy, NoticeKind::kLost}));
  EXPECT_EQ(LastTold(session_, NoticeKind::kLost)->reason, LossReason::kDeadline);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  Pass(10ms - 1ns);
  EXPECT_FALSE(IsAsked<ReleaseOp>(0)) << "rule C9: kept to the end";
  Pass(1ns);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
}

TEST_F(HoldTest, ALateAnswerDoesNotUndoALoss) {  // rule C5
  HoldOnTwo();
  Pass(1s);
  const Asked a = Take<RenewOp>(0), b = Take<RenewOp>(1);
  Pass(Promise(3s) - 1s);
  EXPECT_EQ(Told(session_).back(), NoticeKind::kLost);
  Answer(a, Verdict::kOk);
  Answer(b, Verdict::kOk);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_EQ(Told(session_).back(), NoticeKind::kLost);
}

TEST_F(HoldTest, AnAnswerThatComesWithTheDeadlineIsTooLate) {
  HoldOnTwo();
  Pass(1s);
  const Asked a = Take<RenewOp>(0), b = Take<RenewOp>(1);
  now_ += Promise(3s) - 1s;  // the host was suspended: no timer has rung
  Answer(a, Verdict::kOk);
  Answer(b, Verdict::kOk);
  EXPECT_EQ(Told(session_).back(), NoticeKind::kLost);
}

TEST_F(HoldTest, ASuspendPastTheDeadlineIsLost) {
  MustHold(session_);
  Jump(10s);
  EXPECT_EQ(Told(session_).back(), NoticeKind::kLost);
  EXPECT_EQ(engine_->HoldCount(), 0u);
}

// --- healing ------------------------------------------------------------------------------------

TEST_F(HoldTest, ANodeThatMissedTheLeaseIsHealedByAcquire) {  // rule C6
  HoldOnTwo();
  const std::string owner = "me:1:here";
  Pass(1s);
  const Asked heal = Take<AcquireOp>(2);
  EXPECT_EQ(std::get<AcquireOp>(heal.op).owner, owner);
  EXPECT_FALSE(IsAsked<RenewOp>(2));
  Answer(heal, Verdict::kOk, 10);
  EXPECT_EQ(Holds().at(0).votes, 3u);
  EXPECT_EQ(Holds().at(0).fence, 10);
  EXPECT_EQ(engine_->counters().heals, 1u);
}

TEST_F(HoldTest, ANodeThatLostTheKeyIsHealedInTheSameRound) {  // rule C6
  const auto grant = MustHold(session_);
  const std::string owner = "me:1:here";
  nodes_[0].Forget("x");
  Pass(1s);
  EXPECT_EQ(KeysOf(owner), 3u);
  EXPECT_GT(*nodes_[0].StoredFence(now_, "x"), grant.fence) << "a new owner raises the fence";
  EXPECT_EQ(Holds().at(0).fence, grant.fence);
}

TEST_F(HoldTest, NothingIsHealedAfterLettingGo) {  // rule C6
  HoldOnTwo();
  Pass(1s);
  const Asked a = Take<RenewOp>(0);
  Unlock(session_);
  ForgetAsked();
  Answer(a, Verdict::kNotOwner);
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  Pass(5s);
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_FALSE(IsAsked<AcquireOp>(i) || IsAsked<RenewOp>(i)) << "node " << i;
  }
}

TEST_F(HoldTest, NothingIsHealedOnceTheHoldWasThrownOut) {  // rules C6, C9
  HoldOnTwo();
  Pass(1s);
  const Asked a = Take<RenewOp>(0);
  Lock(Open());
  Do(SessionDropped{session_});
  ForgetAsked();
  Answer(a, Verdict::kNotOwner);
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
}

// --- clock steps --------------------------------------------------------------------------------

TEST_F(HoldTest, AForwardStepVoidsThePromisesOfThatNode) {  // rule D6
  const auto grant = MustHold(session_);
  EXPECT_EQ(Holds().at(0).votes, 3u);
  AllByHand();
  nodes_[0].clock_off = 100ms;
  Pass(1s);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  Answer(Take<RenewOp>(2), Verdict::kOk);
  Answer(Take<RenewOp>(0), Verdict::kNotOwner);  // its TIME shows it
  EXPECT_EQ(StateOf(0), NodeState::kQuarantine);
  EXPECT_EQ(Holds().at(0).votes, 2u);
  EXPECT_GT(Deadline(), grant.deadline);
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
}

TEST_F(HoldTest, AForwardStepThatTakesTheMajorityIsLostAndItsDeadlineKept) {  // rules D6, C9
  HoldOnTwo();
  const Time announced = Deadline();
  nodes_[0].clock_off = 100ms;
  Pass(1s);
  const auto next = Open();
  const auto request = Lock(next);
  Answer(Take<RenewOp>(0), Verdict::kOk);
  EXPECT_EQ(Told(session_), (Kinds{NoticeKind::kJeopardy, NoticeKind::kLost}));
  // The holder was told a deadline; nobody gets the lock before it.
  Pass(announced - now_ - 1ns);
  EXPECT_FALSE(IsAsked<ReleaseOp>(1));
  EXPECT_FALSE(Answered(request));
  Pass(1ns);
  EXPECT_TRUE(IsAsked<ReleaseOp>(1));
}

TEST_F(HoldTest, AForwardStepThatMovesTheDeadlineBackIsToldAsJeopardy) {  // rule D6
  HoldOnTwo();
  Pass(500ms);
  const Time first = Deadline();
  Pass(500ms);
  Answer(Take<AcquireOp>(2), Verdict::kOk, 10);
  Answer(Take<RenewOp>(1), Verdict::kOk);
  const Asked renewal = Take<RenewOp>(0);
  EXPECT_GT(Deadline(), first);
  nodes_[2].clock_off = 100ms;
  asked_.clear();
  Pass(10ms);
  Do([&] {  // any answer of node 2 shows its clock
    NodeAnswer answer;
    answer.node = 2;
    answer.ticket = Ticket{Ticket::Kind::kRelease, 0, 0, now_};
    answer.verdict = Verdict::kNotOwner;
    answer.node_time = nodes_[2].Clock(now_);
    return answer;
  }());
  EXPECT_EQ(Deadline(), first);
  EXPECT_EQ(LastTold(session_, NoticeKind::kJeopardy)->deadline, first);
  Answer(renewal, Verdict::kOk);
  EXPECT_EQ(Told(session_).back(), NoticeKind::kSafe);
}

// --- max-hold -----------------------------------------------------------------------------------

TEST_F(HoldTest, NoDeadlineBeyondMaxHoldIsEverAnnounced) {  // rule C9
  const Time start = now_;
  const auto grant = MustHold(session_, {.max_hold = 5s, .renewed_events = true});
  EXPECT_EQ(grant.deadline, start + Promise(3s));
  Pass(5s - 10ms - 1ns);
  EXPECT_EQ(Deadline(), start + 5s);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  for (const auto& [to, notice] : notices_) {
    EXPECT_EQ(notice.kind, NoticeKind::kRenewed);
    EXPECT_LE(notice.deadline, start + 5s);
  }
  Pass(1ns);
  EXPECT_EQ(LastTold(session_, NoticeKind::kLost)->reason, LossReason::kMaxHold);
  EXPECT_EQ(KeysOf("me:1:here"), 3u) << "told before the deadline, kept until then";
  Pass(10ms);
  EXPECT_EQ(KeysOf("me:1:here"), 0u) << "its deadline has passed";
}

TEST_F(HoldTest, AMaxHoldBelowTheTtlIsTheDeadline) {
  const Time start = now_;
  EXPECT_EQ(MustHold(session_, {.max_hold = 1s}).deadline, start + 1s);
  Pass(1s);
  EXPECT_EQ(Told(session_), Kinds{NoticeKind::kLost}) << "no warning: it was asked for";
}

TEST_F(HoldTest, WhatMaxHoldEndsBeforeTheLeaseDoesIsNotInDanger) {
  MustHold(session_, {.max_hold = 2s});
  AllByHand();
  Lock(Open());  // more fences are asked for, as for a renewal
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<AcquireOp>(i), Verdict::kError);
  EXPECT_EQ(Told(session_), Kinds{});
  EXPECT_FALSE(Holds().at(0).jeopardy);
}

TEST_F(HoldTest, WhatMaxHoldEndsBeforeTheLeaseDoesIsNotRenewed) {
  MustHold(session_, {.max_hold = 2s});
  AllByHand();
  Pass(1900ms);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_FALSE(IsAsked<RenewOp>(i)) << i;
}

}  // namespace
}  // namespace redlockd::engine
