#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "daemon/engine/attempt.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/fence_block.h"
#include "daemon/engine/lease.h"
#include "daemon/engine/lock_state.h"
#include "daemon/engine/owner_value.h"
#include "daemon/engine/schedule.h"
#include "daemon/engine/tenure.h"
#include "daemon/engine/wait_queue.h"

// Each part of a lock by itself, without an engine.
namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

Time At(Duration since) { return Time(1h) + since; }

NodeAnswer Answered(NodeIndex node, Verdict verdict, Fence fence = 0, std::string text = "") {
  NodeAnswer answer;
  answer.node = node;
  answer.verdict = verdict;
  answer.fence = fence;
  answer.text = std::move(text);
  return answer;
}

// --- OwnerValue ---------------------------------------------------------------------------------

TEST(OwnerValueTest, IsReadAsItWasWritten) {
  const std::string owner = OwnerValue("abc", 17, "host:1");
  EXPECT_EQ(owner, "abc:17:host:1");
  const auto parts = ParseOwnerValue(owner);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->instance, "abc");
  EXPECT_EQ(parts->host, "host:1");
}

TEST(OwnerValueTest, OfAnotherProgramHasNoParts) {
  for (const char* other :
       {"", ":", ":1:h", "abc", "abc:", "abc:1", "abc:x:h", "abc::h", "a:1x:h"}) {
    EXPECT_FALSE(ParseOwnerValue(other)) << other;
  }
}

// --- LockState ----------------------------------------------------------------------------------

TEST(LockStateTest, HasTheseEdgesAndNoOthers) {
  using enum LockState;
  const std::set<std::pair<LockState, LockState>> edges = {
      {kIdle, kWaiting},      {kWaiting, kIdle},      {kWaiting, kAcquiring},
      {kAcquiring, kWaiting}, {kAcquiring, kIdle},    {kAcquiring, kHeld},
      {kHeld, kHandOff},      {kHeld, kLockDelay},    {kHandOff, kHeld},
      {kHandOff, kLingering}, {kHandOff, kWaiting},   {kHandOff, kIdle},
      {kLingering, kHeld},    {kLingering, kHandOff}, {kLingering, kWaiting},
      {kLingering, kIdle},    {kLockDelay, kWaiting}, {kLockDelay, kIdle},
  };
  const auto all = {kIdle, kWaiting, kAcquiring, kHeld, kHandOff, kLingering, kLockDelay};
  for (const LockState from : all) {
    for (const LockState to : all) {
      EXPECT_EQ(MayFollow(from, to), edges.contains({from, to}))
          << static_cast<int>(from) << " to " << static_cast<int>(to);
    }
  }
}

// --- Tenure -------------------------------------------------------------------------------------

class TenureTest : public ::testing::Test {
 protected:
  TenureTest() { timing_.tenure_max = 1s; }
  Tenure::Next Free(Duration at, bool has_waiters, Duration linger = 0s) {
    return tenure_.OnFree(At(at), timing_, linger, has_waiters);
  }
  Timing timing_;
  Tenure tenure_;
};

TEST_F(TenureTest, HandsOffWhileSomebodyWaitsAndNotForLonger) {
  tenure_.Granted(At(0s), false);
  EXPECT_EQ(Free(5s, true), Tenure::Next::kHandOff) << "the first hold is not counted";
  tenure_.OnHold(true);
  EXPECT_EQ(Free(5999ms, true), Tenure::Next::kHandOff);
  EXPECT_EQ(Free(6s, true), Tenure::Next::kEnd);
  EXPECT_TRUE(tenure_.IsOver(At(6s), timing_));
}

TEST_F(TenureTest, LingersOnlyWhereItMay) {
  tenure_.Granted(At(0s), false);
  EXPECT_EQ(Free(0s, false), Tenure::Next::kEnd);
  EXPECT_EQ(Free(0s, false, 3s), Tenure::Next::kLinger);
  EXPECT_TRUE(tenure_.Linger(At(0s), timing_, 3s));
  EXPECT_EQ(tenure_.lingers_until(), At(1s)) << "until the tenure is over at most";
  EXPECT_FALSE(tenure_.Linger(At(500ms), timing_, 3s)) << "it does so already";
}

