#include "tests/unit/engine/engine_fixture.h"

// A lease that outlives its hold: rules A8, B2, B3, C10, E1, E4.
namespace redlockd::engine {
namespace {

class HandOff : public EngineFixture {
 protected:
  HandOff() {
    linger_ = {.usual = 20ms, .by_prefix = {{"cron/", 0ms}, {"cron/fast/", 5ms}}};
    Make(3);
    Start();
    a_ = Open();
    b_ = Open();
    c_ = Open();
  }
  // A tenure has ended just now, and nobody holds x.
  void TenureOver() {
    Turn(a_);
    MustHold(a_);
    Pass(1s);
    Unlock(a_);
    EXPECT_EQ(KeysOf("me:1:here"), 0u);
  }
  // The session takes x and lets it go again.
  Fence Turn(SessionId session, const Wish& wish = Wish()) {
    const Fence fence = MustHold(session, wish).fence;
    Unlock(session);
    return fence;
  }
  SessionId a_, b_, c_;
};

// --- from hand to hand --------------------------------------------------------------------------

TEST_F(HandOff, TheNextInLineGetsTheNextFenceWithoutAskingANode) {  // rule B2
  const auto first = MustHold(a_);
  const auto second = Lock(b_);
  EXPECT_FALSE(AsksNodes([&] { Unlock(a_); }));
  ASSERT_TRUE(GrantOf(second));
  EXPECT_EQ(GrantOf(second)->fence, first.fence + 1);
  EXPECT_EQ(GrantOf(second)->deadline, first.deadline);
  EXPECT_EQ(engine_->counters().handoffs, 1u);
}

TEST_F(HandOff, TheDeathOfAHolderGivesItToTheNext) {
  MustHold(a_);
  const auto second = Lock(b_);
  EXPECT_FALSE(AsksNodes([&] { Close(a_); }));
  EXPECT_TRUE(GrantOf(second));
}

TEST_F(HandOff, WhatNodesStoreIsTheLastFenceOfTheBlock) {  // rules A2, B1
  const auto first = MustHold(a_);
  for (auto& node : nodes_) EXPECT_EQ(node.StoredFence(now_, "x"), first.fence + 63);
}

TEST_F(HandOff, AloneAndWithoutLingerItTakesOneFence) {
  const auto grant = MustHold(a_, {.name = "cron/daily"});
  EXPECT_EQ(nodes_[0].StoredFence(now_, "cron/daily"), grant.fence);
}

TEST_F(HandOff, ABlockThatWouldOutrunTheWindowIsOfOne) {  // rule A8
  for (auto& node : nodes_) {
    node.Put(now_, "x", "other:1:h", 60s);
    node.PutFence(now_, "x", node.Clock(now_) + 250'000 - 10);
  }
  const auto request = Lock(a_);
  for (NodeIndex i = 0; i < 3; ++i) {  // free in the same moment, of which it is told
    nodes_[i].Forget("x");
    Do(NodeHint{i, NodeHint::Kind::kFree, "x"});
  }
  const auto grant = GrantOf(request);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->fence, nodes_[0].Clock(now_) + 250'000 - 9);
  EXPECT_LE(nodes_[0].StoredFence(now_, "x"), nodes_[0].Clock(now_) + 250'000);
}

TEST_F(HandOff, ANewBlockIsAskedForWhenHalfIsGone) {  // rule B3
  Fence last = 0;
  bool asked = false;
  for (int i = 0; i < 200; ++i) {
    asked |= AsksNodes([&] {
      const auto request = Lock(a_);
      while (!Answered(request) && !asked_.empty()) {
        const Asked next = asked_.front();
        asked_.pop_front();
        AnswerAsObedient(next);
      }
      const auto grant = GrantOf(request);
      ASSERT_TRUE(grant);
      EXPECT_GT(grant->fence, last);
      last = grant->fence;
      Unlock(a_);
    });
    EXPECT_EQ(engine_->counters().handoffs, static_cast<std::uint64_t>(i));
  }
  EXPECT_TRUE(asked);
  EXPECT_EQ(engine_->counters().handoffs, 199u);
  EXPECT_EQ(engine_->counters().attempts, 1u);
  EXPECT_GE(*nodes_[0].StoredFence(now_, "x"), last);
}

TEST_F(HandOff, WithoutAFenceTheNextInLineWaitsForTheBlock) {  // rule B3
  const auto first = MustHold(a_, {.name = "cron/daily"});
  AllByHand();
  const auto second = Lock(b_, {.name = "cron/daily"});
  for (NodeIndex i = 0; i < 3; ++i) ASSERT_TRUE(IsAsked<AcquireOp>(i)) << "ahead of need";
  Do(UnlockRequested{a_, 1000, "cron/daily", {}, false});
  EXPECT_FALSE(Answered(second));
  AnswerAsObedient(Take<AcquireOp>(0));
  EXPECT_FALSE(Answered(second)) << "one is no majority";
  AnswerAsObedient(Take<AcquireOp>(1));
  ASSERT_TRUE(GrantOf(second));
  EXPECT_GT(GrantOf(second)->fence, first.fence);
}

TEST_F(HandOff, ABlockThatDoesNotFollowTheFormerTakesItsPlace) {  // rule B4
  const Fence first = MustHold(a_).fence;
  AllByHand();
  std::vector<SessionId> sessions{a_};
  while (!IsAsked<AcquireOp>(0)) {
    sessions.push_back(Open());
    Lock(sessions.back());
    Do(UnlockRequested{sessions[sessions.size() - 2], 1000 + sessions.size(), "x", {}, false});
  }
  for (NodeIndex i : {0, 1}) Answer(Take<AcquireOp>(i), Verdict::kOk, first + 1000);
  const auto next = Lock(b_);
  Do(UnlockRequested{sessions.back(), 2000, "x", {}, false});
  ASSERT_TRUE(GrantOf(next));
  EXPECT_EQ(GrantOf(next)->fence, first + 1000);
}

TEST_F(HandOff, ABlockThatNodesGaveDifferentlyIsNone) {  // rules A3, B3
  const Fence first = MustHold(a_, {.name = "cron/daily"}).fence;
  AllByHand();
  const auto second = Lock(b_, {.name = "cron/daily"});
  for (NodeIndex i = 0; i < 3; ++i) {
    Answer(Take<AcquireOp>(i), Verdict::kOk, first + 100 * (static_cast<Fence>(i) + 1));
  }
  Do(UnlockRequested{a_, 1000, "cron/daily", {}, false});
  EXPECT_FALSE(Answered(second));
  const Asked again = Take<AcquireOp>(0);
  EXPECT_GT(std::get<AcquireOp>(again.op).proposal, first + 300) << "by what was learned";
}

TEST_F(HandOff, ABlockThatIsRefusedEndsTheLease) {
  MustHold(a_, {.name = "cron/daily"});
  AllByHand();
  const auto second = Lock(b_, {.name = "cron/daily"});
  Do(UnlockRequested{a_, 1000, "cron/daily", {}, false});
  for (NodeIndex i : {0, 1}) {
    Answer(Take<AcquireOp>(i), Verdict::kBusy, 0, 1s, "other:1:h");
  }
  EXPECT_FALSE(Answered(second));
  EXPECT_TRUE(IsAsked<ReleaseOp>(2));
  Answer(Take<AcquireOp>(2), Verdict::kOk, 1);
  Pass(200ms);
  EXPECT_TRUE(IsAsked<AcquireOp>(0)) << "it is asked for anew";
}

TEST_F(HandOff, WithLessThanHalfOfTheTtlLeftItIsRenewedFirst) {  // rule C10
  MustHold(a_, {.ttl = 1s});
  const auto second = Lock(b_, {.ttl = 6s});
  AllByHand();
  Unlock(a_);
  EXPECT_FALSE(Answered(second));
  for (NodeIndex i : {0, 1}) {
    const Asked renewal = Take<RenewOp>(i);
    EXPECT_EQ(std::get<RenewOp>(renewal.op).ttl, 6s);
    Answer(renewal, Verdict::kOk);
  }
  ASSERT_TRUE(GrantOf(second));
  EXPECT_EQ(GrantOf(second)->deadline, now_ + Promise(6s));
  EXPECT_EQ(GrantOf(second)->ttl, 6s);
}

TEST_F(HandOff, AnswersToARoundWithTheFormerTtlPromiseNoMoreThanThat) {  // rules C2, C10
  MustHold(a_, {.ttl = 1s});
  const auto second = Lock(b_, {.ttl = 1200ms});
  AllByHand();
  Pass(340ms);
  const std::vector<Asked> renewals = {Take<RenewOp>(0), Take<RenewOp>(1)};
  Unlock(a_);
  ASSERT_TRUE(GrantOf(second)) << "more than half is left";
  for (const Asked& renewal : renewals) AnswerAsObedient(renewal);
  EXPECT_EQ(Holds().at(0).deadline, renewals[0].ticket.asked + Promise(1s));
}

TEST_F(HandOff, ANodeThatLostTheLeaseIsHealedWithTheTtlOfTheNextInLine) {  // rules C6, C10
  MustHold(a_, {.ttl = 1s});
  Lock(b_, {.ttl = 6s});
  nodes_[0].Forget("x");
  AllByHand();
  Pass(340ms);
  Unlock(a_);
  AnswerAsObedient(Take<RenewOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0)) << "with the ttl of the hold that is over";
  AnswerAsObedient(Take<RenewOp>(1));
  AnswerAsObedient(Take<RenewOp>(0));  // one more, with the new ttl
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).ttl, 6s);
}

TEST_F(HandOff, ARenewalThatFailsEndsTheLeaseForTheNextInLine) {
  MustHold(a_, {.ttl = 1s});
  const auto second = Lock(b_, {.ttl = 6s});
  AllByHand();
  Unlock(a_);
  for (NodeIndex i = 0; i < 3; ++i) Silence(Take<RenewOp>(i), true);
  EXPECT_FALSE(Answered(second));
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_TRUE(IsAsked<ReleaseOp>(i));
    EXPECT_TRUE(IsAsked<AcquireOp>(i));
  }
}

