// Who of those that wait for a lock is called, and what the holder hears (rules E5, E8.4 to E8.7,
// E8.11, E6.8), in the scripts on a real node. Calls ahead: queue_ahead_test.cc.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kWanted = "wanted app:job";

// --- when one is called (rule E8.4) -------------------------------------------------------------

TEST_F(QueueTest, AReleaseCallsTheFirst) {
  Acquire(kA);
  Enter(kInstanceB, kEarly);
  Release(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
  Release(kA);
  EXPECT_THAT(Hints(), IsEmpty()) << "it had nothing to release";
}

TEST_F(QueueTest, AReleaseOfSeveralCallsTheFirstOfEachAndLeavesWhereItIsTo) {
  Acquire(kA);
  Do(engine::AcquireOp{"other", kA, 1s, 0});
  for (const char* lock : {"job", "other"}) Enter(kInstance, kLate, Silent(), lock);
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kEarly, Silent(), "other");
  EXPECT_EQ(ReleaseAll({{"job", kA, true}, {"other", kA}}).text, "OO");
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, "free app:other"}));
  EXPECT_FALSE(HasEntry(kInstance));
  EXPECT_EQ(Redis({"HEXISTS", Wait("other"), kInstance}), "1");
}

TEST_F(QueueTest, AReleaseByWhoStaysAndIsFirstCallsNobody) {
  Acquire(kA);
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Release(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, AnEntryOfItsOwnThatIsNotFreshKeepsNobodyFromBeingCalled) {
  Acquire(kA);
  Enter(kInstance, kEarly, Stale());
  Enter(kInstanceB, kLate);
  Release(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
}

TEST_F(QueueTest, WhoLeavesTheQueueOfAFreeLockCallsTheFirst) {
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Leave(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
  Leave(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, WhoLeavesTheQueueOfAnothersLockCallsNobody) {
  Acquire(kC);
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Leave(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, WhatTheQueueRefusesCallsTheFirst) {
  for (const Queueing queueing :
       {Queueing::kNone, Queueing::kIfRefused, Queueing::kAlways, Queueing::kStand}) {
    Enter(kInstanceB, kEarly);
    EXPECT_EQ(Ask(kA, queueing, kLate).verdict, Verdict::kNotTurn);
    ASSERT_THAT(Hints(), testing::Contains(Hint{kInstanceB, kFree}));
    Leave(kA);
  }
}

// Its entry is left of an earlier want, and stands before the other's (rule E6.6).
TEST_F(QueueTest, ARefusalCallsTheFirstOtherThoughOnesOwnEntryIsBefore) {
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kNotTurn);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
  EXPECT_EQ(EntryOf(kInstance), Silent());
}

TEST_F(QueueTest, WhoIsRefusedAsTheLockIsAnothersCallsNobody) {
  Acquire(kA);
  Enter(kInstanceB, kEarly);
  Ask(kC, Queueing::kAlways, kLate);
  EXPECT_THAT(Hints(), IsEmpty());
  EXPECT_EQ(EntryOf(kInstanceB), Silent());
}

// --- what a call does ---------------------------------------------------------------------------

TEST_F(QueueTest, OneThatWasSilentForLongHasItsOwnGrace) {
  Entry far = Silent();
  far.grace = 400 * kMs;
  Enter(kInstanceB, kEarly, far);
  const auto refused = Ask(kA, Queueing::kAlways, kLate);  // with a shorter grace
  EXPECT_EQ(refused.left, 400ms);
  far.until = now_ + 400 * kMs;
  EXPECT_EQ(EntryOf(kInstanceB), With(far, 2));
}

TEST_F(QueueTest, OneThatCameOfLateIsNotPassedOverBeforeItsNextPollAndItsGrace) {
  Ask(kB, Queueing::kStand, kEarly);
  const Entry came = EntryOf(kInstanceB);
  Pass(10 * kMs);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).left, 140ms);
  EXPECT_EQ(EntryOf(kInstanceB), (Entry{came.at, came.at, kGrace, 2}));
  Pass(140 * kMs - 1);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kNotTurn);
  Pass(1);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
}

TEST_F(QueueTest, ACallNeverLengthensAnEntrysLife) {
  Entry short_lived = Silent();
  short_lived.until = now_ + 20 * kMs;
  Enter(kInstanceB, kEarly, short_lived);
  EXPECT_EQ(Ask(kA, Queueing::kNone).left, 20ms);
  EXPECT_EQ(EntryOf(kInstanceB), With(short_lived, 2));
}

TEST_F(QueueTest, OneIsCalledOnceUntilItRegistersAgain) {
  Enter(kInstanceB, kEarly);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
  const Entry called = EntryOf(kInstanceB);
  Pass(10 * kMs);
  EXPECT_EQ(Ask(kA, Queueing::kNone).left, 40ms) << "what is left of its grace";
  EXPECT_EQ(EntryOf(kInstanceB), called);
  EXPECT_THAT(Hints(), IsEmpty());
  Ask(kB, Queueing::kStand, kEarly);
  EXPECT_EQ(EntryOf(kInstanceB).mode, 1);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
}

// Rule E8.5.
TEST_F(QueueTest, OneThatWasPassedOverComesBackWithItsStampAndIsFirstAgain) {
  Ask(kB, Queueing::kStand, kEarly);
  Ask(kA, Queueing::kAlways, kLate);
  Pass(kInterval + kGrace);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk) << "B is passed over";
  EXPECT_FALSE(HasEntry(kInstanceB));
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).place, 1u);
  Release(kA);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).text, kInstanceB);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
}

// --- who does not hear it (rule E8.6) -----------------------------------------------------------

