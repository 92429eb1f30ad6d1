// The queue of daemons that want a lock (rules E2, E6, E8) in the scripts, on a real node: who is in
// it, and whose turn it is. Who is called: queue_calls_test.cc.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

// --- who enters (rules E6.2, E6.8) --------------------------------------------------------------

TEST_F(QueueTest, AnUncontendedFirstRoundLeavesNoEntry) {
  const auto answer = Ask(kA, Queueing::kIfRefused, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.place, 0u);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueTest, ARefusedFirstRoundEnters) {
  Acquire(kA);
  const auto answer = Ask(kB, Queueing::kIfRefused, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.place, 1u);
  EXPECT_EQ(StampOf(kInstanceB), kEarly);
  for (const std::string& key : {Queue(), Wait()}) {
    EXPECT_EQ(Number({"PTTL", key}), 1200) << "a daemon that died leaves nothing";
  }
}

TEST_F(QueueTest, ALaterRoundEntersWhateverComesOfIt) {
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
  EXPECT_EQ(StampOf(kInstance), kEarly) << "the vote does not take it out of the queue (E6.3)";
  Ask(kB, Queueing::kAlways, kLate);
  EXPECT_EQ(StampOf(kInstanceB), kLate);
}

TEST_F(QueueTest, AnEntryTakesTheStampThatIsGivenAndIsFreshAgain) {
  Acquire(kA, 2s);
  Enter(kInstanceB, kLate, Stale());
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(StampOf(kInstanceB), kEarly) << "what was left of another want does not count (G4)";
  EXPECT_EQ(EntryOf(kInstanceB).until, now_ + 600 * kMs);
  Ask(kB, Queueing::kAlways, kLate + 1);
  EXPECT_EQ(StampOf(kInstanceB), kLate + 1);
}

TEST_F(QueueTest, NumbersKeepTheirDigits) {
  Acquire(kA);
  Pass(7);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, now_).node_time, now_);
  EXPECT_EQ(Redis({"ZSCORE", Queue(), kInstanceB}), std::to_string(now_));
  EXPECT_EQ(Redis({"HGET", Wait(), kInstanceB}),
            std::to_string(now_ + 600'000) + " " + std::to_string(now_ + 150'000) + " 50000 1");
  Release(kA);  // calls it
  EXPECT_EQ(Redis({"HGET", Wait(), kInstanceB}),
            std::to_string(now_ + 150'000) + " " + std::to_string(now_ + 150'000) + " 50000 2");
  EXPECT_EQ(Ask(kA, Queueing::kNone).greatest, now_);
}

TEST_F(QueueTest, NeitherATryNorARoundPastTheQueueEnters) {
  Acquire(kA);
  EXPECT_EQ(Ask(kB, Queueing::kNone).verdict, Verdict::kBusy);
  EXPECT_EQ(Ask(kB, Queueing::kIgnore, kEarly).verdict, Verdict::kBusy);
  EXPECT_TRUE(IsNoQueue());
}

// --- how long an entry lives (rules E8.1, E8.2) -------------------------------------------------

TEST_F(QueueTest, TheNodeGivesAnEntryItsLifeByItsPlace) {
  const std::pair<int, NodeTime> lives[] = {
      {1, 600 * kMs},  {2, 600 * kMs},     {4, 600 * kMs},      {5, 750 * kMs},
      {8, 1200 * kMs}, {199, 29850 * kMs}, {200, 30 * kSecond}, {500, 30 * kSecond}};
  Acquire(kA, 2s);
  int others = 0;
  for (const auto& [place, life] : lives) {
    if (place > 1) EnterMany(place - 1, 1, Silent());
    others = place - 1;
    const auto answer = Ask(kB, Queueing::kAlways, kLate);
    EXPECT_EQ(answer.place, static_cast<std::uint32_t>(place));
    EXPECT_EQ(EntryOf(kInstanceB).until, now_ + life) << place;
    EXPECT_EQ(EntryOf(kInstanceB).at, now_ + kInterval + kGrace) << place;
  }
  EXPECT_EQ(Number({"ZCARD", Queue()}), others + 1);
}

TEST_F(QueueTest, AnEntryLivesNoLongerThanItsDaemonWants) {
  Acquire(kA, 2s);
  most_life_ = 125ms;
  Ask(kB, Queueing::kAlways, kEarly);
  EXPECT_EQ(EntryOf(kInstanceB).until, now_ + 125 * kMs);
  EXPECT_EQ(Number({"PTTL", Queue()}), 250);
  EXPECT_EQ(Number({"PTTL", Wait()}), 250);
}

