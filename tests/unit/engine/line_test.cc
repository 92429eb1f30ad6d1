#include "tests/unit/engine/engine_fixture.h"

// Who waits, and what a wait that ends without the lock is told.
namespace redlockd::engine {
namespace {

class Line : public EngineFixture {
 protected:
  Line() {
    Start();
    a_ = Open();
    b_ = Open();
    c_ = Open();
  }
  // The lock is another host's on all nodes, for a minute.
  void TakenElsewhere() {
    for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  }
  SessionId a_, b_, c_;
};

TEST_F(Line, IsFirstComeFirstServed) {
  MustHold(a_);
  const auto second = Lock(b_), third = Lock(c_);
  EXPECT_EQ(Waits().at(0).session, b_);
  EXPECT_EQ(Waits().at(1).place, 2u);
  Unlock(a_);
  EXPECT_TRUE(GrantOf(second));
  EXPECT_FALSE(Answered(third));
  Close(b_);
  EXPECT_TRUE(GrantOf(third));
  EXPECT_GT(GrantOf(third)->fence, GrantOf(second)->fence);
}

TEST_F(Line, OneAttemptAtATimeIsOnTheWire) {  // rule C11
  AllByHand();
  Lock(a_);
  Lock(b_);
  EXPECT_EQ(Count<AcquireOp>(0), 1u);
}

TEST_F(Line, ATryOfALockHeldHereIsBusyAtOnce) {
  MustHold(a_);
  EXPECT_EQ(WhyFailed(Try(b_)), Failure::kBusy);
  EXPECT_EQ(engine_->counters().busy, 1u);
}

TEST_F(Line, ATryOfALockHeldByAnotherProductIsBusyAtOnce) {
  for (auto& node : nodes_) node.Put(now_, "x", "a-plain-redlock-value", 60s);
  EXPECT_EQ(WhyFailed(Try(b_)), Failure::kBusy);
}

TEST_F(Line, ATryAsksForALeaseThatMayHaveNoHolderForTenMilliseconds) {
  TakenElsewhere();
  const auto busy = Try(b_);
  EXPECT_FALSE(Answered(busy));
  Pass(10ms);
  EXPECT_EQ(WhyFailed(busy), Failure::kBusy);
  const auto taken = Try(b_);
  Pass(1ms);
  EXPECT_FALSE(Answered(taken));
  for (auto& node : nodes_) node.Forget("x");
  Pass(9ms);
  EXPECT_TRUE(GrantOf(taken));
}

TEST_F(Line, AWaitTimesOut) {
  MustHold(a_);
  const auto here = Lock(b_, {.wait = 300ms});
  TakenElsewhere();
  const auto elsewhere = Lock(c_, {.name = "y", .wait = 300ms});
  EXPECT_TRUE(GrantOf(elsewhere));
  Pass(300ms - 1ns);
  EXPECT_FALSE(Answered(here));
  Pass(1ns);
  EXPECT_EQ(WhyFailed(here), Failure::kTimeout);
}

TEST_F(Line, AWaitForALockHeldElsewhereTimesOut) {
  TakenElsewhere();
  const auto request = Lock(a_, {.wait = 300ms});
  Pass(300ms);
  EXPECT_EQ(WhyFailed(request), Failure::kTimeout);
  EXPECT_EQ(KeysOf("other:1:there"), 3u);
  EXPECT_TRUE(Waits().empty());
}

TEST_F(Line, AWaiterThatLeavesDuringTheAttemptTakesNothingAlong) {
  AllByHand();
  Lock(a_);
  const auto next = Lock(b_);
  Vote(0, 10);
  Close(a_);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(next)) << "the attempt goes on for the next in line";
  EXPECT_EQ(Holds().at(0).session, b_);
}

TEST_F(Line, AnAttemptIsNotPassedOnToAWaiterWithAnotherTtl) {  // rule C10
  AllByHand();
  Lock(a_);
  const auto next = Lock(b_, {.ttl = 2s});
  Vote(0, 10);
  Close(a_);
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  EXPECT_FALSE(Answered(next));
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).ttl, 2s);
}

