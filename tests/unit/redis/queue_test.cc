// The queue of daemons that want a lock (rules E2, E5, E6) in the scripts, on a real node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/redis/scripts_fixture.h"

namespace redlockd::redis {
namespace {

using engine::Queueing;
using engine::Stamp;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kInstanceB = "fedcba987654321001234567";
const std::string kInstanceC = "00112233445566778899aabb";
const std::string kLaterB = kInstanceB + ":6:host-b";
const std::string kC = kInstanceC + ":1:host-c";
constexpr Stamp kEarly = 1000, kLate = 2000;
const std::string kWant = "redlockd:want:app:job";

class QueueTest : public ScriptsTest {
 protected:
  QueueTest() {
    Ready();
    listener_.reset(redisConnectUnix(server_.SocketPath().c_str()));
    for (const std::string& instance : {kInstance, kInstanceB, kInstanceC}) {
      const std::string channel = "redlockd:to:" + instance;
      freeReplyObject(redisCommand(listener_.get(), "SUBSCRIBE %s", channel.c_str()));
    }
  }

  NodeAnswer Ask(const std::string& owner, Queueing queueing, Stamp stamp = 0) {
    engine::AcquireOp op{"job", owner, 1s, 0};
    op.queueing = queueing;
    op.stamp = stamp;
    op.want_life = want_life_;
    return Do(op);
  }
  NodeAnswer Leave(const std::string& owner) { return Do(engine::ReleaseOp{"job", owner, true}); }
  // An entry that stays fresh for `life`.
  void Enter(const std::string& instance, Stamp stamp, NodeTime life = 10 * kSecond) {
    Redis({"HSET", kWant, instance, std::to_string(stamp) + " " + std::to_string(Now() + life)});
  }
  bool HasEntry(const std::string& instance) { return Redis({"HEXISTS", kWant, instance}) == "1"; }
  Stamp StampOf(const std::string& instance) {
    return HasEntry(instance) ? std::stoll(Redis({"HGET", kWant, instance})) : 0;
  }

  // What was published so far, by instance.
  std::multimap<std::string, std::string> Hints() {
    std::multimap<std::string, std::string> hints;
    Redis({"PUBLISH", "redlockd:to:" + kInstance, "end"});
    for (std::string text; text != "end";) {
      void* got = nullptr;
      if (redisGetReply(listener_.get(), &got) != REDIS_OK) {
        ADD_FAILURE() << listener_->errstr;
        break;
      }
      const std::unique_ptr<redisReply, FreeReply> message(static_cast<redisReply*>(got));
      text = message->element[2]->str;
      const std::string channel = message->element[1]->str;
      if (text != "end") hints.emplace(channel.substr(channel.rfind(':') + 1), text);
    }
    return hints;
  }

  engine::Duration want_life_ = 600ms;

 private:
  std::unique_ptr<redisContext, FreeContext> listener_;
};

using Hint = std::pair<const std::string, std::string>;

// --- who enters (rules E6.2, E6.8) --------------------------------------------------------------

TEST_F(QueueTest, AnUncontendedFirstRoundLeavesNoEntry) {
  EXPECT_EQ(Ask(kA, Queueing::kIfRefused, kEarly).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"EXISTS", kWant}), "0");
}