// It is not passed over between its polls.
TEST_F(QueueTest, WhoHearsNoCallsHasUntilItsNextPoll) {
  const std::pair<int, NodeTime> polls[] = {
      {1, 100 * kMs}, {2, 100 * kMs}, {12, 300 * kMs}, {20, 500 * kMs}, {100, 500 * kMs}};
  Acquire(kA, 2s);
  hears_ = false;
  for (const auto& [place, poll] : polls) {
    if (place > 1) EnterMany(place - 1, 1, Silent());
    Ask(kB, Queueing::kAlways, kLate);
    EXPECT_EQ(EntryOf(kInstanceB).at, now_ + poll + kGrace) << place;
    EXPECT_EQ(EntryOf(kInstanceB).mode, 0);
  }
}

TEST_F(QueueTest, BothKeysOutliveEachEntryInThem) {
  const auto times = [&] { return Redis({"PTTL", Queue()}) + " " + Redis({"PTTL", Wait()}); };
  Acquire(kA, 2s);
  Ask(kB, Queueing::kAlways, kLate);  // for 600 ms
  EXPECT_EQ(times(), "1200 1200");
  EnterMany(99, 1, Silent());
  for (const std::string& key : {Queue(), Wait()}) Redis({"PEXPIRE", key, "14999"});
  Ask(kB, Queueing::kAlways, kLate);  // for 15 s
  EXPECT_EQ(times(), "30000 30000");
  Ask(kC, Queueing::kAlways, 1);  // for 600 ms
  EXPECT_EQ(times(), "30000 30000") << "a longer life of another is not cut short";
  for (const std::string& key : {Queue(), Wait()}) {
    Redis({"PERSIST", key});
    Ask(kC, Queueing::kAlways, 1);
    EXPECT_EQ(times(), "1200 1200") << "none is without";
  }
}

// --- a stand (rule E8.3) ------------------------------------------------------------------------

TEST_F(QueueTest, AStandRegistersAndLearnsWhetherItWouldGetTheLock) {
  auto answer = Ask(kA, Queueing::kStand, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kTurn);
  EXPECT_EQ(answer.place, 1u);
  EXPECT_EQ(answer.greatest, 0);
  EXPECT_EQ(StampOf(kInstance), kEarly);
  answer = Ask(kB, Queueing::kStand, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.text, kInstance);
  EXPECT_EQ(answer.place, 2u);
  EXPECT_EQ(answer.greatest, kEarly);
  EXPECT_EQ(StampOf(kInstanceB), kLate);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)");
  Ask(kA, Queueing::kAlways, kEarly);
  const std::string fence = StoredFence();
  answer = Ask(kB, Queueing::kStand, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.text, kA);
  EXPECT_EQ(answer.left, 2s);
  EXPECT_EQ(answer.place, 2u);
  EXPECT_EQ(Key(), kA);
  EXPECT_EQ(StoredFence(), fence);
}

TEST_F(QueueTest, AStandWithItsOwnKeyHasTheTurnAndLeavesTheKeyAsItIs) {
  Acquire(kB, 1s);
  for (const std::string& owner : {kB, kLaterB}) {
    EXPECT_EQ(Ask(owner, Queueing::kStand, kEarly).verdict, Verdict::kTurn);
    EXPECT_EQ(Key(), kB);
    EXPECT_EQ(Number({"PTTL", "app:job"}), 1000);
  }
}

TEST_F(QueueTest, OfSeveralLocksInOneCallEachHasItsPlace) {
  Acquire(kA);
  Enter(kInstanceC, kEarly);
  const auto answers = AcquireAll({OpOf(kB, Queueing::kIfRefused, kLate, "job"),
                                   OpOf(kB, Queueing::kStand, kLate, "other"),
                                   OpOf(kB, Queueing::kIfRefused, kLate, "free")});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].verdict, Verdict::kBusy);
  EXPECT_EQ(answers[0].place, 2u);
  EXPECT_EQ(answers[0].greatest, kEarly);
  EXPECT_EQ(answers[1].verdict, Verdict::kTurn);
  EXPECT_EQ(answers[1].place, 1u);
  EXPECT_EQ(answers[2].verdict, Verdict::kOk);
  EXPECT_EQ(answers[2].place, 0u);
}

// --- whose turn it is (rules E6.1, E6.2) --------------------------------------------------------

TEST_F(QueueTest, WhoHasTheEarlierStampGoesFirst) {
  Enter(kInstanceB, kEarly);
  const Fence stored = now_;
  StoreFence(stored);
  const auto refused = Ask(kA, Queueing::kIfRefused, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceB);
  EXPECT_EQ(refused.fence, stored);
  EXPECT_EQ(refused.place, 2u);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), std::to_string(stored));
  EXPECT_EQ(StampOf(kInstance), kLate) << "refused: it enters";
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
}

TEST_F(QueueTest, TheFirstGoesThoughOthersWait) {
  Enter(kInstanceB, kLate);
  EXPECT_EQ(Ask(kA, Queueing::kIfRefused, kEarly).verdict, Verdict::kOk);
  EXPECT_FALSE(HasEntry(kInstance));
}