TEST_F(Line, AWaiterThatGivesUpAloneReleasesTheAttempt) {  // rule C4
  AllByHand();
  Lock(a_);
  Vote(0, 10);
  Close(a_);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_TRUE(IsAsked<ReleaseOp>(i));
}

TEST_F(Line, CancelEndsAWait) {
  MustHold(a_);
  const auto wait = Lock(b_);
  Do(CancelRequested{b_, 1000, wait, "x"});
  EXPECT_EQ(WhyFailed(wait), Failure::kCancelled);
  EXPECT_TRUE(AnswerTo<WaitCancelled>(1000));
  Do(CancelRequested{b_, 1001, wait, "x"});
  EXPECT_EQ(WhyFailed(1001), Failure::kNoSuchWait);
  Do(CancelRequested{a_, 1002, 1, "x"});
  EXPECT_EQ(WhyFailed(1002), Failure::kNoSuchWait) << "held, not waiting";
}

// --- half-close ---------------------------------------------------------------------------------

TEST_F(Line, CancelOfWhatDoesNotWait) {
  MustHold(a_);
  const auto wait = Lock(b_);
  Do(CancelRequested{b_, 1000, wait + 1, "x"});
  EXPECT_EQ(WhyFailed(1000), Failure::kNoSuchWait);
  Do(CancelRequested{b_, 1001, wait, "nobody-wants-it"});
  EXPECT_EQ(WhyFailed(1001), Failure::kNoSuchWait);
  EXPECT_FALSE(Answered(wait));
}

TEST_F(Line, AHalfCloseCancelsAWaitBehindAHolder) {
  MustHold(a_);
  const auto wait = Lock(b_);
  Do(SessionInputEnded{b_});
  EXPECT_EQ(WhyFailed(wait), Failure::kCancelled);
}

TEST_F(Line, AfterAHalfCloseNobodyWaitsForAHolder) {
  MustHold(a_);
  Do(SessionInputEnded{b_});
  EXPECT_EQ(WhyFailed(Lock(b_)), Failure::kCancelled);
  EXPECT_EQ(engine_->WaitCount(), 0u);
}

TEST_F(Line, AHalfCloseDuringALaterAskingCancels) {
  AllByHand();
  const auto request = Lock(b_);
  Busy(0);
  Busy(1);
  Pass(timing_.retry_interval * 2);
  ASSERT_TRUE(IsAsked<AcquireOp>(0));
  Do(SessionInputEnded{b_});
  EXPECT_EQ(WhyFailed(request), Failure::kCancelled);
}

TEST_F(Line, AHalfCloseLetsTheFirstAskingFinish) {
  AllByHand();
  const auto request = Lock(a_);
  Do(SessionInputEnded{a_});
  EXPECT_FALSE(Answered(request));
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Line, AHalfClosedFirstAskingThatIsRefusedIsCancelled) {
  AllByHand();
  const auto request = Lock(a_);
  Do(SessionInputEnded{a_});
  Busy(0);
  Busy(1);
  EXPECT_EQ(WhyFailed(request), Failure::kCancelled);
}

TEST_F(Line, AHalfCloseBetweenAttemptsCancels) {
  TakenElsewhere();
  const auto request = Lock(a_);
  Do(SessionInputEnded{a_});
  EXPECT_EQ(WhyFailed(request), Failure::kCancelled);
}

TEST_F(Line, AHalfCloseLeavesAHoldAlone) {
  MustHold(a_);
  Do(SessionInputEnded{a_});
  Pass(10s);
  EXPECT_EQ(engine_->HoldCount(), 1u);
}

// --- what the caller may not --------------------------------------------------------------------

TEST_F(Line, AskingAgainForTheSameLockIsADeadlock) {
  MustHold(a_);
  EXPECT_EQ(WhyFailed(Lock(a_)), Failure::kDeadlock);
  Lock(b_);
  EXPECT_EQ(WhyFailed(Lock(b_)), Failure::kDeadlock);
}

