#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/clock_offset.h"
#include "daemon/engine/few.h"
#include "daemon/engine/membership.h"
#include "daemon/engine/random.h"
#include "daemon/engine/release_table.h"
#include "daemon/engine/step_judge.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/validity.h"

// The engine's small parts, each by itself.
namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Time At(Duration duration) { return Time(duration); }

// --- Validity (rule C2) -------------------------------------------------------------------------

TEST(Validity, IsTheMthLargestPromise) {
  Validity validity(5);
  validity.Ack(0, At(1s), 10s, 1s);
  validity.Ack(1, At(5s), 10s, 1s);
  EXPECT_EQ(validity.Deadline(), std::nullopt);
  validity.Ack(2, At(3s), 10s, 1s);
  EXPECT_EQ(validity.Deadline(), At(10s));
  validity.Ack(3, At(9s), 10s, 1s);
  EXPECT_EQ(validity.Deadline(), At(12s));
}

TEST(Validity, APromiseIsNeverShortenedByALateAnswer) {
  Validity validity(1);
  validity.Ack(0, At(5s), 10s, 1s);
  validity.Ack(0, At(2s), 10s, 1s);
  EXPECT_EQ(validity.Deadline(), At(14s));
}

TEST(Validity, ForgetsANodesPromise) {  // rule D6
  Validity validity(3);
  for (NodeIndex i : {0, 1}) validity.Ack(i, At(0s), 10s, 1s);
  EXPECT_EQ(validity.Count(At(8s)), 2u);
  validity.Forget(1);
  EXPECT_FALSE(validity.Promised(1));
  EXPECT_EQ(validity.Deadline(), std::nullopt);
  EXPECT_EQ(validity.Count(At(8s)), 1u);
  EXPECT_EQ(validity.Count(At(9s)), 0u);
}

// --- Agenda -------------------------------------------------------------------------------------

TEST(Agenda, RingsInOrderOfTimeThenOfMaking) {
  Agenda agenda;
  std::string rung;
  Alarm a(agenda, [&](Time) { rung += 'a'; });
  Alarm b(agenda, [&](Time) { rung += 'b'; });
  Alarm c(agenda, [&](Time) { rung += 'c'; });
  c.Set(At(1s));
  b.Set(At(2s));
  a.Set(At(2s));
  EXPECT_EQ(agenda.Next(), At(1s));
  while (agenda.RunNext(At(2s))) {
  }
  EXPECT_EQ(rung, "cab");
  EXPECT_EQ(agenda.Next(), std::nullopt);
}

TEST(Agenda, AnAlarmMaySetAnotherForNowAndDieOfItself) {
  Agenda agenda;
  int rung = 0;
  Alarm second(agenda, [&](Time) { ++rung; });
  auto first = std::make_unique<Alarm>(agenda, [](Time) {});
  first = std::make_unique<Alarm>(agenda, [&](Time now) {
    second.Set(now);
    first.reset();
  });
  first->Set(At(1s));
  while (agenda.RunNext(At(1s))) {
  }
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(first, nullptr);
}

TEST(Agenda, ACatchUpRunsAllThatIsDueAndNothingElse) {
  Agenda agenda;
  int rung = 0;
  Alarm alarm(agenda, [&](Time) { ++rung; });
  alarm.Set(At(5s));
  while (agenda.RunNext(At(4s))) {
  }
  EXPECT_EQ(rung, 0);
  alarm.Clear();
  while (agenda.RunNext(At(9s))) {
  }
  EXPECT_EQ(rung, 0);
}

// --- ClockOffset (rule D6) ----------------------------------------------------------------------

constexpr NodeTime kBase = 1'700'000'000'000'000;