TEST_F(QueueTest, TheStampThatIsGivenCountsWhateverItsEntrySays) {
  for (const Queueing queueing : {Queueing::kAlways, Queueing::kIfRefused}) {
    Enter(kInstance, kLate);
    Enter(kInstanceB, kLate - 1);
    EXPECT_EQ(Ask(kA, queueing, kEarly).verdict, Verdict::kOk);
    Do(engine::ReleaseOp{"job", kA, true});
    Enter(kInstance, kEarly);
    EXPECT_EQ(Ask(kA, queueing, kLate).verdict, Verdict::kNotTurn);
    Leave(kA);
  }
}

TEST_F(QueueTest, EqualStampsAreOrderedByInstance) {
  Enter(kInstanceB, kLate);
  Enter(kInstanceC, kLate);
  auto refused = Ask(kA, Queueing::kIfRefused, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceC);
  EXPECT_EQ(refused.place, 2u);
  EXPECT_EQ(Ask(kC, Queueing::kAlways, kLate).verdict, Verdict::kOk);
}

TEST_F(QueueTest, ATryIsRefusedWhereAnotherWaitsAndOnlyThere) {
  Enter(kInstance, kEarly);  // left over
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
  Release(kA);
  Enter(kInstanceB, kLate);
  const auto refused = Ask(kA, Queueing::kNone);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceB);
}

TEST_F(QueueTest, WhoIgnoresTheQueuePassesItAndHearsOfIt) {
  Enter(kInstanceB, kEarly);
  const auto answer = Ask(kA, Queueing::kIgnore);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.greatest, kEarly);
  EXPECT_EQ(EntryOf(kInstanceB), Silent()) << "nor is anybody called";
}

// Rule B3: a block is renewed, and C6: a lease is healed, though others wait.
TEST_F(QueueTest, ItsOwnKeyIsNotSubjectToTheQueue) {
  Acquire(kA);
  Enter(kInstanceB, kEarly);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
}

TEST_F(QueueTest, AnEarlierAttemptsKeyIsSubjectToTheQueue) {
  Acquire(kB);
  Enter(kInstance, kEarly);
  EXPECT_EQ(Ask(kLaterB, Queueing::kAlways, kLate).verdict, Verdict::kNotTurn);
  EXPECT_EQ(Key(), kB);
  EXPECT_EQ(Ask(kLaterB, Queueing::kIgnore).verdict, Verdict::kOk);
}

// --- what is no entry (rule E8.1) ---------------------------------------------------------------

TEST_F(QueueTest, WhatIsNotFreshIsDroppedFromBothWhenItIsFirst) {
  Enter(kInstanceB, kEarly, Stale());
  Enter(kInstanceC, now_ + 600 * kSecond + 1);  // too far ahead
  for (const std::string odd : {"", "1000", "1 2 3", "9e18 1 1 1", "-1 1 1 1", "9 9 9 3", "x"}) {
    Redis({"ZADD", Queue(), "5", "odd " + odd});
    Redis({"HSET", Wait(), "odd " + odd, odd});
  }
  Redis({"ZADD", Queue(), "6", "in one alone"});
  const auto answer = Ask(kA, Queueing::kNone);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.greatest, 0);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueTest, AStampOfTenMinutesAheadIsTheLastThatCounts) {
  Enter(kInstanceB, now_ + 600 * kSecond);
  EXPECT_EQ(Ask(kA, Queueing::kNone).greatest, now_ + 600 * kSecond);
  Enter(kInstanceC, now_ + 600 * kSecond + 1);
  EXPECT_EQ(Ask(kA, Queueing::kNone).greatest, now_ + 600 * kSecond);
}

TEST_F(QueueTest, AQueueThatLostItsHashOrAHashItsQueueHasNobodyIn) {
  Enter(kInstanceB, kEarly);
  Redis({"DEL", Wait()});
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
  EXPECT_TRUE(IsNoQueue());
  Release(kA);
  Enter(kInstanceB, kEarly);
  Redis({"DEL", Queue()});
  EXPECT_EQ(Ask(kA, Queueing::kStand, kLate).verdict, Verdict::kTurn);
  Enter(kInstance, kEarly);
  Redis({"DEL", Queue()});
  Redis({"ZADD", Queue(), "1", kInstanceC});  // without time to live
  EXPECT_EQ(Ask(kA, Queueing::kStand, kLate).verdict, Verdict::kTurn);
}

TEST_F(QueueTest, StaleEntriesFurtherBackStayUntilTheyAreFirst) {
  Enter(kInstanceB, kEarly);
  Enter("stale", kEarly + 1, Stale());
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).place, 3u);
  EXPECT_TRUE(HasEntry("stale"));
  Leave(kB);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).place, 1u);
  EXPECT_FALSE(HasEntry("stale"));
}