TEST_F(Line, ATtlOutOfRangeIsRefusedWithTheRange) {
  const auto low = Lock(a_, {.ttl = 100ms});
  EXPECT_EQ(WhyFailed(low), Failure::kBadTtl);
  EXPECT_NE(FailureOf(low)->text.find("to 6s, found 100ms"), std::string::npos);
  EXPECT_EQ(WhyFailed(Lock(a_, {.ttl = 6001ms})), Failure::kBadTtl);
}

TEST_F(Line, LimitsPerSessionAndPerUser) {
  Make(3, false, {.locks_per_session = 2, .locks_per_uid = 3, .new_names_per_uid = 100});
  Start();
  const auto a = Open(1), b = Open(1), c = Open(2);
  MustHold(a, {.name = "1"});
  MustHold(a, {.name = "2"});
  EXPECT_EQ(WhyFailed(Lock(a, {.name = "3"})), Failure::kLimit);
  MustHold(b, {.name = "3"});
  const auto over = Lock(b, {.name = "4"});
  EXPECT_EQ(WhyFailed(over), Failure::kLimit);
  EXPECT_NE(FailureOf(over)->text.find("uid 1"), std::string::npos);
  MustHold(c, {.name = "4"});
  Close(a);
  MustHold(b, {.name = "5"});
}

// Else who never reads could have any number of locks, a session's worth at a time.
TEST_F(Line, WhatIsKeptCountsForItsUser) {  // rule C9
  Make(3, false, {.locks_per_session = 2, .locks_per_uid = 3, .new_names_per_uid = 100});
  Start();
  const auto a = Open(1);
  MustHold(a, {.name = "1"});
  MustHold(a, {.name = "2"});
  Do(SessionDropped{a});
  EXPECT_EQ(engine_->counters().kept, 2u);
  const auto b = Open(1);
  MustHold(b, {.name = "3"});
  EXPECT_EQ(WhyFailed(Lock(b, {.name = "4"})), Failure::kLimit);
  MustHold(Open(2), {.name = "4"});
  Pass(timing_.ttl);
  EXPECT_EQ(engine_->counters().kept, 0u);
  MustHold(b, {.name = "5"});
}

TEST_F(Line, UnlockAndCheckOfWhatIsNotHeld) {
  EXPECT_EQ(WhyFailed(Unlock(a_)), Failure::kNotHeld);
  EXPECT_EQ(WhyFailed(Check(a_)), Failure::kNotHeld);
  const auto grant = MustHold(a_);
  EXPECT_EQ(WhyFailed(Unlock(b_)), Failure::kNotHeld);
  EXPECT_EQ(WhyFailed(Unlock(a_, grant.fence + 1)), Failure::kNotHeld);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  EXPECT_TRUE(AnswerTo<Released>(Unlock(a_, grant.fence)));
}

TEST_F(Line, AnySessionMayCheckByFence) {
  const auto grant = MustHold(a_);
  const auto checked = AnswerTo<Checked>(Check(b_, grant.fence));
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->deadline, grant.deadline);
  EXPECT_EQ(WhyFailed(Check(b_)), Failure::kNotHeld);
  EXPECT_EQ(WhyFailed(Check(b_, grant.fence - 1)), Failure::kNotHeld);
}

TEST_F(Line, ALockThatIsWaitedForIsNotHeldWithAnyFence) {
  TakenElsewhere();
  Lock(a_);
  EXPECT_EQ(WhyFailed(Check(b_, 7)), Failure::kNotHeld);
}

TEST_F(Line, ALossIsToldToWhoAsksForItsFence) {
  const auto grant = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  EXPECT_EQ(WhyFailed(Check(a_, grant.fence + 1)), Failure::kNotHeld);
  EXPECT_EQ(WhyFailed(Check(a_, grant.fence)), Failure::kLost);
}

