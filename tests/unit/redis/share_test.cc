// What a node does with those who share a lock (rules F1-F4, F6-F8), in the scripts on a real node.
#include "daemon/engine/owner_value.h"
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const std::string kShared(engine::kSharedValue);

class ShareTest : public QueueTest {
 protected:
  engine::ShareOp OpOf(const std::string& owner, Queueing queueing = Queueing::kNone,
                       Stamp stamp = 0) {
    engine::ShareOp op{.lock = "job", .owner = owner, .ttl = 1s, .proposal = now_};
    op.queueing = queueing;
    op.stamp = stamp;
    op.grace = 50ms;
    return op;
  }
  NodeAnswer Share(const std::string& owner, Queueing queueing = Queueing::kNone, Stamp stamp = 0) {
    return Do(OpOf(owner, queueing, stamp));
  }
  NodeAnswer ShareFor(const std::string& owner, engine::Duration ttl) {
    engine::ShareOp op = OpOf(owner, Queueing::kIgnore);
    op.ttl = ttl;
    return Do(op);
  }
  NodeAnswer Raise(const std::string& owner, Fence fence) {
    return Do(engine::RaiseOp{"job", owner, fence});
  }
  // What a daemon does once it shares the lock, or wants it no more: it leaves the queue.
  NodeAnswer LeaveQueue(const std::string& instance) { return Leave(instance + ":0:host"); }

  static std::string Shares() { return "redlockd:shares:app:job"; }
  // Until when; 0: not at all.
  NodeTime Until(const std::string& owner) {
    const std::string score = Redis({"ZSCORE", Shares(), owner});
    return score == "(nil)" ? 0 : std::stoll(score);
  }
  void EnterShared(const std::string& instance, Stamp stamp, const Entry& entry) {
    Enter(instance, stamp, entry);
    Redis({"HSET", Wait(), instance, At(instance) + " s"});
  }
  void EnterShared(const std::string& instance, Stamp stamp) {
    EnterShared(instance, stamp, Silent());
  }
};

// --- the key and its members --------------------------------------------------------------------

TEST_F(ShareTest, SeveralShareAFreeLock) {
  EXPECT_EQ(Share(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Share(kB).verdict, Verdict::kOk);
  EXPECT_EQ(Key(), kShared);
  EXPECT_EQ(Until(kA), now_ + kSecond);
  EXPECT_EQ(Until(kB), now_ + kSecond);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 1000);
  EXPECT_EQ(Number({"PTTL", Shares()}), 1000);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(ShareTest, NobodyElseHasItForHimself) {
  Share(kA);
  const auto answer = Acquire(kB);
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.text, kShared);
  EXPECT_EQ(answer.left, 1s);
  EXPECT_EQ(Redis({"SET", "app:job", "plain", "NX", "PX", "1000"}), "(nil)")
      << "as plain clients do";
  EXPECT_EQ(Acquire(kLaterA).verdict, Verdict::kBusy) << "not even who shares it";
  EXPECT_EQ(Do(engine::ClaimOp{.names = {{"job", kB, 0}}, .ttl = 1s}).verdict, Verdict::kBusy);
}

TEST_F(ShareTest, WhatAnotherHasIsNotShared) {
  Acquire(kB);
  const auto answer = Share(kA);
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.text, kB);
  EXPECT_EQ(answer.left, 1s);
  EXPECT_EQ(std::to_string(answer.fence), StoredFence());
  EXPECT_EQ(Key(), kB);
  EXPECT_EQ(Until(kA), 0);
  for (const std::string& value : {std::string("plain"), "redlockd:kept:" + kEarlierA}) {
    Redis({"SET", "app:job", value});
    EXPECT_EQ(Share(kA).verdict, Verdict::kBusy) << value;
  }
  Redis({"DEL", "app:job"});
  Redis({"RPUSH", "app:job", "x"});
  EXPECT_EQ(Share(kA).text, "(a list)");
}

