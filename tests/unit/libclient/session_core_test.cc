// The core of a session, with holds of one lock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/libclient/session_core_fixture.h"

namespace redlock::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(CoreTest, GivesEachAcquisitionAnOwnerAndATag) {
  const HoldPtr one = Ask("a");
  const HoldPtr two = Ask("a", 2 * kSecond);
  EXPECT_THAT(Sent(), IsEmpty());
  Greet();
  EXPECT_THAT(Sent(),
              ElementsAre("#1 lock a events=renew as=1", "#2 lock a wait=2s events=renew as=2"));
  Say(Grant("1", "a", 7));
  EXPECT_EQ(one->error, REDLOCK_OK);
  EXPECT_EQ(one->locks[0].fence, 7U);
  EXPECT_TRUE(one->IsValid());
  EXPECT_FALSE(two->is_answered);
  core_.Release(one, true, now_);
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1"));
  EXPECT_FALSE(one->IsValid());
  EXPECT_FALSE(one->is_answered);
  Say("#3 OK lock=a fence=7");
  EXPECT_TRUE(one->is_answered);
  EXPECT_EQ(one->error, REDLOCK_OK);
}

TEST_F(CoreTest, LeavesOutWhatTheDaemonDoesNotKnow) {
  Ask("a");
  core_.Connected(now_);
  Say("* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b");
  EXPECT_THAT(Sent(), ElementsAre("#1 lock a as=1"));
}

TEST_F(CoreTest, SaysWhoseALockIsToADaemonThatWantsToKnow) {
  for (const bool knows : {true, false}) {
    const HoldPtr hold = Make("a");
    hold->task = 7;
    Core core([] { return 0.0; });
    core.Lock(hold, kForever, now_);
    core.Lock(Make("b"), kForever, now_);
    core.Run(now_);
    core.Connected(now_);
    core.TakeLine("* HELLO redlockd 1 caps=owners" + std::string(knows ? ",tasks" : ""), now_);
    core.Run(now_);
    EXPECT_EQ(core.TakeOutgoing(),
              "#1 lock a as=1" + std::string(knows ? " task=7" : "") + "\n#2 lock b as=2\n");
  }
}

TEST_F(CoreTest, RefusesADaemonThatDoesNotKnowOwners) {
  const HoldPtr hold = Ask("a");
  core_.Connected(now_);
  Say("* HELLO redlockd 1 caps=exclusive,renew line=4096 boot=b");
  EXPECT_EQ(hold->error, REDLOCK_EPROTOCOL);
  EXPECT_EQ(hold->text,
            "expected a redlockd that knows owners within a session, found a greeting without the "
            "word 'owners' in caps=exclusive,renew");
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_TRUE(core_.wants_close());
}

TEST_F(CoreTest, StopsTheHolderAMarginBeforeTheDeadline) {
  const HoldPtr hold = Held("a");
  Pass(6 * kSecond - kMs);
  EXPECT_THAT(Heard(), IsEmpty());
  Pass(kMs);
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_JEOPARDY, REDLOCK_EVENT_STOP));
  EXPECT_FALSE(hold->is_good);
  Sent();
  Pass(3 * kSecond);
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_LOST));
  EXPECT_EQ(hold->loss, "expired");
  EXPECT_THAT(Sent(), testing::Contains(testing::HasSubstr("unlock a fence=7 as=1")));
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
}

TEST_F(CoreTest, TakesTheMarginOfRedlockRun) {
  EXPECT_EQ(DefaultMargin(9 * kSecond), 3 * kSecond);
  EXPECT_EQ(DefaultMargin(60 * kSecond), 5 * kSecond);
  HoldOptions short_hold;
  short_hold.max_hold_ns = 3 * kSecond;
  EXPECT_EQ(Held("a", short_hold)->margin_ns, kSecond);
}

TEST_F(CoreTest, CutsAMarginThatEveryRenewalWouldBreak) {
  HoldOptions options;
  options.margin_ns = 8 * kSecond;
  EXPECT_EQ(Held("a", options)->margin_ns, 4500 * kMs);
}

TEST_F(CoreTest, FollowsRenewalsAndJeopardy) {
  const HoldPtr hold = Held("a");
  const std::string later = Text(now_ + 20 * kSecond);
  Say("* JEOPARDY lock=a as=1 fence=7 deadline=" + Text(now_ + 8 * kSecond) + " left=8s :why");
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_JEOPARDY));
  Say("* RENEWED lock=a as=1 fence=6 deadline=1 left=0s");
  EXPECT_THAT(Heard(), IsEmpty()) << "of another hold";
  Say("* SAFE lock=a as=1 fence=7 deadline=" + later + " left=20s");
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_SAFE));
  EXPECT_EQ(Text(hold->locks[0].deadline_ns), later);
  Pass(16 * kSecond);
  EXPECT_TRUE(hold->is_good);
}