TEST_F(Line, OfManyLossesSomeAreForgotten) {
  Make(3, false, Limits{.locks_per_session = 1, .locks_per_uid = 10, .new_names_per_uid = 100});
  Start();
  a_ = Open();
  for (const char* name : {"x", "y"}) {
    ASSERT_TRUE(GrantOf(Lock(a_, {.name = name, .max_hold = 1s})));
    Pass(1s);
  }
  EXPECT_EQ(WhyFailed(Check(a_)), Failure::kNotHeld) << "the loss of y took its place";
}

TEST_F(Line, ALossIsToldOnce) {
  const auto grant = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  const auto first = Check(a_);
  EXPECT_EQ(WhyFailed(first), Failure::kLost);
  EXPECT_EQ(FailureOf(first)->fence, grant.fence);
  EXPECT_EQ(FailureOf(first)->reason, LossReason::kMaxHold);
  EXPECT_EQ(WhyFailed(Unlock(a_)), Failure::kNotHeld);
}

TEST_F(Line, ANewHoldForgetsNoLoss) {  // rule C18
  const auto first = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  const auto second = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  MustHold(a_);
  const auto of_first = Unlock(a_, first.fence);
  EXPECT_EQ(WhyFailed(of_first), Failure::kLost);
  EXPECT_EQ(FailureOf(of_first)->fence, first.fence);
  EXPECT_EQ(WhyFailed(Unlock(a_, first.fence)), Failure::kNotHeld) << "once";
  EXPECT_TRUE(AnswerTo<Released>(Unlock(a_))) << "what it holds, whatever was lost before";
  const auto of_second = Check(a_);
  EXPECT_EQ(WhyFailed(of_second), Failure::kLost);
  EXPECT_EQ(FailureOf(of_second)->fence, second.fence);
  EXPECT_EQ(WhyFailed(Unlock(a_)), Failure::kNotHeld);
}

TEST_F(Line, OfSeveralLossesTheNewestIsToldFirst) {
  const auto first = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  const auto second = MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  EXPECT_EQ(FailureOf(Unlock(a_))->fence, second.fence);
  EXPECT_EQ(FailureOf(Unlock(a_))->fence, first.fence);
  EXPECT_EQ(WhyFailed(Unlock(a_)), Failure::kNotHeld);
}

// --- no quorum ----------------------------------------------------------------------------------

TEST_F(Line, ATryWithoutAQuorumSaysSoAtOnce) {
  Down(0);
  Down(1);
  const auto request = Try(a_);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_NE(FailureOf(request)->text.find("1 of 3 nodes vote, 2 are needed: node 1 "),
            std::string::npos)
      << FailureOf(request)->text;
}

TEST_F(Line, AnErrorThatNodesAnswerIsToldToTheClient) {
  AllByHand();
  const auto request = Try(a_);
  Answer(Take<AcquireOp>(0), Verdict::kError, 0, 0ns, "NOPERM no 'hgetall' for you");
  Silence(Take<AcquireOp>(1));
  ASSERT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_EQ(FailureOf(request)->text,
            "fewer than 2 of 3 nodes gave a usable answer: node 1 refused: NOPERM no 'hgetall' for "
            "you; "
            "node 2 did not answer in time; node 3 has not answered yet");
}