TEST_F(ShareTest, TheKeyLastsAsLongAsTheLastWhoSharesIt) {
  ShareFor(kA, 2s);
  ShareFor(kB, 500ms);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 500) << "nobody waits for one who has let go";
  EXPECT_EQ(Number({"PTTL", Shares()}), 500);
  EXPECT_EQ(Until(kA), 0);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Release(kB).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"EXISTS", "app:job", Shares()}), "0");
  EXPECT_EQ(Acquire(kC).verdict, Verdict::kOk);
}

TEST_F(ShareTest, TheLastWhoseTimeIsNotOverKeepsIt) {
  ShareFor(kA, 100ms);
  ShareFor(kB, 2s);
  Pass(200 * kMs);
  EXPECT_EQ(Release(kB).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"EXISTS", "app:job", Shares()}), "0") << "one that is over keeps nothing";
}

TEST_F(ShareTest, AskedForAgainItDoesNotEndSooner) {
  ShareFor(kA, 2s);
  EXPECT_EQ(ShareFor(kA, 1s).verdict, Verdict::kOk);
  EXPECT_EQ(Until(kA), now_ + 2 * kSecond);
  EXPECT_EQ(Renew(kA, 1s).verdict, Verdict::kOk);
  EXPECT_EQ(Until(kA), now_ + 2 * kSecond);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
}

TEST_F(ShareTest, ThoseWhoAreOverAreDropped) {
  ShareFor(kA, 100ms);
  ShareFor(kB, 2s);
  Pass(100 * kMs);
  ShareFor(kC, 1s);
  EXPECT_EQ(Redis({"EXISTS", Shares()}), "1");
  EXPECT_EQ(Until(kA), 0);
  EXPECT_NE(Until(kB), 0);
}

TEST_F(ShareTest, MembersOfALockThatWasFreeSinceCountForNothing) {
  ShareFor(kA, 2s);
  Redis({"DEL", "app:job"});
  EXPECT_EQ(Renew(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Acquire(kB).verdict, Verdict::kOk);
  EXPECT_EQ(Renew(kA).verdict, Verdict::kNotOwner) << "they count while the key says so alone";
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Raise(kA, now_).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Key(), kB);
  Release(kB);
  Share(kC);
  EXPECT_EQ(Until(kA), 0);
}

TEST_F(ShareTest, EachIsRenewedByItself) {
  ShareFor(kA, 1s);
  ShareFor(kB, 1s);
  Pass(500 * kMs);
  EXPECT_EQ(Renew(kA, 2s).verdict, Verdict::kOk);
  EXPECT_EQ(Until(kA), now_ + 2 * kSecond);
  EXPECT_EQ(Until(kB), now_ + kSecond / 2);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  Pass(500 * kMs);
  EXPECT_EQ(Renew(kB).verdict, Verdict::kNotOwner)
      << "its time is over, though others share the lock";
  EXPECT_EQ(Renew(kC).verdict, Verdict::kNotOwner);
}

TEST_F(ShareTest, ARenewalKeepsTheFenceAlive) {
  ShareFor(kA, 2s);
  Redis({"PEXPIRE", "redlockd:fence:app:job", "1000"});
  Renew(kA);
  EXPECT_EQ(Number({"PTTL", "redlockd:fence:app:job"}), 20000);
}