TEST(ClockOffset, NarrowsWithEachReading) {
  ClockOffset offset(0.001);
  EXPECT_EQ(offset.Middle(), std::nullopt);
  offset.Observe(kBase + 1'000'000, At(900ms), At(1100ms));
  EXPECT_NEAR(static_cast<double>(*offset.Middle() - kBase), 0, 2);
  // The node's clock, read late in a long round trip: the interval stays what it was.
  EXPECT_EQ(offset.Observe(kBase + 2'090'000, At(1100ms), At(2100ms)), ClockOffset::Step::kNone);
  EXPECT_NEAR(static_cast<double>(*offset.Middle() - kBase), 0, 101'000);
}

TEST(ClockOffset, ToleratesTwoMillisecondsAndDrift) {
  ClockOffset offset(0.001);
  offset.Observe(kBase, At(0s), At(0s));
  EXPECT_EQ(offset.Observe(kBase + 10'011'000, At(10s), At(10s)), ClockOffset::Step::kAhead);
}

// Two milliseconds are what a lease is shortened by, once.
TEST(ClockOffset, WhatIsToleratedAddsUpToAStep) {
  ClockOffset offset(0.001);
  offset.Observe(kBase, At(0s), At(0s));
  EXPECT_EQ(offset.Observe(kBase + 101'600, At(100ms), At(100ms)), ClockOffset::Step::kAhead);
  EXPECT_EQ(offset.Observe(kBase + 203'200, At(200ms), At(200ms)), ClockOffset::Step::kForward);
}

// --- StepJudge (rule D6) ------------------------------------------------------------------------

using Whose = StepJudge::Verdict;

TEST(StepJudge, AStepThatMostNodesMadeIsTheHosts) {
  StepJudge judge(3);
  judge.Stepped(1, At(1s));
  EXPECT_EQ(judge.Judge(), Whose::kOpen);
  EXPECT_TRUE(judge.Needs(0));
  judge.Read(0, At(1s), true);
  EXPECT_EQ(judge.Judge(), Whose::kHost);
}

TEST(StepJudge, AStepThatTheOthersDidNotMakeIsTheNodes) {
  StepJudge judge(3);
  judge.Stepped(1, At(1s));
  judge.Read(0, At(1s), false);
  EXPECT_EQ(judge.Judge(), Whose::kOpen) << "the third may have moved too";
  judge.Read(2, At(1s), false);
  EXPECT_EQ(judge.Judge(), Whose::kNode);
  EXPECT_TRUE(judge.Close().test(1));
  EXPECT_FALSE(judge.Open());
}

TEST(StepJudge, WhatWasAskedBeforeTheStepDoesNotClearTheHost) {
  StepJudge judge(3);
  judge.Stepped(1, At(1s));
  judge.Read(0, At(999ms), false);
  judge.Read(2, At(999ms), false);
  EXPECT_EQ(judge.Judge(), Whose::kOpen);
  EXPECT_TRUE(judge.Needs(0));
}

TEST(StepJudge, WhoIsReadLaterShowsTheSameStepOfTheHost) {
  StepJudge judge(3);
  judge.Stepped(1, At(1s));
  judge.Stepped(0, At(1s));
  ASSERT_EQ(judge.Judge(), Whose::kHost);
  judge.Stepped(2, At(3s));
  EXPECT_EQ(judge.Judge(), Whose::kHost);
  judge.Expire(At(6s) + 1ms);
  EXPECT_FALSE(judge.Open());
}

TEST(StepJudge, AnEarlierStepHasNothingToDoWithThisOne) {
  StepJudge judge(3);
  judge.Stepped(1, At(1s));
  judge.Stepped(0, At(10s));
  EXPECT_EQ(judge.Judge(), Whose::kOpen);
}

TEST(StepJudge, OfOneNodeItCannotBeToldSoItIsTheHosts) {
  StepJudge judge(1);
  judge.Stepped(0, At(1s));
  EXPECT_EQ(judge.Judge(), Whose::kHost);
}

TEST(StepJudge, OfTwoNodesTheOtherTells) {
  StepJudge judge(2);
  judge.Stepped(0, At(1s));
  judge.Read(1, At(1s), false);
  EXPECT_EQ(judge.Judge(), Whose::kNode);
}

TEST(ClockOffset, KnowsAStepForward) {
  ClockOffset offset(0.001);
  offset.Observe(kBase, At(0s), At(0s));
  EXPECT_EQ(offset.Observe(kBase + 1'004'000, At(1s), At(1s)), ClockOffset::Step::kForward);
  // From there on, that is what it knows.
  EXPECT_EQ(offset.Observe(kBase + 2'004'000, At(2s), At(2s)), ClockOffset::Step::kNone);
}

TEST(ClockOffset, KnowsAStepBack) {
  ClockOffset offset(0.001);
  offset.Observe(kBase, At(0s), At(0s));
  EXPECT_EQ(offset.Observe(kBase - 3'600'000'000, At(1s), At(1s)), ClockOffset::Step::kBack);
}

TEST(ClockOffset, ASlowAnswerIsNoStep) {
  ClockOffset offset(0.001);
  offset.Observe(kBase, At(0s), At(0s));
  EXPECT_EQ(offset.Observe(kBase + 1'000'000, At(1s), At(30s)), ClockOffset::Step::kNone);
}

// --- Membership (rule D8) -----------------------------------------------------------------------

TEST(Membership, IsItsSortedIdsOnceAllAreKnown) {
  Membership set(3);
  set.Learn(0, "c", "");
  set.Learn(1, "a", "");
  EXPECT_EQ(set.Own(), "");
  set.Learn(2, "b", "");
  EXPECT_EQ(set.Own(), "3:a,b,c");
}

TEST(Membership, KnowsAnotherSet) {
  Membership set(3);
  EXPECT_FALSE(set.Foreign(""));
  EXPECT_TRUE(set.Foreign("5:a,b,c,d,e"));
  set.Learn(0, "a", "");
  EXPECT_FALSE(set.Foreign("3:a,b,c"));
  EXPECT_TRUE(set.Foreign("3:x,y,z"));
  set.Learn(1, "b", "");
  set.Learn(2, "c", "");
  EXPECT_FALSE(set.Foreign("3:a,b,c"));
  EXPECT_TRUE(set.Foreign("3:a,b,d"));
}

TEST(Membership, WhatIsNoSetIsAnother) {
  Membership set(3);
  EXPECT_TRUE(set.Foreign("nonsense"));
  set.Learn(0, "a", "");
  EXPECT_TRUE(set.Foreign("3"));
}

TEST(Membership, ANodeThatForgotGetsItsIdBackFromWhoKnewIt) {
  Membership set(3);
  set.Learn(2, "c", "");
  set.Learn(2, "", "");
  EXPECT_EQ(set.IdFor(2), "c");
}

TEST(Membership, NewIdsAreMadeOnceAllNodesAreHeardAndNoneIsOfASet) {
  Membership set(3);
  set.Learn(0, "", "");
  set.Learn(1, "", "");
  EXPECT_EQ(set.IdFor(0), std::nullopt);  // the third may be of a set
  set.Learn(2, "", "");
  EXPECT_EQ(set.IdFor(0), "");
}

// One id of the set is missing, and one node has none: it may be a stranger all the same.
TEST(Membership, AStrangerIsNotTakenForTheMissingMember) {
  Membership set(3);
  set.Learn(0, "a", "3:a,b,c");
  set.Learn(1, "b", "3:a,b,c");
  set.Learn(2, "", "");
  EXPECT_EQ(set.IdFor(2), std::nullopt);
  EXPECT_TRUE(set.SetKnown());
  set.Learn(0, "a", "");  // adopted
  set.Learn(1, "b", "");
  EXPECT_FALSE(set.SetKnown());
  EXPECT_EQ(set.IdFor(2), "");
}

TEST(Membership, AServerListedTwiceMakesNoSet) {
  Membership set(3);
  set.Learn(0, "a", "");
  set.Learn(1, "a", "");
  set.Learn(2, "b", "");
  EXPECT_EQ(set.Own(), "");
}

// --- Timing -------------------------------------------------------------------------------------

TEST(Timing, DefaultsHold) { EXPECT_TRUE(Check(Timing{}).empty()); }

TEST(Timing, DerivesTimes) {
  const Timing timing;
  EXPECT_EQ(timing.DriftAllowance(10s), 12ms + 1ns);
  EXPECT_GE(timing.Quarantine(), timing.max_ttl + timing.DriftAllowance(timing.max_ttl) + 1s);
  EXPECT_GE(timing.MinTtl(), 4 * timing.command_timeout + 2 * timing.DriftAllowance(200ms));
  Timing wide;
  wide.fence_window = 5min;
  EXPECT_EQ(wide.Quarantine(), 10min + 1s);  // rule D2: above both
  EXPECT_EQ(Timing::RenewAfter(9s), 3s);
  EXPECT_EQ(Timing::UsefulRemainder(8s), 2s);
}

TEST(Timing, ATtlLeavesWhatItIsFor) {  // rule I2
  const Timing timing;
  for (const Duration rest : {Duration(1ns), Duration(50ms), Duration(60s), Duration(24h)}) {
    const Duration ttl = timing.TtlFor(rest);
    EXPECT_GE(ttl - timing.DriftAllowance(ttl), rest);
    EXPECT_LE(ttl - timing.DriftAllowance(ttl), rest + 1us);
  }
}

TEST(FewTest, PutsEachValueInItsPlace) {
  Few<int> few;
  EXPECT_EQ(few.size(), 0u);
  for (const int value : {5, 1, 4, 1, 9, -3}) few.Add(value);
  std::vector<int> values;
  for (std::size_t i = 0; i < few.size(); ++i) values.push_back(few[i]);
  EXPECT_EQ(values, (std::vector<int>{-3, 1, 1, 4, 5, 9}));
}

using FewDeathTest = testing::Test;
TEST_F(FewDeathTest, HasAValueForEachNodeAtMost) {
  Few<int> few;
  for (std::size_t i = 0; i < kMaxNodes; ++i) few.Add(0);
  EXPECT_DEATH(few.Add(0), "size_ < values_.size");
}

TEST(Timing, AGraceIsThreeLongRoundTripsWithinBounds) {  // rule E8.2
  EXPECT_EQ(Timing::Grace(0ms), Duration(50ms));
  EXPECT_EQ(Timing::Grace(16ms), Duration(50ms));
  EXPECT_EQ(Timing::Grace(20ms), Duration(60ms));
  EXPECT_EQ(Timing::Grace(400ms), Duration(1s));
}

TEST(Timing, WaitsTheLongerTheFartherItsTurnIs) {  // rule E8.3
  const Timing timing;
  EXPECT_EQ(timing.Interval(0), Duration(100ms));
  EXPECT_EQ(timing.Interval(2), Duration(100ms));
  EXPECT_EQ(timing.Interval(3), Duration(100ms));
  EXPECT_EQ(timing.Interval(10), Duration(250ms));
  EXPECT_EQ(timing.Interval(200), Duration(5s));
  EXPECT_EQ(timing.Interval(1'000'000), Duration(5s));
  Timing slow;
  slow.retry_interval = 2s;
  EXPECT_EQ(slow.Interval(1'000'000), Duration(20s));
}

TEST(Timing, MovesACrowdApartWithinAPartOfTheInterval) {
  EXPECT_EQ(Timing::Apart(0, 12s), 0s);
  EXPECT_EQ(Timing::Apart(99, 12s), 990ms);
  EXPECT_EQ(Timing::Apart(100, 12s), 0s);
  EXPECT_EQ(Timing::Apart(7, 60ms), 0s);
}

TEST(Timing, APatienceIsTenRoundTripsWithinBounds) {
  const Timing timing;
  EXPECT_EQ(timing.TryPatience(20ms), 200ms);
  EXPECT_EQ(timing.TryPatience(0s), 10ms);
  EXPECT_EQ(timing.TryPatience(60s), 10 * timing.command_timeout);
}

TEST(Timing, FindsEachInequalityThatFails) {
  using Rule = TimingFault::Rule;
  Timing timing;
  timing.ttl = 100ms;
  timing.fence_life = 20s;
  auto faults = Check(timing);
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].rule, Rule::kMinTtl);
  EXPECT_EQ(faults[0].found, 100ms);
  EXPECT_EQ(faults[0].bound, timing.MinTtl());
  EXPECT_EQ(faults[1].rule, Rule::kFenceLife);
  EXPECT_EQ(faults[1].found, 20s);
  EXPECT_EQ(faults[1].bound, 2 * timing.fence_window);
  timing = Timing{};
  timing.ttl = 61s;
  faults = Check(timing);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].rule, Rule::kMaxTtl);
  EXPECT_EQ(faults[0].found, 61s);
  EXPECT_EQ(faults[0].bound, timing.max_ttl);
}

TEST(Timing, WritesDurations) {
  EXPECT_EQ(ToText(250ms), "250ms");
  EXPECT_EQ(ToText(1500ms), "1.5s");
  EXPECT_EQ(ToText(-3600s), "-3600s");
}

// --- ReleaseTable -------------------------------------------------------------------------------

// Every release is waited for by session 1, in the request of the same number as its attempt.
class ReleaseTableTest : public ::testing::Test, NodeTable::Observer, ReleaseTable::Observer {
 protected:
  ReleaseTableTest() {
    outbox_.Begin(effects_);
    sessions_.Open(1, 1000);
  }
  void Add(AttemptNumber attempt) {
    effects_.clear();
    releases_.Add(At(0s), {.attempt = attempt,
                           .op = {.lock = "x", .owner = "me"},
                           .nodes = NodeSet(1),
                           .gone_by = At(1s),
                           .asker = Asker{1, attempt, 7}});
  }
  void AddOneTooMany() {
    for (AttemptNumber attempt = 1; attempt <= ReleaseTable::kMost + 1; ++attempt) Add(attempt);
  }

  struct NoRandom : Random {
    std::uint64_t Below(std::uint64_t) override { return 0; }
  } random_;
  const EngineOptions options_ = [] {
    EngineOptions options;
    options.nodes = 1;
    return options;
  }();
  Agenda agenda_;
  Outbox outbox_;
  Effects effects_;  // of the last Add
  NodeTable nodes_{options_, random_, agenda_, outbox_, *this};
  RuleQuotas quotas_{options_.limits.quotas};
  SessionTable sessions_{options_.limits, quotas_};
  ReleaseTable releases_{nodes_, sessions_, agenda_, outbox_, *this};

 private:
  void OnVotersChanged(Time, bool) override {}
  void OnPromisesVoid(Time, NodeIndex) override {}
  void OnReleased(const std::string&) override {}
};

TEST_F(ReleaseTableTest, ForgetsTheOldestOfTooMany) {
  AddOneTooMany();
  EXPECT_EQ(releases_.size(), ReleaseTable::kMost);
  while (agenda_.RunNext(At(1s))) {
  }
  EXPECT_EQ(releases_.size(), 0u) << "the keys have ended by themselves";
}

TEST_F(ReleaseTableTest, WhoWaitsForTheOldestIsTold) {
  AddOneTooMany();
  ASSERT_EQ(effects_.size(), 2u);
  const auto& told = std::get<AnswerClient>(effects_.front());
  EXPECT_EQ(told.request, 1u);
  EXPECT_EQ(std::get<Failed>(told.answer).failure, Failure::kNoQuorum);
}

}  // namespace
}  // namespace redlockd::engine