TEST_F(HandOff, ASyncUnlockReallyReleases) {
  MustHold(a_);
  const auto second = Lock(b_);
  AllByHand();
  Unlock(a_, {}, true);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_TRUE(IsAsked<ReleaseOp>(i));
  EXPECT_FALSE(Answered(second));
}

TEST_F(HandOff, ANodeThatLostTheLeaseGetsTheLastFenceOfTheBlock) {  // rules B1, C6
  const Fence first = MustHold(a_).fence;
  nodes_[0].Forget("x");
  nodes_[0].ForgetFence("x");
  AllByHand();
  Pass(1s);
  AnswerAsObedient(Take<RenewOp>(0));
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).proposal, first + 63);
}

// --- lingering ----------------------------------------------------------------------------------

TEST_F(HandOff, ALockThatWasLetGoIsGivenToTheNextTakerAtOnce) {  // rule E1
  const Fence first = Turn(a_);
  Pass(15ms);
  EXPECT_EQ(nodes_[0].OwnerOf(now_, "x"), "me:1:here");
  std::optional<Granted> grant;
  EXPECT_FALSE(AsksNodes([&] { grant = GrantOf(Lock(b_)); }));
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->fence, first + 1);
}

TEST_F(HandOff, ATryTakesALeaseThatLingers) {
  Turn(a_);
  EXPECT_TRUE(GrantOf(Try(b_)));
}