TEST_F(ShareTest, AnEarlierAttemptOfItsDaemonIsNoObstacle) {
  Acquire(kEarlierA);
  EXPECT_EQ(Share(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Key(), kShared);
  EXPECT_EQ(Renew(kEarlierA).verdict, Verdict::kNotOwner);
}

TEST_F(ShareTest, AnOwnLockBecomesASharedOneWithItsTime) {
  Do(engine::AcquireOp{"job", kA, 2s, 0});
  const std::string fence = StoredFence();
  Enter(kInstanceB, kEarly);
  const auto answer = ShareFor(kA, 1s);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(std::to_string(answer.fence), fence) << "it draws none";
  EXPECT_EQ(StoredFence(), fence);
  EXPECT_EQ(Until(kA), now_ + 2 * kSecond) << "what was promised";
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  EXPECT_EQ(Share(kC, Queueing::kIgnore).verdict, Verdict::kOk);
}

TEST_F(ShareTest, ANodeInQuarantineLetsNobodyShareButLetGo) {
  ShareFor(kA, 2s);
  Do(engine::SuspectOp{});
  EXPECT_EQ(Share(kB).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Raise(kA, now_).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Renew(kA).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
}

TEST_F(ShareTest, AStrangersKeyInThePlaceOfTheMembersHoldsNobodyUpElse) {
  ShareFor(kA, 2s);
  Redis({"DEL", Shares()});
  Redis({"SET", Shares(), "x", "PX", "5000"});
  EXPECT_EQ(ReleaseAll({{"job", kA}, {"other", kA}}).text, "nn");
  EXPECT_EQ(RenewAll({{"job", kA, 1s}, {"other", kA, 1s}}).text, "nn");
  EXPECT_EQ(Acquire(kB).verdict, Verdict::kBusy);
}

TEST_F(ShareTest, AFullNodeRenewsThoseWhoShareItAndLetsNobodyJoin) {
  ShareFor(kA, 1s);
  ShareFor(kB, 1s);
  Pass(500 * kMs);
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(RenewAll({{"job", kA, 2s}}).text, "o");
  EXPECT_EQ(Until(kA), now_ + 2 * kSecond);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  EXPECT_EQ(Number({"PTTL", Shares()}), 2000);
  EXPECT_EQ(RenewAll({{"job", kB, 1s}}).text, "o") << "the key need not last longer for it";
  EXPECT_EQ(Until(kB), now_ + kSecond);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  EXPECT_EQ(Share(kC).verdict, Verdict::kError);
  EXPECT_EQ(Until(kC), 0);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 1000);
  Redis({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(ShareTest, OneWhoCannotBeWrittenIsNoStrangerAndTheOthersAreRenewed) {
  ShareFor(kA, 1s);
  Do(engine::AcquireOp{"other", kB, 1s, 0});
  Redis({"ACL", "SETUSER", "default", "-zadd"});
  EXPECT_EQ(RenewAll({{"job", kA, 2s}, {"other", kB, 2s}}).text, "eo");
  EXPECT_EQ(Renew(kA).verdict, Verdict::kError);
  EXPECT_EQ(Until(kA), now_ + kSecond);
  EXPECT_EQ(Number({"PTTL", "app:other"}), 2000);
}

// --- fences (rule F8) ---------------------------------------------------------------------------

TEST_F(ShareTest, AllHaveTheLastFenceThatWasGivenOut) {
  StoreFence(now_ + 7);
  EXPECT_EQ(Share(kA).fence, now_ + 7);
  EXPECT_EQ(Share(kB).fence, now_ + 7);
  EXPECT_EQ(StoredFence(), std::to_string(now_ + 7));
  Release(kA);
  Release(kB);
  EXPECT_EQ(Acquire(kC).fence, now_ + 8) << "who has it for himself is after them";
}

TEST_F(ShareTest, WhereNoneIsStoredTheProposalIs) {
  struct Row {
    const char* what;
    Fence proposal, fence;
  };
  for (const Row& row : {Row{"a good one", now_ + 3, now_ + 3},
                         Row{"of a slow clock", now_ - kSecond, now_ - kSecond / 2},
                         Row{"of a fast clock", now_ + kSecond, now_ + kSecond / 2}}) {
    Redis({"DEL", "redlockd:fence:app:job"});
    engine::ShareOp op = OpOf(kA);
    op.proposal = row.proposal;
    EXPECT_EQ(Do(op).fence, row.fence) << row.what;
    EXPECT_EQ(StoredFence(), std::to_string(row.fence)) << row.what;
  }
}

TEST_F(ShareTest, AFenceThatIsNoneIsAnErrorAndTakesNothing) {
  Redis({"SET", "redlockd:fence:app:job", "none"});
  EXPECT_EQ(Share(kA).verdict, Verdict::kError);
  EXPECT_EQ(Redis({"EXISTS", "app:job", Shares()}), "0");
}

TEST_F(ShareTest, OneWhoSharesItRaisesTheFence) {
  StoreFence(now_);
  Share(kA);
  EXPECT_EQ(Raise(kA, now_ + 5).verdict, Verdict::kOk);
  EXPECT_EQ(StoredFence(), std::to_string(now_ + 5));
  EXPECT_EQ(Raise(kA, now_ + 2).verdict, Verdict::kOk) << "a greater one is as good";
  EXPECT_EQ(StoredFence(), std::to_string(now_ + 5));
  EXPECT_EQ(Raise(kA, now_ + kSecond / 2 + 1).verdict, Verdict::kSkew);
  EXPECT_EQ(Raise(kB, now_ + 5).verdict, Verdict::kNotOwner);
  Redis({"DEL", "redlockd:fence:app:job"});
  EXPECT_EQ(Raise(kA, now_ + 5).verdict, Verdict::kPassed) << "how great it was is not known";
  EXPECT_EQ(StoredFence(), "(nil)");
}

TEST_F(ShareTest, OneWhoHasTheLockForHimselfRaisesNothing) {
  Acquire(kA);
  EXPECT_EQ(Raise(kA, now_ + 5).verdict, Verdict::kNotOwner);
}

TEST_F(ShareTest, OneWhoseTimeIsOverRaisesNothing) {
  ShareFor(kA, 100ms);
  ShareFor(kB, 2s);
  Pass(100 * kMs);
  EXPECT_EQ(Raise(kA, now_).verdict, Verdict::kNotOwner);
}

// --- the queue (rules F6, F7) -------------------------------------------------------------------

TEST_F(ShareTest, OneWhoWaitsToHaveItForHimselfIsNotPassed) {
  Share(kC);
  Enter(kInstanceB, kEarly);
  const auto answer = Share(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.text, kInstanceB);
  EXPECT_EQ(answer.place, 2u);
  EXPECT_EQ(answer.greatest, kEarly);
  EXPECT_EQ(Share(kA).verdict, Verdict::kNotTurn) << "nor by a try";
  EXPECT_EQ(Share(kA, Queueing::kIgnore).verdict, Verdict::kOk);
  Release(kA);
  EXPECT_EQ(Share(kA, Queueing::kAlways, kEarly - 1).verdict, Verdict::kOk) << "it came first";
}

TEST_F(ShareTest, ThoseWhoWaitToShareItGetInTogether) {
  EnterShared(kInstanceB, kEarly);
  EnterShared(kInstanceC, kEarly + 1);
  EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
  EXPECT_EQ(At(kInstance).substr(At(kInstance).size() - 2), " s");
  EXPECT_EQ(Ask(kInstance + ":9:host-a", Queueing::kAlways, kLate).verdict, Verdict::kBusy);
  EXPECT_NE(At(kInstance).substr(At(kInstance).size() - 2), " s") << "a want of another kind";
}

TEST_F(ShareTest, WhoWantsItForHimselfPassesNobody) {
  EnterShared(kInstanceB, kEarly);
  const auto answer = Ask(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.text, kInstanceB);
}

TEST_F(ShareTest, OneBehindOthersWhoShareFindsWhoIsInTheWay) {
  for (const int readers : {1, 5, 62}) {
    SCOPED_TRACE(readers);
    Redis({"DEL", Queue(), Wait()});
    for (int i = 0; i < readers; ++i) EnterShared(Other(i), kEarly + i, With(Silent(), 0));
    EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
    Do(engine::ReleaseOp{"job", kA, true});
    Enter(kInstanceB, kEarly + readers);
    const auto answer = Share(kA, Queueing::kAlways, kLate);
    EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
    EXPECT_EQ(answer.text, kInstanceB);
  }
}

TEST_F(ShareTest, SoManyThatNotAllAreLookedAtLetNobodyPass) {
  for (int i = 0; i < 64; ++i) EnterShared(Other(i), kEarly + i, With(Silent(), 0));
  EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kNotTurn);
  EXPECT_EQ(Share(kB, Queueing::kAlways, kEarly).verdict, Verdict::kOk) << "it is before most";
  LeaveQueue(Other(3));
  EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kNotTurn);
  LeaveQueue(kInstanceB);
  EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
}

TEST_F(ShareTest, ItsOwnEntryIsInNobodysWayOfItsDaemon) {
  for (int i = 0; i < 63; ++i) EnterShared(Other(i), kEarly + i, With(Silent(), 0));
  EnterShared(kInstance, kEarly + 63);
  EXPECT_EQ(Share(kA).verdict, Verdict::kOk);
  Release(kA);
  EXPECT_EQ(Share(kA, Queueing::kIfRefused, kLate).verdict, Verdict::kOk);
  Release(kA);
  EnterShared(kInstanceC, kEarly + 64);
  EXPECT_EQ(Share(kA, Queueing::kIfRefused, kLate).text, kInstanceC) << "it may not be the last";
  Enter(kInstanceC, kEarly + 64);
  EnterShared(kInstance, kEarly + 63);
  EXPECT_EQ(Share(kA, Queueing::kIfRefused, kLate).text, kInstanceC);
}

TEST_F(ShareTest, AStandLearnsWhetherItMightShareIt) {
  Share(kC);
  EXPECT_EQ(Share(kA, Queueing::kStand, kLate).verdict, Verdict::kTurn);
  EXPECT_EQ(Until(kA), 0);
  EXPECT_TRUE(HasEntry(kInstance));
  Enter(kInstanceB, kEarly);
  EXPECT_EQ(Share(kA, Queueing::kStand, kLate).verdict, Verdict::kNotTurn);
}

TEST_F(ShareTest, AFirstRoundIsEnteredWhereItIsRefused) {
  EXPECT_EQ(Share(kA, Queueing::kIfRefused, kEarly).verdict, Verdict::kOk);
  EXPECT_TRUE(IsNoQueue());
  Release(kA);
  Acquire(kB);
  EXPECT_EQ(Share(kA, Queueing::kIfRefused, kEarly).place, 1u);
  EXPECT_TRUE(HasEntry(kInstance));
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, "wanted app:job"}));
}