TEST_F(Line, WhatEachNodeRefusedIsTold) {
  Make(5);
  Start();
  AllByHand();
  const SessionId session = Open();
  const auto request = Try(session);
  const NodeTime clock = nodes_[0].Clock(now_);
  Asked skewed = Take<AcquireOp>(0);
  NodeAnswer answer;
  answer.node = 0;
  answer.ticket = skewed.ticket;
  answer.verdict = Verdict::kSkew;
  answer.node_time = clock;
  answer.fence = clock + 3'600'000'000;
  Do(answer);
  Answer(Take<AcquireOp>(1), Verdict::kSettings, 0, 0ns, "max_ttl is 2000ms on the node");
  Asked unasked = Take<AcquireOp>(2);
  Do(NodeSilence{2, unasked.ticket, true, true});
  ASSERT_EQ(WhyFailed(request), Failure::kNoQuorum);
  const std::string text = FailureOf(request)->text;
  for (const char* part :
       {"node 1 refused: the lock's stored fence is 3600s ahead of its clock",
        "node 2 differs: max_ttl is 2000ms on the node",
        "node 3 was not asked: no connection for this lock", "node 4 has not answered yet"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(Line, AWaiterHasPatienceForQuorumWait) {
  Down(0);
  Down(1);
  const auto request = Lock(a_);
  Pass(500ms - 1ns);
  EXPECT_FALSE(Answered(request));
  const auto later = Lock(b_);
  Pass(1ns);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_FALSE(Answered(later));
  Pass(500ms);
  EXPECT_EQ(WhyFailed(later), Failure::kNoQuorum);
}

TEST_F(Line, AWaitThatEndsWithoutAQuorumSaysNoQuorum) {
  Down(0);
  Down(1);
  const auto request = Lock(a_, {.wait = 200ms});
  Pass(200ms);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

TEST_F(Line, AQuorumThatComesBackIsUsedAtOnce) {
  Down(0);
  Down(1);
  const auto request = Lock(a_);
  Pass(10ms);
  Up(0);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Line, AQuorumThatAnswersAgainResetsThePatience) {
  Down(0);
  Down(1);
  TakenElsewhere();
  const auto request = Lock(a_);
  Pass(400ms);
  Up(0);
  Pass(2s);
  EXPECT_FALSE(Answered(request));
  Down(0);
  Pass(499ms);
  EXPECT_FALSE(Answered(request));
}

// The head of the line gives up while the attempt is on the wire: what it asked for is not granted
// to the next one, who asked for something else.
TEST_F(Line, ImpatienceDuringAnAttemptDoesNotMixUpTtls) {  // rule C10
  Down(0);
  Down(1);
  Lock(a_);
  Pass(450ms);
  const auto next = Lock(b_, {.ttl = 2s});
  AllByHand();
  ByHand(0);
  Up(0);
  AnswerAsObedient(Take<ProbeOp>(0));
  ASSERT_TRUE(IsAsked<AcquireOp>(0));
  const Asked slow = Take<AcquireOp>(0), slow2 = Take<AcquireOp>(2);
  Pass(60ms);
  Answer(slow, Verdict::kOk, 10);
  Answer(slow2, Verdict::kOk, 10);
  if (const auto grant = GrantOf(next)) {
    EXPECT_EQ(grant->ttl, 2s);
    EXPECT_LE(grant->deadline, now_ + 2s);
  }
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).ttl, 2s);
}

// In pieces, however small, the rows are all holds and waits in their order.
TEST_F(Line, IsListedInPieces) {
  for (const char* name : {"a", "b", "d"}) Lock(a_, {.name = name});
  for (const char* name : {"b", "d", "c"}) Lock(b_, {.name = name});
  Lock(c_, {.name = "b"});
  const auto text = [](const RowView& row) {
    if (const auto* hold = std::get_if<HoldView>(&row)) return hold->name;
    const auto& wait = std::get<WaitView>(row);
    return wait.name + std::to_string(wait.place);
  };
  for (std::size_t most = 1; most < 9; ++most) {
    std::string all;
    RowPlace from;
    for (auto rows = engine_->Rows(now_, from, most); !rows.empty();
         rows = engine_->Rows(now_, from, most)) {
      EXPECT_LE(rows.size(), most);
      for (const RowView& row : rows) all += text(row) + " ";
      const auto* wait = std::get_if<WaitView>(&rows.back());
      from = wait ? RowPlace{wait->name, wait->place + 1}
                  : RowPlace{std::get<HoldView>(rows.back()).name, 1};
    }
    EXPECT_EQ(all, "a b b1 b2 c d d1 ") << "at most " << most;
  }
  EXPECT_EQ(engine_->HoldCount(), 4u);
  EXPECT_EQ(engine_->WaitCount(), 3u);
}

TEST_F(Line, ANodesClockThatStepsDoesNotDisturbAWait) {  // rule D6
  TakenElsewhere();
  const auto request = Lock(a_);
  nodes_[2].clock_off = 100ms;
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  EXPECT_FALSE(Answered(request));
}

}  // namespace
}  // namespace redlockd::engine