TEST_F(TenureTest, EndsSoonWhereAnotherHostWantsIt) {
  tenure_.OnWanted(At(0s), false);
  EXPECT_FALSE(tenure_.IsWanted()) << "there is nothing to want yet";
  tenure_.Granted(At(1s), false);
  EXPECT_TRUE(tenure_.IsWanted());
  EXPECT_EQ(Free(1s, false, 3s), Tenure::Next::kEnd) << "it does not linger";
  for (unsigned i = 0; i < Timing::kHandoffsWhileWanted; ++i) {
    ASSERT_EQ(Free(1s, true), Tenure::Next::kHandOff) << i;
    tenure_.OnHold(true);
  }
  EXPECT_EQ(Free(1s, true), Tenure::Next::kEnd);
}

TEST_F(TenureTest, EndsAfterATimeWhereAnotherHostWantsIt) {
  tenure_.Granted(At(0s), false);
  tenure_.OnWanted(At(0s), true);
  EXPECT_TRUE(tenure_.HasQueue());
  EXPECT_EQ(Free(Timing::kHandoffTimeWhileWanted - 1ns, true), Tenure::Next::kHandOff);
  EXPECT_EQ(Free(Timing::kHandoffTimeWhileWanted, true), Tenure::Next::kEnd);
}

TEST_F(TenureTest, ThatOwesACooldownHasOneHold) {
  tenure_.Granted(At(0s), true);
  EXPECT_EQ(Free(0s, true), Tenure::Next::kEnd);
}

// --- FenceBlock ---------------------------------------------------------------------------------

constexpr Stamp kClock = 1'700'000'000'000'000;

TEST(FenceBlockTest, ProposesMoreThanItHasSeenAndNoLessThanTheClock) {
  FenceBlock fences;
  EXPECT_EQ(fences.Proposal(kClock), kClock);
  fences.Learn(kClock, kClock + 5, Timing());
  EXPECT_EQ(fences.Proposal(kClock), kClock + 6);
  EXPECT_EQ(fences.Proposal(0), kClock + 6) << "without a clock";
}

TEST(FenceBlockTest, DoesNotFollowAFenceThatIsFarAhead) {
  const Timing timing;
  const Fence window = timing.fence_window / 1us / 2;
  FenceBlock fences;
  fences.Learn(kClock, kClock + window + 1, timing);
  fences.Learn(0, 7, timing);
  EXPECT_EQ(fences.Proposal(kClock), kClock);
  fences.Learn(kClock, kClock + window, timing);
  EXPECT_EQ(fences.Proposal(kClock), kClock + window + 1);
}

TEST(FenceBlockTest, AsksForBlocksWithinTheWindowOnly) {
  const Timing timing;
  const Fence window = timing.fence_window / 1us / 2;
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock, timing), FenceBlock::kFull);
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock + window - FenceBlock::kFull + 1, timing),
            FenceBlock::kFull);
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock + window - FenceBlock::kFull + 2, timing), 1);
  EXPECT_EQ(FenceBlock::SizeFrom(0, kClock, timing), 1) << "without a clock";
}

TEST(FenceBlockTest, GivesOutEachFenceOnce) {
  FenceBlock fences;
  EXPECT_FALSE(fences.HasNext());
  fences.Begin(10, 2);
  EXPECT_EQ(fences.TakeNext(), 10);
  EXPECT_EQ(fences.TakeNext(), 11);
  EXPECT_FALSE(fences.HasNext());
  EXPECT_EQ(fences.Proposal(0), 12);
}