TEST_F(ShareTest, ALockThatGetsFreeIsForAllWhoWaitToShareItBeforeTheNextOther) {
  Acquire(kA);
  EnterShared(kInstanceB, kEarly);
  EnterShared(kInstanceC, kEarly + 1);
  Enter("end", kEarly + 2, With(Silent(), 0));
  EnterShared(kInstance, kEarly + 3);
  Release(kA);
  EXPECT_THAT(Hints(), UnorderedElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, kFree}));
  const std::string called = At(kInstanceC);
  EXPECT_EQ(called.substr(called.size() - 4), " 2 s") << "it is called, and still one who shares";
}

TEST_F(ShareTest, SixteenAreCalledAndTheRestWhenTheseLeave) {
  Acquire(kA);
  for (int i = 0; i < 20; ++i) EnterShared(Other(i), kEarly + i, With(Silent(), 0));
  const auto called = [this] {
    int count = 0;
    for (int i = 0; i < 20; ++i) count += EntryOf(Other(i)).mode == 2 ? 1 : 0;
    return count;
  };
  Release(kA);
  EXPECT_EQ(called(), 16);
  Share("other0:1:h", Queueing::kAlways, kEarly);
  LeaveQueue("other0");
  EXPECT_EQ(called(), 19) << "those that are left";
}

