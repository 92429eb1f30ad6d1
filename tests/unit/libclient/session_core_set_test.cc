// The core of a session, with holds of several locks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/libclient/session_core_fixture.h"

namespace redlock::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class CoreSetTest : public CoreTest {
 protected:
  // A row of a grant that has no other.
  std::string Row(const std::string& tag, const std::string& name, int fence,
                  std::int64_t left = 9 * kSecond, const std::string& ttl = "9s") const {
    return "#" + tag + " - lock=" + name + " fence=" + Text(fence) +
           " deadline=" + Text(now_ + left) + " left=1s ttl=" + ttl + " votes=3/3";
  }
  // A hold of a, b and c, with the fences 7, 8 and 9, that are good for 9, 12 and 15 s.
  HoldPtr HeldSet(HoldOptions options = {}) {
    HoldPtr hold = AskForAll({"a", "b", "c"}, kForever, std::move(options));
    Greet();
    Say(Row("1", "a", 7));
    Say(Row("1", "b", 8, 12 * kSecond));
    Say(Row("1", "c", 9, 15 * kSecond));
    Say("#1 OK names=3 deadline=" + Text(now_ + 9 * kSecond) + " left=9s");
    EXPECT_TRUE(hold->is_answered);
    EXPECT_EQ(hold->error, REDLOCK_OK);
    Sent();
    return hold;
  }
  std::string Event(const std::string& word, const std::string& name, int fence,
                    std::int64_t left) const {
    return "* " + word + " lock=" + name + " as=1 fence=" + Text(fence) +
           " deadline=" + Text(now_ + left) + " left=1s";
  }
};

TEST_F(CoreSetTest, AsksForAllInOneRequestAndReleasesEachByItsFence) {
  HoldOptions options;
  options.ttl_ns = 9 * kSecond;
  const HoldPtr hold = AskForAll({"b", "a"}, 2 * kSecond, options);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#1 lock b a wait=2s ttl=9s events=renew as=1"));
  Say(Row("1", "b", 7));
  EXPECT_FALSE(hold->is_answered);
  EXPECT_EQ(hold->Deadline(), 0) << "nothing is held before all of it is";
  Say(Row("1", "a", 8, 5 * kSecond));
  EXPECT_FALSE(hold->IsValid());
  Say("#1 OK names=2 deadline=1 left=0s");
  EXPECT_EQ(hold->error, REDLOCK_OK);
  EXPECT_TRUE(hold->IsValid());
  EXPECT_EQ(hold->locks[0].fence, 7U);
  EXPECT_EQ(hold->locks[1].fence, 8U);
  EXPECT_EQ(hold->Deadline(), now_ + 5 * kSecond) << "the earliest";

  core_.Release(hold, true, now_);
  EXPECT_FALSE(hold->IsValid());
  EXPECT_THAT(Sent(), ElementsAre("#2 unlock b fence=7 as=1", "#3 unlock a fence=8 as=1"));
  Say("#2 OK lock=b fence=7");
  EXPECT_FALSE(hold->is_answered);
  Say("#3 OK lock=a fence=8");
  EXPECT_TRUE(hold->is_answered);
  EXPECT_EQ(hold->error, REDLOCK_OK);
}

TEST_F(CoreSetTest, TakesTheMarginOfTheShortestTtl) {
  const HoldPtr hold = AskForAll({"a", "b"});
  Greet();
  Say(Row("1", "a", 7, 60 * kSecond, "60s"));
  Say(Row("1", "b", 8, 6 * kSecond, "6s"));
  Say("#1 OK names=2");
  EXPECT_EQ(hold->margin_ns, 2 * kSecond);
}