TEST(FenceBlockTest, IsExtendedByAMajorityThatAgrees) {
  FenceBlock fences;
  fences.Begin(10, 1);
  fences.Ask(3, 3, NodeSet(0b111), 4);
  EXPECT_TRUE(fences.IsAskedIn(3));
  EXPECT_FALSE(fences.IsAskedIn(2));
  EXPECT_EQ(fences.OnAnswer(Answered(0, Verdict::kOk, 11), true), FenceBlock::Outcome::kOpen);
  EXPECT_EQ(fences.OnAnswer(Answered(1, Verdict::kOk, 11), true), FenceBlock::Outcome::kExtended);
  for (const Fence fence : {10, 11, 12, 13, 14}) EXPECT_EQ(fences.TakeNext(), fence);
  EXPECT_FALSE(fences.HasNext());
}

TEST(FenceBlockTest, DropsWhatIsLeftWhereTheNextBlockDoesNotFollow) {  // rule B4
  FenceBlock fences;
  fences.Begin(10, 8);
  fences.Ask(3, 3, NodeSet(0b111), 2);
  fences.OnAnswer(Answered(0, Verdict::kOk, 30), true);
  fences.OnAnswer(Answered(1, Verdict::kOk, 30), true);
  EXPECT_EQ(fences.TakeNext(), 30);
}

TEST(FenceBlockTest, StaysAsItIsWhereNodesDoNotAgree) {
  FenceBlock fences;
  fences.Begin(10, 8);
  fences.Ask(3, 3, NodeSet(0b111), 2);
  fences.OnAnswer(Answered(0, Verdict::kOk, 30), true);
  EXPECT_EQ(fences.OnAnswer(Answered(1, Verdict::kOk, 31), true), FenceBlock::Outcome::kFailed);
  EXPECT_FALSE(fences.IsAsking());
  EXPECT_EQ(fences.TakeNext(), 10);
}

// --- Attempt ------------------------------------------------------------------------------------

TEST(AttemptTest, IsWonWhereAMajorityVotesForOneFence) {
  Attempt attempt(nullptr);
  attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
  attempt.OnAnswer(Answered(0, Verdict::kOk, 7), true);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kOpen);
  attempt.OnAnswer(Answered(1, Verdict::kOk, 7), false);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kOpen) << "a vote that does not count";
  attempt.OnAnswer(Answered(2, Verdict::kOk, 7), true);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kWon);
}

TEST(AttemptTest, ConfirmsAndTriesTwiceMore) {
  Attempt attempt(nullptr);
  for (unsigned round = 1; round <= 3; ++round) {
    attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
    EXPECT_EQ(attempt.first_rounds(), round);
    attempt.OnAnswer(Answered(0, Verdict::kOk, 7), true);
    attempt.OnAnswer(Answered(1, Verdict::kOk, 9), true);
    ASSERT_EQ(attempt.Judge(), Attempt::Result::kConfirm);
    attempt.BeginConfirmRound(3, NodeSet(0b111));
    EXPECT_EQ(attempt.confirmed(), 9);
    attempt.OnAnswer(Answered(0, Verdict::kPassed, 11), true);
    attempt.OnAnswer(Answered(1, Verdict::kPassed, 11), true);
    EXPECT_EQ(attempt.Judge(), round < 3 ? Attempt::Result::kAgain : Attempt::Result::kRefused);
  }
}

TEST(AttemptTest, HasNoQuorumWhereTooFewAnswer) {
  Attempt attempt(nullptr);
  attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
  attempt.OnSilence({.node = 0, .ticket = {}});
  attempt.OnSilence({.node = 1, .ticket = {}});
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kNoQuorum);
}

// --- Lease --------------------------------------------------------------------------------------

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
  lease_.Heard(0, 1);
  lease_.Heard(1, 1);
  EXPECT_EQ(lease_.Idle() & NodeSet(0b111), NodeSet(0b010));
  lease_.Heard(0, 2);
  EXPECT_EQ(lease_.Idle() & NodeSet(0b111), NodeSet(0b011));
}