TEST_F(CoreTest, HearsOfLossBreakAndDrain) {
  const HoldPtr hold = Held("a");
  Say("* DRAINING within=2s");
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_DRAINING));
  Say("* BROKEN lock=a as=1 fence=7 deadline=" + Text(now_ + kSecond) + " left=1s");
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_STOP, REDLOCK_EVENT_LOST));
  EXPECT_EQ(hold->loss, "broken");
  EXPECT_THAT(Sent(), ElementsAre("#2 unlock a fence=7 as=1"));
  EXPECT_FALSE(core_.wants_close());
  Say("#2 ERR lost lock=a fence=7 reason=broken :x");
  EXPECT_TRUE(core_.wants_close()) << "the next lock is for the next daemon";
}

TEST_F(CoreTest, GivesBackAGrantThatCrossesTheCancel) {
  const HoldPtr hold = Ask("a");
  Greet();
  Sent();
  core_.Cancel(hold);
  EXPECT_EQ(hold->error, REDLOCK_ECANCELLED);
  EXPECT_THAT(Sent(), ElementsAre("#2 cancel 1"));
  Say(Grant("1", "a", 7));
  Say("#2 ERR no-such-tag tag=1 :x");
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1"));
  EXPECT_FALSE(hold->IsValid());
}

// An exception ends the call of the locker, and then its hold is freed.
TEST_F(CoreTest, AReleaseEndsAWait) {
  const HoldPtr sent = Ask("a");
  Greet();
  Sent();
  core_.Release(sent, false, now_);
  EXPECT_EQ(sent->error, REDLOCK_ENOTHELD);
  EXPECT_THAT(Sent(), ElementsAre("#2 cancel 1"));
  Say(Grant("1", "a", 7));
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1"));
  EXPECT_FALSE(sent->IsValid());

  const HoldPtr unsent = Make("b");
  core_.Lock(unsent, kForever, now_);
  core_.Release(unsent, false, now_);
  core_.Run(now_);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(CoreTest, ACancelBeforeTheLockCounts) {
  const HoldPtr hold = Make("a");
  core_.Cancel(hold);
  core_.Lock(hold, kForever, now_);
  EXPECT_EQ(hold->error, REDLOCK_ECANCELLED);
}

TEST_F(CoreTest, AWaitEndsInTimeAndSaysWhetherTheDaemonHangs) {
  const HoldPtr hung = Ask("a", kSecond);
  Greet();
  Sent();
  Pass(900 * kMs);
  EXPECT_THAT(Sent(), ElementsAre("#2 ping"));
  Pass(110 * kMs);
  EXPECT_EQ(hung->error, REDLOCK_ENOANSWER);
  EXPECT_THAT(Sent(), ElementsAre("#3 cancel 1"));

  const HoldPtr taken = Ask("a", kSecond);
  Pass(950 * kMs);
  Say("#5 OK now=1");
  Pass(60 * kMs);
  EXPECT_EQ(taken->error, REDLOCK_ETIMEOUT);
}

TEST_F(CoreTest, ATryEndsWithItsAnswerTimeoutAndItsOneAttempt) {
  const HoldPtr none = Ask("a", 0);
  EXPECT_TRUE(core_.wants_connect());
  core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  EXPECT_EQ(none->error, REDLOCK_ECONNECT);

  const HoldPtr hung = Ask("a", 0);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#1 lock a wait=0s events=renew as=2"));
  Pass(kSecond);
  EXPECT_EQ(hung->error, REDLOCK_ENOANSWER);
}

TEST_F(CoreTest, ConnectsAgainAfterGrowingPausesWithinTheCallersTime) {
  const HoldPtr hold = Ask("a", 200 * kMs);
  std::vector<std::int64_t> pauses;
  std::int64_t last = now_;
  while (core_.wants_connect()) {
    core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
    Pass(kSecond);
    if (core_.wants_connect()) pauses.push_back((now_ - std::exchange(last, now_)) / kMs);
  }
  EXPECT_THAT(pauses, ElementsAre(10, 20, 40, 80));
  EXPECT_EQ(hold->error, REDLOCK_ECONNECT);
  EXPECT_EQ(hold->text, "no daemon");
}

TEST_F(CoreTest, AWaitWithoutLimitPutsUpWithNoDaemonForSomeTime) {
  const HoldPtr hold = Ask("a");
  const std::int64_t begin = now_;
  while (!hold->is_answered) {
    ASSERT_TRUE(core_.wants_connect());
    core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
    Pass(2 * kSecond);
  }
  EXPECT_EQ(hold->error, REDLOCK_ECONNECT);
  EXPECT_GE(now_ - begin, 5 * kSecond);
}

TEST_F(CoreTest, AFailureIsForgottenOnceSomebodyListens) {
  const HoldPtr hold = Ask("a", 100 * kMs);
  core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  Pass(50 * kMs);
  core_.Connected(now_);
  Pass(kSecond);
  EXPECT_EQ(hold->error, REDLOCK_ENOANSWER);
  EXPECT_EQ(hold->text, "the daemon does not greet");
}

TEST_F(CoreTest, AWaitWithoutLimitDoesNotWaitForAGreeting) {
  HoldOptions options;
  options.connect_timeout_ns = 100 * kMs;
  const HoldPtr hold = Ask("a", kForever, options);
  core_.Connected(now_);
  Pass(100 * kMs);
  EXPECT_EQ(hold->error, REDLOCK_ENOANSWER);
}

TEST_F(CoreTest, AConnectTimeoutOf0IsOneAttempt) {
  HoldOptions options;
  options.connect_timeout_ns = 0;
  const HoldPtr patient = Ask("a", 60 * kSecond);
  for (int i = 0; i < 8; ++i) core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  core_.Run(now_);
  EXPECT_FALSE(core_.wants_connect());
  const HoldPtr refused = Ask("b", kForever, options);
  EXPECT_TRUE(core_.wants_connect()) << "it does not wait for the end of the pause";
  EXPECT_FALSE(refused->is_answered);
  core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  EXPECT_EQ(refused->error, REDLOCK_ECONNECT);
  const HoldPtr hangs = Ask("c", kForever, options);
  core_.Connected(now_);
  Pass(kSecond - 1);
  EXPECT_FALSE(hangs->is_answered);
  Pass(1);
  EXPECT_EQ(hangs->error, REDLOCK_ENOANSWER);
  const HoldPtr waits = Ask("d", kForever, options);
  Say("* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b");
  Pass(2 * kSecond);
  EXPECT_FALSE(waits->is_answered) << "there is a daemon";
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  EXPECT_EQ(waits->error, REDLOCK_ECLOSED);
  EXPECT_FALSE(patient->is_answered);
}

TEST_F(CoreTest, WhatDoesNotChangeIsNotTriedAgain) {
  const HoldPtr hold = Ask("a");
  core_.ConnectFailed(REDLOCK_EDENIED, "permission denied", now_);
  EXPECT_EQ(hold->error, REDLOCK_EDENIED);
}

TEST_F(CoreTest, ALossOfTheDaemonIsJeopardyAndTheWaitGoesOn) {
  const HoldPtr hold = Held("a");
  const HoldPtr waiting = Ask("b");
  Sent();
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  EXPECT_TRUE(core_.wants_close());
  core_.Closed();
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_JEOPARDY));
  EXPECT_TRUE(hold->IsValid()) << "nobody else gets it before its deadline";
  Pass(kSecond);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#3 lock b events=renew as=2"));
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_OK) << "all of it was protected";
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_ENOTHELD);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_FALSE(waiting->is_answered);
}