TEST_F(QueueTest, ARefusedFirstRoundEnters) {
  Acquire(kA);
  EXPECT_EQ(Ask(kB, Queueing::kIfRefused, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(StampOf(kInstanceB), kEarly);
  EXPECT_LE(Number({"PTTL", kWant}), 600);
  EXPECT_GT(Number({"PTTL", kWant}), 0) << "a daemon that died leaves nothing behind";
}

TEST_F(QueueTest, ALaterRoundEntersWhateverComesOfIt) {
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
  EXPECT_EQ(StampOf(kInstance), kEarly) << "the vote does not take it out of the queue (E6.3)";
  Ask(kB, Queueing::kAlways, kLate);
  EXPECT_EQ(StampOf(kInstanceB), kLate);
}

TEST_F(QueueTest, AnEntryKeepsItsGreaterStampAndIsFreshAgain) {
  Acquire(kA, 2s);
  Enter(kInstanceB, kLate, kSecond / 10);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(StampOf(kInstanceB), kLate);
  Ask(kB, Queueing::kAlways, kLate + 1);
  EXPECT_EQ(StampOf(kInstanceB), kLate + 1);
  const std::string entry = Redis({"HGET", kWant, kInstanceB});
  EXPECT_GT(std::stoll(entry.substr(entry.find(' '))), Now() + kSecond / 5);
}

TEST_F(QueueTest, StampsKeepTheirDigits) {
  Acquire(kA);
  const Stamp stamp = Now();
  const auto answer = Ask(kB, Queueing::kAlways, stamp);
  EXPECT_EQ(Redis({"HGET", kWant, kInstanceB}),
            std::to_string(stamp) + " " + std::to_string(answer.node_time + 6 * kSecond / 10));
}

TEST_F(QueueTest, ALongerLifeOfAnotherIsNotCutShort) {
  Acquire(kA);
  Enter(kInstanceC, kEarly);
  Redis({"PEXPIRE", kWant, "30000"});
  Ask(kB, Queueing::kAlways, kLate);
  EXPECT_GT(Number({"PTTL", kWant}), 5'000);
}

TEST_F(QueueTest, NeitherATryNorARoundPastTheQueueEnters) {
  Acquire(kA);
  EXPECT_EQ(Ask(kB, Queueing::kNone).verdict, Verdict::kBusy);
  EXPECT_EQ(Ask(kB, Queueing::kIgnore, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(Redis({"EXISTS", kWant}), "0");
}

// --- whose turn it is (rules E6.1, E6.2) --------------------------------------------------------

TEST_F(QueueTest, WhoHasTheEarlierStampGoesFirst) {
  Enter(kInstanceB, kEarly);
  const Fence stored = Now();
  StoreFence(stored);
  const auto refused = Ask(kA, Queueing::kIfRefused, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceB);
  EXPECT_EQ(refused.fence, stored);
  EXPECT_EQ(refused.left, 0s);
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

TEST_F(QueueTest, ItsOwnEntryCountsIfItIsTheLater) {
  Enter(kInstance, kLate);
  Enter(kInstanceB, kLate - 1);
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kNotTurn);
}

TEST_F(QueueTest, EqualStampsAreOrderedByInstance) {
  Enter(kInstanceB, kLate);
  Enter(kInstanceC, kLate);
  auto refused = Ask(kA, Queueing::kAlways, kLate);
  EXPECT_EQ(refused.verdict, Verdict::kNotTurn);
  EXPECT_EQ(refused.text, kInstanceC);
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

// --- what is no entry ---------------------------------------------------------------------------

TEST_F(QueueTest, StaleAndOddEntriesAreDropped) {
  Enter(kInstanceB, kEarly, 0);
  Enter(kInstanceC, Now() + 660 * kSecond);  // from more than ten minutes ahead
  Redis({"HSET", kWant, "odd", "1000", "odder", "", "oddest", "1000 x", "other", "-1 9e18"});
  const auto answer = Ask(kA, Queueing::kNone);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.greatest, 0);
  EXPECT_EQ(Redis({"EXISTS", kWant}), "0");
}

TEST_F(QueueTest, ADeadHeadIsOutOfTheQueueAfterItsWantLife) {
  want_life_ = 50ms;
  Acquire(kA);
  Ask(kB, Queueing::kAlways, kEarly);
  Release(kA);
  EXPECT_TRUE(
      test::Eventually([&] { return Ask(kC, Queueing::kAlways, kLate).verdict == Verdict::kOk; }));
}

// --- greatest (rules E2, E6.1) ------------------------------------------------------------------

TEST_F(QueueTest, AcquireAndReleaseTellTheGreatestStampOfOthersRenewThatThereIsOne) {
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

TEST_F(QueueTest, AReleaseOfSeveralSaysOfEachWhetherItIsWantedAndOfAllTheGreatestStamp) {
  Acquire(kA);
  Do(engine::AcquireOp{"free", kA, 1s, 0});
  Enter(kInstanceB, kEarly);
  const std::string entry = std::to_string(kLate) + " " + std::to_string(Now() + kSecond);
  Redis({"HSET", "redlockd:want:app:gone", kInstanceC, entry});
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
  EXPECT_FALSE(HasEntry(kInstance));
  EXPECT_TRUE(HasEntry(kInstanceB));
}

TEST_F(QueueTest, OneLeavesInQuarantineToo) {
  Enter(kInstance, kEarly);
  Do(engine::SuspectOp{});
  Leave(kA);
  EXPECT_FALSE(HasEntry(kInstance));
}

// --- hints (rule E5) ----------------------------------------------------------------------------

TEST_F(QueueTest, ARefusedAcquireTellsTheHoldersDaemon) {
  Acquire(kA);
  Ask(kB, Queueing::kIfRefused, kEarly);
  Ask(kB, Queueing::kNone);
  EXPECT_THAT(Hints(),
              ElementsAre(Hint{kInstance, "wanted app:job"}, Hint{kInstance, "wanted app:job"}));
  Ask(kB, Queueing::kIgnore);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, NobodyIsToldOfAPlainClientsKeyOrOnesOwn) {
  Redis({"SET", "app:job", kInstanceC});
  Ask(kB, Queueing::kIfRefused, kEarly);
  Redis({"SET", "app:job", kLaterB});
  EXPECT_EQ(Ask(kB, Queueing::kNone).verdict, Verdict::kBusy);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, AReleaseTellsTheHeadAlone) {
  Acquire(kA);
  Enter(kInstanceB, kEarly);
  Enter(kInstanceC, kLate);
  Release(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, "free app:job"}));
  Release(kA);
  EXPECT_THAT(Hints(), IsEmpty()) << "it had nothing to release";
}

TEST_F(QueueTest, AReleaseOfSeveralTellsTheHeadOfEachAndLeavesWhereItIsTo) {
  Acquire(kA);
  Do(engine::AcquireOp{"other", kA, 1s, 0});
  const std::string fresh = " " + std::to_string(Now() + 10 * kSecond);
  for (const char* lock : {"job", "other"}) {
    const std::string want = std::string("redlockd:want:app:") + lock;
    Redis({"HSET", want, kInstance, std::to_string(kLate) + fresh});
  }
  Enter(kInstanceB, kEarly);
  Redis({"HSET", "redlockd:want:app:other", kInstanceC, std::to_string(kEarly) + fresh});
  EXPECT_EQ(ReleaseAll({{"job", kA, true}, {"other", kA}}).text, "OO");
  EXPECT_THAT(Hints(),
              ElementsAre(Hint{kInstanceC, "free app:other"}, Hint{kInstanceB, "free app:job"}));
  EXPECT_FALSE(HasEntry(kInstance));
  EXPECT_EQ(Redis({"HEXISTS", "redlockd:want:app:other", kInstance}), "1");
}

TEST_F(QueueTest, AReleaseByWhoIsStillTheHeadTellsNobody) {
  Acquire(kA);
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Release(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, WhoLeavesTheHeadOfAFreeLocksQueueTellsTheNext) {
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Leave(kA);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, "free app:job"}));
  Leave(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, WhoLeavesTheQueueOfAnothersLockTellsNobody) {
  Acquire(kC);
  Enter(kInstance, kEarly);
  Enter(kInstanceB, kLate);
  Leave(kA);
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(QueueTest, ANodeThatRefusesToPublishVotesAllTheSame) {
  Acquire(kA);
  Redis({"ACL", "SETUSER", "default", "-publish"});
  EXPECT_EQ(Ask(kB, Queueing::kIfRefused, kEarly).verdict, Verdict::kBusy);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Ask(kB, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
}

}  // namespace
}  // namespace redlockd::redis