TEST_F(LeaseTest, ANodeThatRefusedDoesNotHaveTheKey) {
  lease_.BeginRound(At(0s));
  lease_.AskedToTake(NodeSet(0b011));
  lease_.OnRefused(0);
  EXPECT_EQ(lease_.may_have(), NodeSet(0b011)) << "a question is still out";
  lease_.Heard(0, 1);
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

// --- Schedule -----------------------------------------------------------------------------------

class ScheduleTest : public ::testing::Test, Schedule::User {
 protected:
  Agenda agenda_;
  Schedule schedule_{agenda_, *this};
  unsigned rung_ = 0;

 private:
  void OnLeaseDue(Time) override { ++rung_; }
};

TEST_F(ScheduleTest, WarnsEndsAndRenewsInThatOrder) {
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s);
  schedule_.RenewAt(At(1s));
  EXPECT_EQ(agenda_.Next(), At(1s));
  EXPECT_EQ(schedule_.TakeDue(At(1s)), Schedule::Due::kRenewal);
  EXPECT_EQ(schedule_.TakeDue(At(1s)), std::nullopt);
  schedule_.RenewAt(At(3s));
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kWarning);
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kEnd);
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kRenewal);
}

TEST_F(ScheduleTest, AnnouncesALossALittleBeforeItHappens) {
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s);
  EXPECT_EQ(schedule_.TakeDue(At(1499ms)), std::nullopt);
  EXPECT_EQ(schedule_.TakeDue(At(1500ms)), Schedule::Due::kWarning) << "half of the ttl is left";
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 10ms - 1ns), std::nullopt);
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 10ms), Schedule::Due::kEnd);
}

TEST_F(ScheduleTest, DoesNotWarnOfAnEndThatWasAskedFor) {
  schedule_.OnHoldEnd(At(0s), At(2s), At(3s), 3s);
  EXPECT_EQ(schedule_.TakeDue(At(2s)), Schedule::Due::kEnd);
}

TEST_F(ScheduleTest, AKeptOneEndsAtTheLatestDeadlineThatWasAnnounced) {  // rule C9
  schedule_.BeginHold();
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s);
  schedule_.OnHoldEnd(At(0s), At(2s), At(2s), 3s);
  schedule_.Keep();
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 1ns), std::nullopt);
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kEnd);
}

// --- WaitQueue ----------------------------------------------------------------------------------

class WaitQueueTest : public ::testing::Test {
 protected:
  ~WaitQueueTest() override {
    while (!queue_.empty()) queue_.TakeFirst();
    EXPECT_EQ(waits_, 0u);
  }
  // One more session, which begins to wait at that time.
  Waiter& Wait(std::optional<Duration> wait, Duration since = 0s) {
    const LockRequested request{.session = ++sessions_, .request = 1, .name = "x", .wait = wait};
    return queue_.Add(
        std::make_unique<Waiter>(waits_, agenda_, request, 1000, 3s, At(since), [](Time) {}));
  }
  // Who left, each with its reason.
  std::vector<std::pair<SessionId, Failure>> Fail(Duration now, FailedAttempt failed) {
    std::vector<std::pair<SessionId, Failure>> left;
    for (const auto& [waiter, failure] : queue_.OnAttemptFailed(At(now), failed, kPatience)) {
      left.emplace_back(waiter->session, failure);
    }
    return left;
  }

  using Left = std::vector<std::pair<SessionId, Failure>>;
  static constexpr Duration kPatience = 100ms;
  static constexpr FailedAttempt kHeld{
      .reached = true, .is_split = false, .asked = {}, .next = 50ms};
  Agenda agenda_;
  std::size_t waits_ = 0;
  SessionId sessions_ = 0;
  WaitQueue queue_;
};

TEST_F(WaitQueueTest, IsInOrderOfArrivalAndCountsTries) {
  Wait(1s);
  Wait(0s);
  Wait(std::nullopt);
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(queue_.tries(), 1u);
  EXPECT_EQ(queue_.First().session, 1u);
  EXPECT_EQ(queue_.FirstTry().session, 2u);
  EXPECT_EQ(queue_.TakeTries().size(), 1u);
  EXPECT_EQ(queue_.tries(), 0u);
  EXPECT_EQ(queue_.Take(SessionId{3})->session, 3u);
  EXPECT_EQ(queue_.Find(3), nullptr);
}