TEST_F(CoreSetTest, TakesNoGrantThatIsNotOfAllOfItsNames) {
  const std::vector<std::vector<std::string>> grants{
      {},
      {Row("1", "a", 7)},
      {Row("1", "b", 8), Row("1", "a", 7)},
      {Row("1", "a", 7), Row("1", "b", 0)},
      {Row("1", "a", 7), Row("1", "b", 8), Row("1", "c", 9)},
      {Row("1", "a", 7), Row("1", "b", 8, 9 * kSecond, "x")},
  };
  for (const auto& grant : grants) {
    Core core([] { return 0.0; });
    const HoldPtr hold = Make(std::vector<std::string>{"a", "b"});
    core.Lock(hold, kForever, now_);
    core.Run(now_);
    core.Connected(now_);
    core.TakeLine("* HELLO redlockd 1 caps=owners,set", now_);
    core.Run(now_);
    for (const std::string& row : grant) core.TakeLine(row, now_);
    core.TakeLine("#1 OK names=2 lock=a fence=7 deadline=9 left=9s ttl=9s", now_);
    EXPECT_EQ(hold->error, REDLOCK_EPROTOCOL) << grant.size();
    EXPECT_FALSE(hold->IsValid());
    EXPECT_TRUE(core.wants_close());
  }
}

TEST_F(CoreSetTest, SaysWhichOfThemWasRefused) {
  const HoldPtr hold = AskForAll({"a", "b c"}, 0);
  Greet();
  Say("#1 ERR busy lock=b%20c :held on this host");
  EXPECT_EQ(hold->error, REDLOCK_EBUSY);
  EXPECT_EQ(hold->text, "'b c': held on this host");
}

TEST_F(CoreSetTest, RefusesADaemonThatTakesOneAtATime) {
  const HoldPtr several = AskForAll({"a", "b"});
  const HoldPtr one = Ask("a");
  core_.Connected(now_);
  Say("* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b");
  EXPECT_EQ(several->error, REDLOCK_EPROTOCOL);
  EXPECT_EQ(several->text,
            "expected a redlockd that takes several names at once, found a greeting without the "
            "word 'set' in its caps");
  EXPECT_THAT(Sent(), ElementsAre("#1 lock a as=2")) << "which it can have";
  EXPECT_FALSE(core_.wants_close());
}

// The daemon would drop the line, with its tag, and nobody would be answered.
TEST_F(CoreSetTest, AsksForNoMoreThanALineHasRoomFor) {
  std::vector<std::string> names;
  for (char c = 'a'; c < 'a' + 16; ++c) names.emplace_back(255, c);
  const HoldPtr hold = AskForAll(names);
  Greet();
  EXPECT_EQ(hold->error, REDLOCK_ELINETOOLONG);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(CoreSetTest, IsStoppedAMarginBeforeTheFirstOfItsDeadlines) {
  const HoldPtr hold = HeldSet();
  Say(Event("RENEWED", "b", 8, 60 * kSecond));
  Pass(6 * kSecond - kMs);
  EXPECT_THAT(Heard(), IsEmpty());
  EXPECT_TRUE(hold->is_good);
  Pass(kMs);
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_JEOPARDY, "a"),  //
                                     Pair(REDLOCK_EVENT_STOP, "a")));
  EXPECT_FALSE(hold->is_good);
}

TEST_F(CoreSetTest, GoesOnWhileEachIsRenewed) {
  const HoldPtr hold = HeldSet();
  for (int i = 0; i < 3; ++i) {
    Pass(3 * kSecond);
    Say(Event("RENEWED", "a", 7, 9 * kSecond));
    Say(Event("RENEWED", "b", 8, 9 * kSecond));
    Say(Event("RENEWED", "c", 9, 9 * kSecond));
  }
  EXPECT_TRUE(hold->is_good);
  EXPECT_EQ(hold->Deadline(), now_ + 9 * kSecond);
}

TEST_F(CoreSetTest, IsInJeopardyFromTheFirstToTheLast) {
  const HoldPtr hold = HeldSet();
  Say(Event("JEOPARDY", "b", 8, 8 * kSecond));
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_JEOPARDY, "b")));
  Say(Event("JEOPARDY", "c", 9, 8 * kSecond));
  EXPECT_THAT(HeardOf(), IsEmpty()) << "it is already";
  Say(Event("SAFE", "b", 8, 20 * kSecond));
  EXPECT_THAT(HeardOf(), IsEmpty()) << "c is not safe";
  Say(Event("SAFE", "a", 7, 20 * kSecond));
  EXPECT_THAT(HeardOf(), IsEmpty()) << "it was safe";
  Say(Event("SAFE", "c", 9, 20 * kSecond));
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_SAFE, "c")));
}