TEST_F(CoreTest, ADaemonThatDrainsIsLeftForTheNext) {
  const HoldPtr hold = Ask("a");
  Greet();
  Sent();
  Say("#1 ERR draining :stopping");
  EXPECT_FALSE(hold->is_answered);
  EXPECT_TRUE(core_.wants_close());
  core_.Closed();
  Pass(kSecond);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#2 lock a events=renew as=1"));
}

TEST_F(CoreTest, PingsASilentDaemonAndLeavesItUnlessSomethingIsHeld) {
  const HoldPtr waiting = Ask("a");
  Greet();
  Sent();
  Pass(5 * kSecond);
  EXPECT_THAT(Sent(), ElementsAre("#2 ping"));
  Pass(5 * kSecond);
  EXPECT_TRUE(core_.wants_close());
  EXPECT_FALSE(waiting->is_answered);
}

TEST_F(CoreTest, StaysWithAHungDaemonUntilTheDeadline) {
  HoldPtr hold = Ask("a");
  Greet();
  Say(Grant("1", "a", 7, 60 * kSecond));
  Pass(59 * kSecond);
  EXPECT_FALSE(core_.wants_close());
  Pass(10 * kSecond);
  EXPECT_TRUE(core_.wants_close());
  EXPECT_EQ(hold->loss, "expired");
}