TEST_F(WaitQueueTest, AHolderEndsNoWaitButThatOfTriesInTime) {
  Wait(std::nullopt);
  Wait(0s);
  EXPECT_EQ(Fail(0s, kHeld), Left()) << "the next attempt is within the try's patience";
  EXPECT_EQ(Fail(50ms, kHeld), (Left{{2, Failure::kBusy}}));
}

TEST_F(WaitQueueTest, AHolderEndsTheFirstWaitThatIsInHaste) {
  Wait(1s).out_of_time = true;
  Wait(std::nullopt).input_ended = true;
  EXPECT_EQ(Fail(0s, kHeld), (Left{{1, Failure::kTimeout}})) << "the second is not asked for yet";
  EXPECT_EQ(Fail(0s, kHeld), (Left{{2, Failure::kCancelled}}));
}

TEST_F(WaitQueueTest, WithoutAQuorumThoseInHasteEnd) {
  Wait(1s);
  Wait(0s);
  EXPECT_EQ(Fail(0s, {.reached = false, .is_split = false, .asked = At(0s), .next = 1ms}),
            (Left{{2, Failure::kNoQuorum}}));
}

TEST_F(WaitQueueTest, ATryGoesOnWhileVotesAreSplitAndItsPatienceLasts) {  // rule E10
  Wait(0s);
  const auto split = [](Duration asked, Duration next) {
    return FailedAttempt{.reached = true, .is_split = true, .asked = At(asked), .next = next};
  };
  EXPECT_EQ(Fail(0s, split(0s, 1ms)), Left());
  for (int round = 0; round < 9; ++round) EXPECT_EQ(Fail(1s, split(99ms, 1ms)), Left()) << round;
  EXPECT_EQ(Fail(1s, split(99ms, 1ms)), Left()) << "it was asked in time";
  EXPECT_EQ(Fail(1s, split(100ms, 1ms)), (Left{{1, Failure::kBusy}}));
}

TEST_F(WaitQueueTest, TheImpatientAreThoseWhoWaitedLongWithoutAQuorum) {
  Wait(std::nullopt, 0s);
  Wait(std::nullopt, 2s);
  EXPECT_TRUE(queue_.TakeImpatient(At(5s), At(1s), 5s).empty());
  EXPECT_EQ(queue_.TakeImpatient(At(6s), At(1s), 5s).size(), 1u);
  EXPECT_EQ(queue_.First().session, 2u);
}

TEST_F(WaitQueueTest, DemandsWhatItsFirstWants) {
  EXPECT_EQ(queue_.demand(true).waiters, 0u);
  Wait(0s, 1s);
  Wait(std::nullopt, 2s).splits = 1;
  const Demand demand = queue_.demand(false);
  EXPECT_EQ(demand.waiters, 2u);
  EXPECT_EQ(demand.tries, 1u);
  EXPECT_TRUE(demand.first_is_try);
  EXPECT_TRUE(demand.first_in_haste);
  EXPECT_FALSE(demand.first_was_split);
  EXPECT_EQ(demand.first_try_since, At(1s));
}

// --- Contention ---------------------------------------------------------------------------------

class GreatestRandom : public Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override { return bound - 1; }
};

class ContentionTest : public ::testing::Test, Contention::User {
 protected:
  ContentionTest() { timing_.retry_interval = 100ms; }
  // Rings what is due until then.
  void Pass(Duration until) {
    while (agenda_.RunNext(At(until))) {
    }
  }
  Duration Refused(const std::string& owner, Duration left, Demand demand = {.waiters = 1}) {
    Ballot ballot(3, NodeSet(0b111));
    for (const NodeIndex node : {0, 1}) ballot.Busy(node, owner, left);
    return contention_.OnFailed(At(0s), true, &ballot, demand, {3, 1ms, random_});
  }
  Duration Split(Demand demand = {.waiters = 1}) {
    Ballot ballot(3, NodeSet(0b111));
    ballot.Vote(0, 7);
    ballot.Busy(1, "a:1:h", 1s);
    ballot.Busy(2, "b:1:h", 1s);
    return contention_.OnFailed(At(0s), true, &ballot, demand, {3, 1ms, random_});
  }