TEST_F(HandOff, ItLingersForSoLongAndNoLonger) {
  Turn(a_);
  Pass(20ms - 1ns);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
  Pass(1ns);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(HandOff, TheLongestPrefixSaysHowLong) {
  MustHold(a_, {.name = "cron/daily"});
  Do(UnlockRequested{a_, 1000, "cron/daily", {}, false});
  EXPECT_EQ(KeysOf("me:1:here", "cron/daily"), 0u);
  MustHold(a_, {.name = "cron/fast/x"});
  Do(UnlockRequested{a_, 1001, "cron/fast/x", {}, false});
  Pass(5ms - 1ns);
  EXPECT_EQ(KeysOf("me:2:here", "cron/fast/x"), 3u);
  Pass(1ns);
  EXPECT_EQ(KeysOf("me:2:here", "cron/fast/x"), 0u);
}

TEST_F(HandOff, WhatLingersIsNotRenewedAndNotListed) {  // rule E4
  linger_.usual = 2s;
  timing_.tenure_max = 10s;
  Make(3);
  Start();
  a_ = Open();
  Turn(a_);
  EXPECT_EQ(engine_->HoldCount(), 0u);
  EXPECT_FALSE(AsksNodes([&] { Pass(1900ms); }));
}

TEST_F(HandOff, WhatLingersIsNotHealed) {  // rule E4
  MustHold(a_);
  AllByHand();
  Pass(1s);
  nodes_[0].Forget("x");
  Unlock(a_);
  for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<RenewOp>(i));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  EXPECT_FALSE(nodes_[0].OwnerOf(now_, "x"));
}