TEST_F(CoreTest, AWaitWithoutLimitEndsThoughAnotherHoldKeepsTheHungDaemon) {
  const HoldPtr held = Ask("a");
  Greet();
  Say(Grant("1", "a", 7, 60 * kSecond));
  const HoldPtr waiting = Ask("b");
  Pass(12 * kSecond);
  Say("#9 OK now=1");
  Pass(14 * kSecond);
  EXPECT_FALSE(waiting->is_answered) << "the daemon answered meanwhile";
  Sent();
  Pass(2 * kSecond);
  EXPECT_EQ(waiting->error, REDLOCK_ENOANSWER);
  EXPECT_TRUE(waiting->is_answered);
  EXPECT_THAT(Sent(), testing::Contains("#5 cancel 2"));
  EXPECT_FALSE(core_.wants_close());
  EXPECT_TRUE(held->is_good);
}

TEST_F(CoreTest, AReleaseWaitsForAMomentOnceAndThenNotAtAll) {
  const HoldPtr hold = Held("a");
  core_.Release(hold, true, now_);
  EXPECT_FALSE(hold->is_answered);
  Pass(250 * kMs);
  EXPECT_TRUE(hold->is_answered);
  EXPECT_EQ(hold->error, REDLOCK_OK) << "its deadline has not passed";

  const HoldPtr second = Ask("b");
  core_.Cancel(second);
  EXPECT_TRUE(second->is_answered);
}

TEST_F(CoreTest, AReleaseReportsALossThatTheDaemonKnows) {
  const HoldPtr hold = Held("a");
  core_.Release(hold, true, now_);
  Say("#2 ERR lost lock=a fence=7 reason=max-hold :x");
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
  EXPECT_EQ(hold->text, "max-hold");
}

// --- Queries

TEST_F(CoreTest, AQueryIsAskedAndAnsweredWithItsRows) {
  const QueryPtr list = AskFor({{}, "list", {}, {}});
  EXPECT_TRUE(core_.wants_connect());
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#1 list"));
  Say("#1 - lock=a fence=7");
  Say("#1 - lock=b fence=8");
  EXPECT_FALSE(list->is_answered);
  Say("#1 OK");
  EXPECT_TRUE(list->is_answered);
  EXPECT_TRUE(list->is_from_daemon);
  EXPECT_EQ(list->reply.error, REDLOCK_OK);
  ASSERT_EQ(list->reply.rows.size(), 2U);
  EXPECT_STREQ(list->reply.Find(1, "lock"), "b");

  const QueryPtr refused = AskFor({{}, "break", {"a"}, {{"fence", "7"}}});
  EXPECT_THAT(Sent(), ElementsAre("#2 break a fence=7"));
  Say("#2 ERR denied :only administrators");
  EXPECT_EQ(refused->reply.error, REDLOCK_EDENIED);
  EXPECT_EQ(refused->reply.text, "only administrators");
}

