// What a node does with a lease that an administrator breaks (rules I3, I4), in the script on a real node.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kKeptA = "redlockd:kept:" + kA;
const Hint kBroken{kInstance, "broken 5 app:job"};

class BreakTest : public QueueTest {
 protected:
  NodeAnswer Break(const std::string& owner, bool at_once = false) {
    return Do(engine::BreakOp{"job", owner, at_once, 1500ms});
  }
  long Left() { return Number({"PTTL", "app:job"}); }
};

TEST_F(BreakTest, TheKeyIsKeptForTheTimeThatItHasLeft) {
  Acquire(kA, 2s);
  Pass(500 * kMs);
  const auto answer = Break(kA);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 1500ms);
  EXPECT_EQ(Key(), kKeptA);
  EXPECT_EQ(Left(), 1500);
  EXPECT_THAT(Hints(), ElementsAre(kBroken));
  Pass(1501 * kMs);
  EXPECT_EQ(Key(), "(nil)");
}

TEST_F(BreakTest, OnceMoreItFindsItsOwnWorkDone) {
  Acquire(kA, 2s);
  Break(kA);
  Pass(500 * kMs);
  Hints();
  const auto answer = Break(kA);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 1500ms);
  EXPECT_EQ(Key(), kKeptA);
  EXPECT_THAT(Hints(), ElementsAre(kBroken)) << "the first one may have been lost";
}

TEST_F(BreakTest, AnothersKeyIsNotTouched) {
  Acquire(kB, 2s);
  const auto answer = Break(kA);
  EXPECT_EQ(answer.verdict, Verdict::kNotOwner);
  EXPECT_EQ(answer.text, kB);
  EXPECT_EQ(answer.left, 2s);
  EXPECT_EQ(Key(), kB);
  EXPECT_EQ(Break(kLaterA).verdict, Verdict::kNotOwner) << "nor its own daemon's other attempt";
  Break(kB);
  EXPECT_EQ(Break(kA, true).text, "redlockd:kept:" + kB);
  EXPECT_EQ(Left(), 2000);
}

TEST_F(BreakTest, WhereNobodyHasItThereIsNothingToBreak) {
  const auto answer = Break(kA);
  EXPECT_EQ(answer.verdict, Verdict::kNotOwner);
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(Redis({"EXISTS", "app:job"}), "0");
  EXPECT_THAT(Hints(), IsEmpty());
  Redis({"HSET", "app:job", "f", "v"});
  EXPECT_EQ(Break(kA).text, "(a hash)");
  Redis({"SET", "app:job", ""});
  EXPECT_EQ(Break(kA).text, "(an empty string)");
}

TEST_F(BreakTest, AKeyThatWouldNeverGoGetsAnEnd) {
  Redis({"SET", "app:job", "somebody"});
  const auto answer = Break("somebody");
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 1500ms);
  EXPECT_EQ(Key(), "redlockd:kept:somebody");
  EXPECT_EQ(Left(), 1500);
  EXPECT_THAT(Hints(), IsEmpty()) << "no daemon has it";
}

TEST_F(BreakTest, AKeptKeyIsNeitherRenewedNorHealedNorConfirmedNorTakenOver) {
  const auto fence = Acquire(kA, 2s).fence;
  Break(kA);
  Pass(500 * kMs);
  const auto renewed = Renew(kA);
  EXPECT_EQ(renewed.verdict, Verdict::kNotOwner);
  EXPECT_TRUE(renewed.broken);
  EXPECT_EQ(Confirm(kA, fence).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Ask(kA, Queueing::kIgnore).verdict, Verdict::kBusy) << "its own owner (rule C6)";
  const auto next = Ask(kLaterA, Queueing::kIgnore);
  EXPECT_EQ(next.verdict, Verdict::kBusy) << "its daemon's next attempt (rule C8)";
  EXPECT_EQ(next.text, kKeptA);
  EXPECT_EQ(next.left, 1500ms);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Inspect().text, kKeptA);
  EXPECT_EQ(Key(), kKeptA);
  EXPECT_EQ(Left(), 1500);
}

TEST_F(BreakTest, OnlyTheOwnerHearsThatItsLeaseIsBroken) {
  Acquire(kA, 2s);
  Do(engine::AcquireOp{"mine", kB, 2s, 0});
  Break(kA);
  EXPECT_EQ(RenewAll({{"job", kA, 2s}, {"job", kB, 2s}, {"mine", kB, 2s}}).text, "kno");
}

TEST_F(BreakTest, NobodyIsToldThatAKeptKeyIsWanted) {
  Acquire(kA, 2s);
  Break(kA);
  Hints();
  Listen("redlockd");
  Listen("kept");
  EXPECT_EQ(Ask(kB, Queueing::kNone).verdict, Verdict::kBusy);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kBusy);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(BreakTest, AtOnceTheKeyGoesAndTheFirstOfTheOthersIsCalled) {
  Acquire(kA, 2s);
  Enter(kInstance, kEarly);  // as long as it is fresh, it would stand before the others
  Enter(kInstanceB, kLate);
  const auto answer = Break(kA, true);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 0ns);
  EXPECT_EQ(Redis({"EXISTS", "app:job"}), "0");
  EXPECT_FALSE(HasEntry(kInstance));
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, "free app:job"}, kBroken));
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kLate).verdict, Verdict::kOk);
}

TEST_F(BreakTest, WhatIsKeptMayStillBeFreedAtOnce) {
  Acquire(kA, 2s);
  Break(kA);
  EXPECT_EQ(Break(kA, true).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"EXISTS", "app:job"}), "0");
}

TEST_F(BreakTest, ItRunsInQuarantine) {
  Acquire(kA, 2s);
  Do(engine::SuspectOp{});
  EXPECT_EQ(Renew(kA).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Break(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Key(), kKeptA);
}

}  // namespace
}  // namespace redlockd::redis