// The holder may still work under the others.
TEST_F(CoreSetTest, IsLostWithOneAndKeepsTheOthersUntilTheRelease) {
  const HoldPtr hold = HeldSet();
  Say("* LOST lock=b as=1 fence=8 reason=expired");
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_STOP, "b"), Pair(REDLOCK_EVENT_LOST, "b")));
  EXPECT_FALSE(hold->IsValid());
  EXPECT_THAT(Sent(), ElementsAre("#2 unlock b fence=8 as=1"));
  Say("#2 ERR lost lock=b fence=8 reason=expired :x");
  EXPECT_EQ(Checked(hold)->reply.error, REDLOCK_ELOST) << "without asking";
  EXPECT_THAT(Sent(), IsEmpty());

  core_.Release(hold, true, now_);
  EXPECT_TRUE(hold->is_answered);
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
  EXPECT_EQ(hold->text, "expired");
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1", "#4 unlock c fence=9 as=1"));
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_EQ(core_.NextDue(), now_ + 5 * kSecond) << "of the heartbeat: nothing is left of the hold";
}

TEST_F(CoreSetTest, HearsOfOneLossAlone) {
  const HoldPtr hold = HeldSet();
  Say("* LOST lock=b as=1 fence=8 reason=max-hold");
  Heard();
  Sent();
  Say("* LOST lock=a as=1 fence=7 reason=max-hold");
  Say(Event("JEOPARDY", "c", 9, 8 * kSecond));
  Say("* DRAINING within=2s");
  EXPECT_THAT(HeardOf(), IsEmpty());
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1"));
  EXPECT_FALSE(core_.wants_close()) << "c is held still";
  core_.Release(hold, true, now_);
  EXPECT_THAT(Sent(), ElementsAre("#4 unlock c fence=9 as=1"));
}

// The daemon hangs. What it may count still is let go of at its own time, and then nothing is held.
TEST_F(CoreSetTest, EachIsOverAtItsDeadlineAlsoIfNobodyReleasesIt) {
  const HoldPtr hold = HeldSet();
  Pass(9 * kSecond - kMs);
  Heard();
  Sent();
  Pass(kMs);
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_LOST, "a")));
  EXPECT_EQ(hold->loss, "expired");
  EXPECT_THAT(Sent(), testing::Contains(testing::HasSubstr(" unlock a fence=7 as=1")));
  Pass(3 * kSecond);
  EXPECT_THAT(Sent(), testing::Contains(testing::HasSubstr(" unlock b fence=8 as=1")));
  EXPECT_FALSE(core_.wants_close()) << "c is held still";
  Pass(10 * kSecond);
  EXPECT_THAT(HeardOf(), IsEmpty());
  EXPECT_TRUE(core_.wants_close()) << "nothing is held of a daemon that hangs";
}

TEST_F(CoreSetTest, AReleaseReportsALossOfOneThatTheDaemonKnows) {
  const HoldPtr hold = HeldSet();
  core_.Release(hold, true, now_);
  Sent();
  Say("#2 OK lock=a fence=7");
  Say("#3 ERR lost lock=b fence=8 reason=max-hold :x");
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
  EXPECT_EQ(hold->text, "max-hold");
  Say("#4 OK lock=c fence=9");
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
}

TEST_F(CoreSetTest, AReleaseDoesNotWaitForLong) {
  const HoldPtr hold = HeldSet();
  core_.Release(hold, true, now_);
  Say("#2 OK lock=a fence=7");
  Pass(250 * kMs);
  EXPECT_TRUE(hold->is_answered);
  EXPECT_EQ(hold->error, REDLOCK_OK) << "no deadline has passed";
  Say("#3 OK lock=b fence=8");
  Say("#4 OK lock=c fence=9");
}

TEST_F(CoreSetTest, GivesAllOfAGrantBackThatCrossesTheCancel) {
  const HoldPtr hold = AskForAll({"a", "b"});
  Greet();
  Say(Row("1", "a", 7));
  Sent();
  core_.Cancel(hold);
  EXPECT_EQ(hold->error, REDLOCK_ECANCELLED);
  EXPECT_THAT(Sent(), ElementsAre("#2 cancel 1"));
  Say(Row("1", "b", 8));
  Say("#1 OK names=2 deadline=1 left=0s");
  Say("#2 ERR no-such-tag tag=1 :x");
  EXPECT_THAT(Sent(), ElementsAre("#3 unlock a fence=7 as=1", "#4 unlock b fence=8 as=1"));
  EXPECT_FALSE(hold->IsValid());
}