TEST_F(CoreTest, AQueryWithoutAVerbIsAnsweredByTheGreeting) {
  const QueryPtr connect = AskFor({});
  EXPECT_FALSE(connect->is_answered);
  Greet();
  EXPECT_TRUE(connect->is_answered);
  EXPECT_EQ(connect->reply.error, REDLOCK_OK);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(CoreTest, AQueryConnectsOnce) {
  core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  const QueryPtr query = AskFor({{}, "list", {}, {}});
  EXPECT_TRUE(core_.wants_connect()) << "though a pause is not over";
  core_.ConnectFailed(REDLOCK_ECONNECT, "no daemon", now_);
  EXPECT_EQ(query->reply.error, REDLOCK_ECONNECT);
  EXPECT_EQ(query->reply.text, "no daemon");
  EXPECT_FALSE(query->is_from_daemon);
  core_.Run(now_);
  EXPECT_FALSE(core_.wants_connect());
}

TEST_F(CoreTest, AQueryIsNotSentTwice) {
  const HoldPtr waiting = Ask("a");
  const QueryPtr query = AskFor({{}, "break", {"a"}, {{"fence", "7"}}});
  Greet();
  Sent();
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  EXPECT_EQ(query->reply.error, REDLOCK_ECLOSED);
  core_.Closed();
  Pass(kSecond);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#3 lock a events=renew as=1"));
}

TEST_F(CoreTest, AQueryEndsInTimeAndItsLateAnswerIsNobodys) {
  const QueryPtr greeted = AskFor({{}, "list", {}, {}});
  core_.Connected(now_);
  Pass(kSecond);
  EXPECT_EQ(greeted->reply.error, REDLOCK_ENOANSWER);
  EXPECT_EQ(greeted->reply.text, "the daemon does not greet");
  Say("* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b");
  EXPECT_THAT(Sent(), IsEmpty());

  const QueryPtr query = AskFor({{}, "list", {}, {}});
  EXPECT_THAT(Sent(), ElementsAre("#1 list"));
  Pass(kSecond);
  EXPECT_EQ(query->reply.error, REDLOCK_ENOANSWER);
  Say("#1 - lock=a");
  Say("#1 OK");
  EXPECT_TRUE(query->reply.rows.empty());
  EXPECT_EQ(query->reply.error, REDLOCK_ENOANSWER);
  EXPECT_FALSE(core_.wants_close());
}

TEST_F(CoreTest, ACancelEndsAQueryAlsoBeforeItIsAsked) {
  const QueryPtr sent = AskFor({{}, "list", {}, {}});
  Greet();
  core_.Cancel(sent);
  EXPECT_EQ(sent->reply.error, REDLOCK_ECANCELLED);
  Say("#1 OK");
  EXPECT_EQ(sent->reply.error, REDLOCK_ECANCELLED);
  Sent();

  const auto early = std::make_shared<Query>(protocol::Request{{}, "list", {}, {}});
  core_.Cancel(early);
  core_.Ask(early, kSecond, now_);
  core_.Run(now_);
  EXPECT_EQ(early->reply.error, REDLOCK_ECANCELLED);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_GT(core_.NextDue(), now_ + kSecond) << "nothing is left of it";
}

TEST_F(CoreTest, ACheckLearnsTheDeadline) {
  const HoldPtr hold = Held("a");
  const QueryPtr check = Checked(hold);
  EXPECT_THAT(Sent(), ElementsAre("#2 check a fence=7 as=1"));
  Say("#2 OK lock=a fence=7 deadline=" + Text(now_ + 20 * kSecond) + " left=20s");
  EXPECT_EQ(check->reply.error, REDLOCK_OK);
  EXPECT_EQ(hold->locks[0].deadline_ns, now_ + 20 * kSecond);
  Pass(15 * kSecond);
  EXPECT_TRUE(hold->is_good);
}

TEST_F(CoreTest, ACheckFindsALossOfWhichNothingWasHeard) {
  const HoldPtr hold = Held("a");
  const QueryPtr check = Checked(hold);
  Say("#2 ERR lost lock=a fence=7 reason=max-hold :gone");
  EXPECT_EQ(check->reply.error, REDLOCK_ELOST);
  EXPECT_FALSE(hold->is_good);
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_STOP, REDLOCK_EVENT_LOST));
  EXPECT_EQ(Checked(hold)->reply.error, REDLOCK_ELOST) << "without asking";
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
}

TEST_F(CoreTest, ACheckTakesTheDaemonsWordThatNothingIsHeld) {
  const HoldPtr hold = Held("a");
  const QueryPtr check = Checked(hold);
  Say("#2 ERR not-held lock=a :gone");
  EXPECT_EQ(check->reply.error, REDLOCK_ELOST);
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_STOP, REDLOCK_EVENT_LOST));
}

TEST_F(CoreTest, ACheckNeedsTheConnectionOfTheGrant) {
  const HoldPtr hold = Held("a");
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  core_.Closed();
  const QueryPtr check = Checked(hold);
  EXPECT_EQ(check->reply.error, REDLOCK_ECLOSED);
  EXPECT_TRUE(hold->IsValid());
  core_.Release(hold, true, now_);
  EXPECT_EQ(Checked(hold)->reply.error, REDLOCK_ENOTHELD);
}

TEST_F(CoreTest, KeepsTheSocketOfOneThatBreaksTheProtocol) {
  const HoldPtr hold = Held("a");
  Say("nonsense");
  EXPECT_TRUE(core_.wants_close());
  EXPECT_EQ(core_.park_until(), hold->locks[0].deadline_ns);
}

TEST_F(CoreTest, ConvertsTheTimesOfAnotherClock) {
  const HoldPtr hold = Ask("a");
  core_.Connected(now_);
  Say("* HELLO redlockd 1 caps=owners line=4096 boot=b now=" + Text(now_ + 50 * kSecond));
  Say("#1 OK lock=a fence=7 deadline=" + Text(now_ + 59 * kSecond) + " left=9s ttl=9s votes=3/3");
  EXPECT_EQ(hold->locks[0].deadline_ns, now_ + 9 * kSecond);
}

}  // namespace
}  // namespace redlock::client