TEST_F(QueueTest, OneCallDropsSixtyFourAndTheNextCountsAsFresh) {
  EnterMany(70, 1, Stale());
  auto answer = Ask(kA, Queueing::kNone);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.text, Other(64));
  EXPECT_EQ(answer.left, 0s) << "it was not called";
  EXPECT_EQ(Number({"ZCARD", Queue()}), 6);
  EXPECT_EQ(Number({"HLEN", Wait()}), 6);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueTest, SeveralLocksInOneCallShareWhatItDrops) {
  for (const std::string lock : {"a", "b"}) EnterMany(40, 1, Stale(), lock);
  const auto answers =
      AcquireAll({OpOf(kA, Queueing::kNone, 0, "a"), OpOf(kA, Queueing::kNone, 0, "b")});
  EXPECT_EQ(answers[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers[1].verdict, Verdict::kNotTurn);
  EXPECT_EQ(Number({"ZCARD", Queue("b")}), 16);
}

TEST_F(QueueTest, ADeadDaemonIsOutOfTheQueueAfterTheLifeOfItsEntry) {
  Ask(kB, Queueing::kStand, kEarly);
  Pass(600 * kMs - 1);
  EXPECT_TRUE(Release(kA).wanted);
  Pass(1);
  EXPECT_FALSE(Release(kA).wanted);
  EXPECT_TRUE(IsNoQueue());
}

// --- greatest (rules E2, E6.1) ------------------------------------------------------------------

TEST_F(QueueTest, AcquireAndReleaseNameTheGreatestStampOfOthersRenewSaysThatThereIsOne) {
  Enter(kInstance, 9000);
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kLate);
  EXPECT_EQ(Ask(kA, Queueing::kNone).greatest, kLate);
  EXPECT_EQ(Ask(kA, Queueing::kIgnore).greatest, kLate);
  EXPECT_TRUE(Renew(kA).wanted);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).greatest, 9000) << "busy";
  EXPECT_EQ(Release(kA).greatest, kLate);
  EXPECT_EQ(Release(kA).greatest, kLate) << "and where there was nothing to release";
}

TEST_F(QueueTest, OnesOwnStampIsNotTheGreatestOfTheOthers) {
  Enter(kInstance, 9000);
  Enter(kInstanceB, kEarly);
  EXPECT_EQ(Ask(kA, Queueing::kIgnore).greatest, kEarly);
  Leave(kB);
  EnterMany(70, now_ + 601 * kSecond, Silent());  // too far ahead; the last that are left count
  EXPECT_EQ(Release(kA).greatest, 0);
  EXPECT_EQ(Number({"ZCARD", Queue()}), 7);
}

TEST_F(QueueTest, StaleOthersAreNoneThatWant) {
  Acquire(kA);
  Enter(kInstanceB, kEarly, Stale());
  EXPECT_FALSE(Renew(kA).wanted);
  EXPECT_TRUE(IsNoQueue());
  Enter(kInstanceB, kEarly, Stale());
  EXPECT_EQ(Ask(kA, Queueing::kIgnore).greatest, 0);
  Enter(kInstanceB, kEarly, Stale());
  EXPECT_FALSE(Release(kA).wanted);
}

TEST_F(QueueTest, AReleaseOfSeveralSaysOfEachWhetherItIsWantedAndOfAllTheGreatestStamp) {
  Acquire(kA);
  Do(engine::AcquireOp{"free", kA, 1s, 0});
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kLate, Silent(), "gone");
  auto answer = ReleaseAll({{"job", kA}, {"free", kA}, {"gone", kA}, {"none", kA}});
  EXPECT_EQ(answer.text, "OoNn");
  EXPECT_EQ(answer.greatest, kLate);
  answer = ReleaseAll({{"job", kA}, {"free", kA}});
  EXPECT_EQ(answer.text, "Nn");
  EXPECT_EQ(answer.greatest, kEarly);
}

// --- leaving (rule E6.3) ------------------------------------------------------------------------

TEST_F(QueueTest, OnlyAReleaseThatLeavesTakesItsOwnEntryAway) {
  Acquire(kA);
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Release(kA);
  EXPECT_TRUE(HasEntry(kInstance));
  Leave(kA);
  EXPECT_EQ(StampOf(kInstance), 0);
  EXPECT_EQ(At(kInstance), "");
  EXPECT_TRUE(HasEntry(kInstanceB));
  Leave(kB);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueTest, OneLeavesInQuarantineToo) {
  Enter(kInstance, kEarly);
  Do(engine::SuspectOp{});
  Leave(kA);
  EXPECT_TRUE(IsNoQueue());
}

}  // namespace
}  // namespace redlockd::redis