  Timing timing_;
  Agenda agenda_;
  GreatestRandom random_;
  Contention contention_{timing_, agenda_, *this};
  unsigned touched_ = 0;
  unsigned out_of_patience_ = 0;

 private:
  void Touch() override { ++touched_; }
  void OnTurn(Time) override {}
  void OnOutOfPatience(Time) override { ++out_of_patience_; }
};

TEST_F(ContentionTest, WaitsForAHolderInSight) {  // rule C11
  EXPECT_EQ(Refused("a:1:h", 10s), 150ms - 1ns) << "a poll";
  EXPECT_EQ(Refused("a:1:h", 5ms), 7ms) << "or shortly after its key has expired";
  EXPECT_FALSE(contention_.IsSplit());
}

TEST_F(ContentionTest, FightsForSplitVotesAtOddsThatGrow) {  // rule E7
  Duration most = 1ms;
  for (int i = 0; i < 5; ++i, most *= 2) EXPECT_EQ(Split(), most - 1ns) << i;
  EXPECT_EQ(Split(), 150ms - 1ns) << "then it looks as if there were a holder after all";
  EXPECT_EQ(Split(), 1ms - 1ns);
}

TEST_F(ContentionTest, ATryAsksAHostAgainThatMayLetGoOfALingeringLease) {
  const Demand a_try{.waiters = 1, .tries = 1, .first_is_try = true, .first_try_since = At(-5ms)};
  EXPECT_EQ(Refused("a:1:h", 10s, a_try), 5ms);
  EXPECT_EQ(Refused("of another program", 10s, a_try), timing_.TryPatience(1ms));
}

TEST_F(ContentionTest, AsksAtOnceWhereItWasFreedMeanwhile) {  // rule E5
  contention_.OnRound();
  EXPECT_FALSE(contention_.OnFreed(0, 2));
  EXPECT_FALSE(contention_.OnFreed(0, 2)) << "twice by one node";
  EXPECT_TRUE(contention_.OnFreed(1, 2));
  EXPECT_EQ(Refused("a:1:h", 10s), 0s);
  contention_.OnRound();
  EXPECT_NE(Refused("a:1:h", 10s), 0s);
}

TEST_F(ContentionTest, ANodeThatVotedHasNothingToSayWhenTheHolderLetsGo) {  // rule C11
  contention_.OnRound();
  contention_.OnFreed(1, 2);
  EXPECT_EQ(Split(), 0s) << "node 0 voted, and node 1 was freed during the round";
  contention_.OnRound();
  EXPECT_NE(Split(), 0s);
  EXPECT_TRUE(contention_.OnFreed(2, 2)) << "... or after it";
}

TEST_F(ContentionTest, IsHeldBackUntilBothPausesAreOver) {
  contention_.CoolDown(At(1s));
  contention_.AwaitRelease(At(2s));
  Pass(1s);
  EXPECT_EQ(touched_, 1u);
  EXPECT_TRUE(contention_.IsHeldBack());
  contention_.OnReleased();
  EXPECT_FALSE(contention_.IsHeldBack());
}

TEST_F(ContentionTest, LosesPatienceOnlyWhileThereIsNoQuorum) {
  contention_.OnFailed(At(1s), false, nullptr, {.waiters = 1}, {3, 1ms, random_});
  contention_.OnFailed(At(2s), false, nullptr, {.waiters = 1}, {3, 1ms, random_});
  EXPECT_EQ(contention_.no_quorum_since(), At(1s));
  contention_.SetPatience(At(3s));
  contention_.OnQuorum();
  Pass(4s);
  EXPECT_EQ(out_of_patience_, 0u);
  EXPECT_FALSE(contention_.no_quorum_since());
}

}  // namespace
}  // namespace redlockd::engine