TEST_F(ShareTest, OneWhoDoesNotHearIsDroppedAndTheNextIsCalled) {
  Acquire(kA);
  EnterShared(kInstanceB, kEarly);
  EnterShared("deaf", kEarly + 1);
  EnterShared(kInstanceC, kEarly + 2);
  Release(kA);
  EXPECT_THAT(Hints(), UnorderedElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, kFree}));
  EXPECT_FALSE(HasEntry("deaf"));
}

TEST_F(ShareTest, WhoGivesUpLetsThoseBehindHimShareIt) {
  Share(kA);
  Enter(kInstanceB, kEarly);
  EnterShared(kInstanceC, kLate);
  LeaveQueue(kInstanceB);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceC, kFree}));
}

TEST_F(ShareTest, NobodyIsCalledWhoMayNotComeIn) {
  Share(kA);
  Share(kC);
  EnterShared("reader", kEarly, With(Silent(), 0));
  Enter(kInstanceB, kLate);
  LeaveQueue("reader");
  Release(kC);
  EXPECT_THAT(Hints(), IsEmpty()) << "another shares it still";
  Release(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}));
}

TEST_F(ShareTest, OneWhoIsRefusedCallsNobodyWhoMayNotComeIn) {
  Share(kC);
  Enter(kInstanceB, kEarly);
  const auto answer = Share(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.text, kInstanceB);
  EXPECT_EQ(answer.left, 0s) << "it was not called";
  EXPECT_THAT(Hints(), IsEmpty());
  EXPECT_EQ(EntryOf(kInstanceB), Silent());
  Redis({"DEL", "app:job"});
  Share(kA, Queueing::kAlways, kLate);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree})) << "as nobody shares it any more";
}

