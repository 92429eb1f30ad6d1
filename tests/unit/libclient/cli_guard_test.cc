#include <gtest/gtest.h>

#include "libclient/cli/run/guard.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;
using Action = Guard::Action;

Guard::Margins Planned(Guard::Duration span, std::optional<Guard::Duration> kill_after = {}) {
  const auto plan = Guard::Plan(span, kill_after);
  if (const auto* problem = std::get_if<std::string>(&plan)) {
    ADD_FAILURE() << *problem;
    return {};
  }
  return std::get<Guard::Margins>(plan);
}

// ttl 9s: TERM 3s before the deadline, KILL 100 ms before it.
Guard Fresh(Guard::Time deadline) { return Guard(Planned(9s), deadline); }

TEST(GuardPlan, AThirdOfTheTtlAtMostFiveSeconds) {
  EXPECT_EQ(Planned(9s).term, 3s);
  EXPECT_EQ(Planned(60s).term, 5s);
  EXPECT_EQ(Planned(60s).kill, 100ms);
  EXPECT_EQ(Planned(60s, 30s).term, 30s);
}

TEST(GuardPlan, KillsLaterWhereTheTtlIsShort) {
  EXPECT_EQ(Planned(210ms).term, 70ms);
  EXPECT_EQ(Planned(210ms).kill, 21ms);
}

TEST(GuardPlan, RefusesAKillAfterThatEndsHealthyLocks) {
  EXPECT_TRUE(std::holds_alternative<std::string>(Guard::Plan(10s, 5s + 1ns)));
  EXPECT_EQ(Planned(10s, 5s).term, 5s);
  EXPECT_EQ(
      std::get<std::string>(Guard::Plan(10s, 20s)),
      "--kill-after is 20s: expected 100ms to 5s, half of the lock's ttl (or max-hold) of 10s");
}

TEST(GuardPlan, RefusesATermBehindTheKill) {
  EXPECT_TRUE(std::holds_alternative<std::string>(Guard::Plan(10s, 99ms)));
  EXPECT_EQ(Planned(10s, 100ms).term, 100ms);
}

TEST(Guard, TermThenKillBeforeTheDeadline) {
  Guard guard = Fresh(100s);
  EXPECT_EQ(guard.next(), 97s);
  EXPECT_EQ(guard.Judge(97s - 1ns), Action::kNone);
  EXPECT_FALSE(guard.is_ending());
  EXPECT_EQ(guard.Judge(97s), Action::kTerm);
  EXPECT_TRUE(guard.is_ending());
  EXPECT_EQ(guard.next(), 99900ms);
  EXPECT_EQ(guard.Judge(99900ms - 1ns), Action::kNone);
  EXPECT_EQ(guard.Judge(99900ms), Action::kKill);
  EXPECT_EQ(guard.Judge(100s), Action::kNone);
  EXPECT_EQ(guard.next(), Guard::kNever);
}

TEST(Guard, ARenewalMovesTheEnd) {
  Guard guard = Fresh(100s);
  guard.Told(103s);
  EXPECT_EQ(guard.Judge(98s), Action::kNone);
  EXPECT_EQ(guard.next(), 100s);
}

TEST(Guard, AnEarlierDeadlineCounts) {
  Guard guard = Fresh(100s);
  guard.Told(95s);
  EXPECT_EQ(guard.Judge(92s), Action::kTerm);
}

TEST(Guard, AnEndThatHasBegunIsNotCalledOff) {
  Guard guard = Fresh(100s);
  ASSERT_EQ(guard.Judge(97s), Action::kTerm);
  guard.Told(110s);
  EXPECT_EQ(guard.Judge(99900ms), Action::kKill);
}

TEST(Guard, AnEndThatHasBegunCanComeEarlier) {
  Guard guard = Fresh(100s);
  ASSERT_EQ(guard.Judge(97s), Action::kTerm);
  guard.Told(98s);
  EXPECT_EQ(guard.Judge(97900ms), Action::kKill);
}

TEST(Guard, WokenLateKillsWithoutTerm) {
  Guard guard = Fresh(100s);
  EXPECT_EQ(guard.Judge(200s), Action::kKill);
  EXPECT_EQ(guard.Judge(201s), Action::kNone);
  EXPECT_TRUE(guard.is_ending());
}

TEST(Guard, WokenLateStillKillsBeforeTheDeadline) {
  Guard guard = Fresh(100s);
  EXPECT_EQ(guard.Judge(99s), Action::kTerm);
  EXPECT_EQ(guard.next(), 99900ms);
}

TEST(Guard, ALossWhoseDeadlineIsKeptLeavesTimeToEnd) {
  Guard guard = Fresh(100s);
  guard.Lost(50s, true);
  EXPECT_TRUE(guard.Holds(50s));
  EXPECT_FALSE(guard.MayStart(50s));
  EXPECT_EQ(guard.Judge(50s), Action::kTerm);
  EXPECT_EQ(guard.next(), 52900ms);  // 3 s - 100 ms later, though the deadline is far
  EXPECT_EQ(guard.Judge(52900ms), Action::kKill);
}

TEST(Guard, ALossShortOfTheDeadlineIsBoundedByIt) {
  Guard guard = Fresh(100s);
  guard.Lost(98s, true);
  EXPECT_EQ(guard.Judge(98s), Action::kTerm);
  EXPECT_EQ(guard.next(), 99900ms);
}

TEST(Guard, ALossThatIsOverKillsAtOnce) {
  Guard guard = Fresh(100s);
  guard.Lost(50s, false);
  EXPECT_FALSE(guard.Holds(50s));
  EXPECT_EQ(guard.Judge(50s), Action::kKill);
}

TEST(Guard, NothingToldBehindALossBringsItBack) {
  Guard guard = Fresh(100s);
  guard.Lost(50s, false);
  guard.Told(200s);
  EXPECT_FALSE(guard.Holds(50s));
  EXPECT_FALSE(guard.MayStart(50s));
  EXPECT_EQ(guard.Judge(50s), Action::kKill);
}

TEST(Guard, ACommandMayStartWhileItWouldNotBeTold) {
  Guard guard = Fresh(100s);
  EXPECT_TRUE(guard.MayStart(97s - 1ns));
  EXPECT_FALSE(guard.MayStart(97s));
  guard.Told(104s);
  EXPECT_TRUE(guard.MayStart(97s));
}

}  // namespace
}  // namespace redlock::cli