TEST_F(QueueTest, OneThatDoesNotHearItIsDroppedAndTheNextIsCalled) {
  Acquire(kA);
  Deafen(kInstanceB);
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kLate);
  Release(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceC, kFree}));
  EXPECT_EQ(StampOf(kInstanceB), 0);
  EXPECT_EQ(At(kInstanceB), "");
  EXPECT_EQ(EntryOf(kInstanceC).mode, 2);
}

TEST_F(QueueTest, ARefusalNamesTheOneThatHears) {
  Deafen(kInstanceB);
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kEarly + 1);
  const auto refused = Ask(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceC);
  EXPECT_EQ(refused.left, 50ms);
}

TEST_F(QueueTest, ThePlaceIsThatAfterTheDeadAreDropped) {
  Deafen(kInstanceB);
  Enter(kInstanceB, kEarly);
  Enter("other", kEarly + 1);  // nobody listens there either
  Enter(kInstanceC, kEarly + 2);
  const auto refused = Ask(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.place, 2);
}

TEST_F(QueueTest, WhereNoneBeforeItHearsItItIsTheAskersTurn) {
  Deafen(kInstanceB);
  for (const Queueing queueing : {Queueing::kNone, Queueing::kIfRefused, Queueing::kAlways}) {
    Enter(kInstanceB, kEarly);
    const auto answer = Ask(kA, queueing, kLate);
    EXPECT_EQ(answer.verdict, Verdict::kOk);
    EXPECT_EQ(answer.greatest, 0);
    EXPECT_FALSE(HasEntry(kInstanceB));
    Leave(kA);
  }
  Enter(kInstanceB, kEarly);
  EXPECT_EQ(Ask(kA, Queueing::kStand, kLate).verdict, Verdict::kTurn);
}

TEST_F(QueueTest, OneThatNeverHearsCallsIsNotDroppedForThat) {
  Deafen(kInstanceB);
  Enter(kInstanceB, kEarly, With(Silent(), 0));
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kNotTurn);
  EXPECT_EQ(EntryOf(kInstanceB).mode, 2);
  EXPECT_EQ(EntryOf(kInstanceB).until, now_ + kGrace);
}

TEST_F(QueueTest, ANodeThatRefusesToPublishVotesAllTheSameAndDropsNobody) {
  Acquire(kA);
  Redis({"ACL", "SETUSER", "default", "-publish"});
  EXPECT_EQ(Ask(kB, Queueing::kIfRefused, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(EntryOf(kInstanceB).mode, 2);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
}

TEST_F(QueueTest, OneCallDropsNoMoreThanSixtyFourThatDoNotHear) {
  EnterMany(70, 1, Silent());
  const auto refused = Ask(kA, Queueing::kNone);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, Other(64));
  EXPECT_EQ(refused.left, 0s) << "it was not called";
  EXPECT_EQ(Number({"ZCARD", Queue()}), 6);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
}

// --- who is next (rule E8.7) --------------------------------------------------------------------

TEST_F(QueueTest, TheFirstThatIsNotCalledHearsWhenTheTimeOfTheCalledIsOver) {
  Enter("called", kEarly - 1, With(Silent(), 1));
  Listen("called");
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kLate);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{"called", kFree}, Hint{kInstanceB, Next(kGrace)}));
  EXPECT_EQ(EntryOf(kInstanceB), Silent()) << "it is not called";
  Pass(kMs);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), IsEmpty()) << "with a call alone";
}

TEST_F(QueueTest, WhoAsksIsNotNextToItself) {
  Enter(kInstanceB, kEarly);
  Enter(kInstance, kEarly + 1);
  Enter(kInstanceC, kLate);
  Ask(kA, Queueing::kAlways, kEarly + 1);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, Next(kGrace)}));
}

// --- what the holder hears (rule E8.11) ---------------------------------------------------------

TEST_F(QueueTest, TheHoldersDaemonHearsOfTheFirstOneThatIsRefused) {
  Acquire(kA);
  Ask(kB, Queueing::kIfRefused, kEarly);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, kWanted}));
  Ask(kC, Queueing::kIfRefused, kLate);
  EXPECT_THAT(Hints(), IsEmpty()) << "it is not the first";
  Ask(kB, Queueing::kStand, kEarly);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, kWanted}));
}

TEST_F(QueueTest, TheEntryOfTheHoldersOwnDaemonIsLeftOut) {
  Acquire(kA);
  Enter(kInstance, kEarly);
  Ask(kB, Queueing::kAlways, kEarly + 1);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, kWanted}));
  Ask(kC, Queueing::kAlways, kLate);
  EXPECT_THAT(Hints(), IsEmpty());
  Enter("before", kEarly - 1);
  Ask(kB, Queueing::kAlways, kEarly + 1);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, TheHoldersDaemonHearsOfATryThoughOthersAreBeforeIt) {
  Acquire(kA);
  Enter(kInstanceC, kEarly);
  Ask(kB, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, kWanted}));
  Ask(kB, Queueing::kIgnore);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, NobodyHearsOfAPlainClientsKeyOrOnesOwn) {
  Redis({"SET", "app:job", kInstanceC});
  Ask(kB, Queueing::kIfRefused, kEarly);
  Redis({"SET", "app:job", kLaterB});
  EXPECT_EQ(Ask(kB, Queueing::kNone).verdict, Verdict::kBusy);
  EXPECT_THAT(Hints(), IsEmpty());
}

// --- a try (rule E6.8) ------------------------------------------------------------------

TEST_F(QueueTest, ATryIsRefusedForADeadDaemonsEntryNoLongerThanItsGrace) {
  Enter(kInstanceB, kEarly);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kNotTurn);
  Pass(kGrace - 1);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kNotTurn);
  Pass(1);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
}

}  // namespace
}  // namespace redlockd::redis