TEST_F(ShareTest, WhoeverIsCalledWhileOthersShareItSharesIt) {
  Share(kA);
  Redis({"HSET", Wait(), "ahead", "4"});
  Enter("leaver", kEarly - 1);
  EnterShared("deaf", kEarly);
  EnterShared(kInstanceC, kEarly + 1);
  Enter(kInstanceB, kEarly + 2);
  LeaveQueue("leaver");
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceC, kFree}));
  EXPECT_FALSE(HasEntry("deaf"));
  LeaveQueue(kInstanceC);
  EnterShared("deaf", kEarly);
  EXPECT_EQ(Share("reader:1:h", Queueing::kNone).text, kInstanceB);
  EXPECT_FALSE(HasEntry("deaf"));
  Do(engine::BreakOp{"job", kA, true});
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}, Hint{kInstance, "broken 5 app:job"}));
}

TEST_F(ShareTest, ThoseWhoShareItAreToldThatItIsWanted) {
  Share(kA);
  Share(kB);
  Ask(kC, Queueing::kAlways, kEarly);
  EXPECT_THAT(Hints(), UnorderedElementsAre(Hint{kInstance, "wanted app:job"},
                                            Hint{kInstanceB, "wanted app:job"}));
  Ask("later:1:h", Queueing::kAlways, kLate);
  EXPECT_THAT(Hints(), IsEmpty()) << "they know";
  Ask("trier:1:h", Queueing::kNone);
  EXPECT_EQ(Hints().size(), 2u) << "a try is in no queue";
}

TEST_F(ShareTest, ARenewalTellsOfThoseWhoMayNotShareIt) {
  Share(kA);
  EnterShared(kInstanceB, kEarly);
  EXPECT_FALSE(Renew(kA).wanted);
  Enter(kInstanceC, kLate);
  EXPECT_TRUE(Renew(kA).wanted);
  const auto answer = Release(kA);
  EXPECT_TRUE(answer.wanted) << "by anybody: stamps come after all of them";
  EXPECT_EQ(answer.greatest, kLate);
}

TEST_F(ShareTest, ARenewalSaysNothingOfThoseWhoAreNotLookedAt) {
  Share(kA);
  for (int i = 0; i < 70; ++i) EnterShared(Other(i), kEarly + i);
  EXPECT_FALSE(Renew(kA).wanted);
  Enter(Other(63), kEarly + 63);
  EXPECT_TRUE(Renew(kA).wanted);
}