TEST_F(HandOff, ItEndsWithTheLeaseThoughItMightLinger) {  // rule C3
  linger_.usual = 10s;
  timing_.tenure_max = 1min;
  Make(3);
  Start();
  a_ = Open();
  b_ = Open();
  Turn(a_);
  Pass(Promise(3s) - 1ns);
  EXPECT_EQ(engine_->counters().attempts, 1u);
  Pass(1ns);
  MustHold(b_);
  EXPECT_EQ(engine_->counters().attempts, 2u);
}

TEST_F(HandOff, ADrainEndsWhatLingers) {
  Turn(a_);
  Do(DrainRequested{now_ + 1s});
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
  EXPECT_TRUE(engine_->Drained());
}

// --- tenure -------------------------------------------------------------------------------------

TEST_F(HandOff, ATenureEndsThoughNobodyIsKnownToWantTheLock) {  // rule E1
  const Time start = now_;
  while (now_ < start + 1s) {
    Turn(a_);
    Pass(10ms);
  }
  EXPECT_EQ(engine_->counters().attempts, 1u);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(HandOff, AfterATenureWhoPollsGetsATurn) {  // rule E1
  const Time start = now_;
  std::deque<std::pair<SessionId, RequestId>> line = {{a_, Lock(a_)}, {b_, Lock(b_)}};
  bool free = false;  // to someone who looks every 50 ms, as a plain Redlock client might
  for (int turn = 0; !free && now_ < start + 3s; ++turn) {
    Pass(5ms);
    free = turn % 10 == 0 && !nodes_[0].OwnerOf(now_, "x");
    const auto [session, request] = line.front();
    if (!GrantOf(request)) continue;
    line.pop_front();
    Unlock(session);
    line.emplace_back(session, Lock(session));
  }
  EXPECT_TRUE(free);
  EXPECT_GE(now_, start + 1s);
  Pass(100ms);
  EXPECT_TRUE(GrantOf(line.front().second)) << "and then it goes on";
}

TEST_F(HandOff, ATenureThatEndsWhileTheNextInLineWaitsForTimeIsFollowedByARest) {  // rule E1
  timing_.tenure_max = 300ms;
  Make(3);
  Start();
  a_ = Open();
  b_ = Open();
  Turn(a_, {.ttl = 1s});
  MustHold(a_, {.ttl = 1s});
  const auto next = Lock(b_, {.ttl = 6s});
  Pass(290ms);
  AllByHand();
  Unlock(a_);  // less than half of what is asked for is left: it is renewed first
  Pass(20ms);
  for (NodeIndex i = 0; i < 3; ++i) Answer(Take<RenewOp>(i), Verdict::kOk);
  ASSERT_TRUE(IsAsked<ReleaseOp>(0));
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
  for (NodeIndex i = 0; i < 3; ++i) {
    AnswerAsObedient(Take<ReleaseOp>(i));
    Obey(i);
  }
  Pass(30ms);
  EXPECT_TRUE(GrantOf(next));
}

TEST_F(HandOff, AHolderThatDiesIsFollowedAtOnceThoughTheTenureIsOver) {
  Turn(a_);
  MustHold(a_);
  const auto next = Lock(b_);
  Pass(1500ms);
  Close(a_);
  EXPECT_TRUE(GrantOf(next));
}

TEST_F(HandOff, WhereHoldersEndByClosingTheRestComesOneHoldLater) {  // rule E1
  Turn(a_);
  MustHold(a_);
  const auto next = Lock(b_);
  const auto last = Lock(c_);
  Pass(1500ms);
  Close(a_);
  ASSERT_TRUE(GrantOf(next));
  Close(b_);
  EXPECT_EQ(KeysOf("me:2:here"), 0u);
  Pass(99ms);
  EXPECT_FALSE(GrantOf(last));
  Pass(1ms);
  EXPECT_TRUE(GrantOf(last));
}

TEST_F(HandOff, AShortWaitIsAskedAtItsEndThoughTheLockRests) {
  TenureOver();
  const auto request = Lock(b_, {.wait = 30ms});
  Pass(29ms);
  EXPECT_FALSE(Answered(request)) << "who polls may take it";
  Pass(1ms);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(HandOff, AShortWaitThatMeetsAnotherAtItsEndIsATimeout) {
  TenureOver();
  const auto request = Lock(b_, {.wait = 30ms});
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  Pass(30ms);
  ASSERT_EQ(WhyFailed(request), Failure::kTimeout);
  EXPECT_EQ(FailureOf(request)->text, "held elsewhere");
}

TEST_F(HandOff, AWaitThatWasNotFirstInLineSaysSo) {
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  Lock(a_);
  const auto second = Lock(b_, {.wait = 1s});
  Pass(1s);
  ASSERT_EQ(WhyFailed(second), Failure::kTimeout);
  EXPECT_EQ(FailureOf(second)->text, "other requests on this host are first");
}

TEST_F(HandOff, AShortWaitThatEndsBeforeTheGateHasHadNoTurn) {  // rule C12
  Make(3, false, {}, 1);
  Start();
  a_ = Open();
  b_ = Open();
  c_ = Open();
  TenureOver();
  AllByHand();
  Lock(c_, {.name = "y"});  // the one attempt that there may be
  const auto request = Lock(b_, {.wait = 30ms});
  Pass(30ms);
  ASSERT_EQ(WhyFailed(request), Failure::kNoTurn);
  EXPECT_EQ(FailureOf(request)->text, "too many lock attempts are in flight");
}

TEST_F(HandOff, WhoSendsNoMoreIsAnsweredByTheRoundBehindTheRest) {
  TenureOver();
  const auto request = Lock(b_);
  Do(SessionInputEnded{b_});
  Pass(100ms);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(HandOff, ATryFromElsewhereTakesNoRestFromThoseWhoPoll) {  // rule E1
  Turn(a_);
  Pass(5ms);
  MustHold(a_);
  Pass(1s);
  Do(NodeHint{0, NodeHint::Kind::kWanted, "x"});  // nobody has an entry
  Unlock(a_);
  const auto request = Lock(b_);
  Pass(90ms);
  EXPECT_FALSE(Answered(request));
}

TEST_F(HandOff, ALongHoldIsNoTenure) {
  MustHold(a_);
  const auto next = Lock(b_);
  Pass(5s);
  EXPECT_FALSE(AsksNodes([&] { Unlock(a_); }));
  EXPECT_TRUE(GrantOf(next));
}

}  // namespace
}  // namespace redlockd::engine