TEST_F(CoreSetTest, AsksTheNextDaemonForAllOfThem) {
  const HoldPtr hold = AskForAll({"a", "b"});
  Greet();
  Say(Row("1", "a", 7));
  Sent();
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  core_.Closed();
  Pass(kSecond);
  Greet();
  EXPECT_THAT(Sent(), ElementsAre("#2 lock a b events=renew as=1"));
  Say(Row("2", "a", 17));
  Say(Row("2", "b", 18));
  Say("#2 OK names=2");
  EXPECT_EQ(hold->error, REDLOCK_OK) << "the row of the old session is none of this grant";
  EXPECT_EQ(hold->locks[0].fence, 17U);
}

TEST_F(CoreSetTest, OutlivesTheDaemonUntilTheFirstDeadline) {
  const HoldPtr hold = HeldSet();
  core_.Ended(REDLOCK_ECLOSED, "gone", now_);
  core_.Closed();
  EXPECT_THAT(Heard(), ElementsAre(REDLOCK_EVENT_JEOPARDY));
  EXPECT_TRUE(hold->IsValid());
  Pass(9 * kSecond - kMs);
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_STOP, "a")));
  Pass(kMs);
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_LOST, "a")));
  EXPECT_EQ(hold->loss, "gone");
  EXPECT_EQ(core_.NextDue(), kNever);
  core_.Release(hold, true, now_);
  EXPECT_EQ(hold->error, REDLOCK_ELOST);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(CoreSetTest, KeepsTheSocketOfOneThatBreaksTheProtocolUntilTheLastDeadline) {
  const HoldPtr hold = HeldSet();
  Say("nonsense");
  EXPECT_EQ(core_.park_until(), now_ + 15 * kSecond);
}

TEST_F(CoreSetTest, IsToldOnceThatTheDaemonDrains) {
  HeldSet();
  Say("* DRAINING within=2s");
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_DRAINING, "a")));
}

TEST_F(CoreSetTest, ACheckIsOfAllOfThem) {
  const HoldPtr hold = HeldSet();
  const auto check = [&](const std::string& tag, const std::string& name, int fence) {
    return "#" + tag + " OK lock=" + name + " fence=" + Text(fence) +
           " deadline=" + Text(now_ + 20 * kSecond) + " left=20s";
  };
  const QueryPtr first = Checked(hold);
  EXPECT_THAT(Sent(), ElementsAre("#2 check a fence=7 as=1", "#3 check b fence=8 as=1",
                                  "#4 check c fence=9 as=1"));
  Say(check("2", "a", 7));
  Say(check("3", "b", 8));
  EXPECT_FALSE(first->is_answered);
  Say(check("4", "c", 9));
  EXPECT_TRUE(first->is_answered);
  EXPECT_EQ(first->reply.error, REDLOCK_OK);
  EXPECT_EQ(hold->Deadline(), now_ + 20 * kSecond);

  const QueryPtr second = Checked(hold);
  Say(check("5", "a", 7));
  Say("#6 ERR lost lock=b fence=8 reason=max-hold :gone");
  EXPECT_EQ(second->reply.error, REDLOCK_ELOST);
  EXPECT_THAT(HeardOf(), ElementsAre(Pair(REDLOCK_EVENT_STOP, "b"), Pair(REDLOCK_EVENT_LOST, "b")));
  Say(check("7", "c", 9));
  EXPECT_EQ(second->reply.error, REDLOCK_ELOST);
}

// The last reference to a hold dies where its functions may call the session.
TEST_F(CoreSetTest, LeavesWhatItGivesUpToTheDriver) {
  HoldPtr hold = HeldSet();
  QueryPtr check = Checked(hold);
  Say("#2 ERR lost lock=a fence=7 reason=max-hold :gone");
  core_.Release(hold, false, now_);
  core_.TakeNotices();
  core_.TakeGone();
  const std::weak_ptr<Hold> watched = std::exchange(hold, nullptr);
  check = nullptr;
  Say("#3 OK lock=b fence=8 deadline=9 left=0s");
  Say("#4 OK lock=c fence=9 deadline=9 left=0s");
  EXPECT_FALSE(watched.expired());
  core_.TakeGone();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace redlock::client