TEST_F(ShareTest, ADeadOneIsOutOfTheWayOfThoseWhoShare) {
  Share(kC);
  Enter(kInstanceB, kEarly, Stale());
  EXPECT_EQ(Share(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
  EXPECT_FALSE(HasEntry(kInstanceB));
}

TEST_F(ShareTest, AnEntryOfAnUnknownKindIsNone) {
  Enter(kInstanceB, kEarly);
  Redis({"HSET", Wait(), kInstanceB, At(kInstanceB) + " z"});
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kLate).verdict, Verdict::kOk);
}

// --- broken (rules I3, I4) ----------------------------------------------------------------------

TEST_F(ShareTest, OneOfThemIsBrokenAndTheOthersGoOn) {
  ShareFor(kA, 2s);
  ShareFor(kB, 1s);
  const auto answer = Do(engine::BreakOp{"job", kA});
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 2s);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, "broken 5 app:job"}));
  EXPECT_EQ(Until(kA), 0);
  EXPECT_EQ(Until("redlockd:kept:" + kA), now_ + 2 * kSecond);
  EXPECT_TRUE(Renew(kA).broken);
  const auto heal = Share(kA, Queueing::kIgnore);
  EXPECT_EQ(heal.verdict, Verdict::kBusy);
  EXPECT_EQ(heal.text, "redlockd:kept:" + kA);
  EXPECT_TRUE(Renew(kA).broken) << "nothing undoes that";
  EXPECT_EQ(Raise(kA, now_).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner) << "what was promised is kept";
  EXPECT_EQ(Do(engine::BreakOp{"job", kA}).left, 2s) << "once more, it finds its own work done";
  EXPECT_EQ(Renew(kB, 1s).verdict, Verdict::kOk);
  EXPECT_EQ(Release(kB).verdict, Verdict::kOk);
  EXPECT_EQ(Number({"PTTL", "app:job"}), 2000);
  EXPECT_EQ(Acquire(kC).verdict, Verdict::kBusy);
  EXPECT_EQ(Share(kC).verdict, Verdict::kOk) << "who shares it does not overlap a writer";
}

TEST_F(ShareTest, WhatIsKeptOfABrokenOneEndsWithItsTime) {
  ShareFor(kA, 100ms);
  ShareFor(kB, 2s);
  Do(engine::BreakOp{"job", kA});
  Pass(100 * kMs);
  EXPECT_EQ(Share(kA, Queueing::kIgnore).verdict, Verdict::kOk);
  EXPECT_FALSE(Renew(kA).broken);
}

TEST_F(ShareTest, OneOfThemIsBrokenAtOnce) {
  ShareFor(kA, 2s);
  ShareFor(kB, 1s);
  Enter(kInstanceC, kEarly);
  EXPECT_EQ(Do(engine::BreakOp{"job", kA, true}).left, 0s);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, "broken 5 app:job"}));
  EXPECT_EQ(Number({"PTTL", "app:job"}), 1000);
  Do(engine::BreakOp{"job", kB});
  EXPECT_EQ(Do(engine::BreakOp{"job", kB, true}).verdict, Verdict::kOk) << "though it is kept";
  EXPECT_EQ(Redis({"EXISTS", "app:job", Shares()}), "0");
  EXPECT_THAT(Hints(), ::testing::Contains(Hint{kInstanceC, kFree}));
}

TEST_F(ShareTest, NobodyBreaksItForAll) {
  Share(kA);
  for (const std::string& owner : {kShared, kB}) {
    const auto answer = Do(engine::BreakOp{"job", owner});
    EXPECT_EQ(answer.verdict, Verdict::kNotOwner) << owner;
    EXPECT_EQ(answer.text, kShared) << owner;
  }
  EXPECT_EQ(Key(), kShared);
  EXPECT_EQ(Renew(kA).verdict, Verdict::kOk);
}

}  // namespace
}  // namespace redlockd::redis
