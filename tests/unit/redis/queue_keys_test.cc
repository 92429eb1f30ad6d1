// What becomes of a queue whose keys are another program's, or on a node that is full.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::HasSubstr;

// How another program makes a key of its own: what it is, and the command.
using Make = std::vector<std::string>;
const Make kForeign[] = {{"RPUSH", "KEY", "1"},
                         {"SET", "KEY", "1"},
                         {"SADD", "KEY", "1"},
                         {"HSET", "KEY", "1", "1"},
                         {"ZADD", "KEY", "1", "1"}};

class QueueKeysTest : public QueueTest {
 protected:
  // Returns what it is.
  std::string MakeForeign(const std::string& key, Make make) {
    foreign_.insert(key);
    make[1] = key;
    Redis({"DEL", key});
    Redis(make);
    return Redis({"DUMP", key});
  }
};

TEST_F(QueueKeysTest, AKeyOfAnotherTypeIsNoQueueAndKeepsNobodyFromTheLock) {
  for (const std::string& key : {Queue(), Wait()}) {
    const std::string& other = key == Queue() ? Wait() : Queue();
    for (const Make& make : kForeign) {
      if (make[0] == (key == Queue() ? "ZADD" : "HSET")) continue;
      SCOPED_TRACE(make[0] + " " + key);
      const std::string before = MakeForeign(key, make);
      for (const Queueing queueing :
           {Queueing::kNone, Queueing::kIfRefused, Queueing::kAlways, Queueing::kIgnore}) {
        auto answer = Ask(kA, queueing, kEarly);
        EXPECT_EQ(answer.verdict, Verdict::kOk) << answer.text;
        EXPECT_EQ(answer.place, 0u);
        answer = Ask(kA, queueing, kEarly);
        EXPECT_EQ(answer.verdict, Verdict::kOk) << "and once more " << answer.text;
        answer = Ask(kB, queueing, kLate);
        EXPECT_EQ(answer.verdict, Verdict::kBusy) << answer.text;
        EXPECT_EQ(answer.place, 0u);
        answer = Renew(kA);
        EXPECT_EQ(answer.verdict, Verdict::kOk) << answer.text;
        EXPECT_FALSE(answer.wanted);
        answer = Leave(kA);
        EXPECT_EQ(answer.verdict, Verdict::kOk) << answer.text;
        EXPECT_FALSE(answer.wanted);
      }
      EXPECT_EQ(Ask(kA, Queueing::kStand, kEarly).verdict, Verdict::kTurn);
      EXPECT_EQ(Key(), "(nil)");
      EXPECT_EQ(Redis({"EXISTS", other}), "0");
      EXPECT_EQ(Redis({"DUMP", key}), before) << "another program's stays as it is";
      EXPECT_EQ(Redis({"PTTL", key}), "-1");
      Redis({"DEL", key});
    }
    foreign_.clear();
  }
}

// The key of another program comes when there is a queue.
TEST_F(QueueKeysTest, AHashThatBecomesAnotherProgramsKeepsNobodyFromLettingGo) {
  for (const Make& make : kForeign) {
    if (make[0] == "HSET") continue;
    SCOPED_TRACE(make[0]);
    Ask(kA, Queueing::kAlways, kEarly);
    Ask(kB, Queueing::kAlways, kLate);
    const std::string before = MakeForeign(Wait(), make);
    EXPECT_FALSE(Renew(kA).wanted);
    Do(engine::AcquireOp{"other", kA, 1s, 0});
    const auto answer = ReleaseAll({{"job", kA, true}, {"other", kA}});
    EXPECT_EQ(answer.text, "oo");
    EXPECT_EQ(Redis({"EXISTS", "app:job", "app:other"}), "0");
    EXPECT_EQ(Ask(kB, Queueing::kAlways, kLate).verdict, Verdict::kOk);
    Leave(kB);
    EXPECT_EQ(Redis({"EXISTS", Queue()}), "0");
    EXPECT_EQ(Redis({"DUMP", Wait()}), before);
    Redis({"DEL", Wait()});
  }
}

TEST_F(QueueKeysTest, WhatAQueueCannotBeIsNotRead) {
  foreign_ = {Queue(), Wait()};
  Redis({"HSET", Queue(), kInstanceB, "1"});
  Redis({"ZADD", Wait(), "1", kInstanceB});
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
  EXPECT_EQ(Leave(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"HLEN", Queue()}), "1");
  EXPECT_EQ(Redis({"ZCARD", Wait()}), "1");
}

TEST_F(QueueKeysTest, NumbersThatCannotBeExactAreNoEntry) {
  const std::string much(300, '9');
  const std::vector<std::string> entries = {much + " 1 1 1", "1 " + much + " 1 1",
                                            "1 1 " + much + " 1", "9007199254740992 1 1 1"};
  for (const std::string& entry : entries) {
    Redis({"ZADD", Queue(), "1", kInstanceB});
    Redis({"HSET", Wait(), kInstanceB, entry});
    Live();
    const auto answer = Ask(kA, Queueing::kNone);
    EXPECT_EQ(answer.verdict, Verdict::kOk) << entry;
    EXPECT_EQ(answer.greatest, 0) << entry;
    Release(kA);
  }
  Enter(kInstanceB, -5);
  EXPECT_EQ(Ask(kA, Queueing::kNone).verdict, Verdict::kOk) << "a stamp before all time";
}

// --- keys without time to live would stay for good ----------------------------------------------

TEST_F(QueueKeysTest, WithTheLastEntryBothKeysGo) {
  Ask(kB, Queueing::kStand, kEarly);
  Ask(kA, Queueing::kNone);  // calls it
  Pass(kInterval + kGrace);
  EXPECT_FALSE(Release(kA).wanted);
  EXPECT_TRUE(IsNoQueue()) << "and what was noted of the dead";
  Ask(kC, Queueing::kStand, kLate);
  EXPECT_EQ(Redis({"HLEN", Wait()}), "1");
  Leave(kC);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueKeysTest, WhatIsNotedOfDeadOnesLivesNoLongerThanTheOthers) {
  Ask(kB, Queueing::kStand, kEarly);
  Ask(kC, Queueing::kStand, kLate);
  Ask(kA, Queueing::kNone);  // calls the first
  Pass(kInterval + kGrace);
  EXPECT_TRUE(Release(kA).wanted);
  EXPECT_EQ(Redis({"HGET", Wait(), "ahead"}), "2");
  EXPECT_EQ(Number({"PTTL", Wait()}), 1200 - 150);
  Pass(1051 * kMs);
  EXPECT_TRUE(IsNoQueue());
}

TEST_F(QueueKeysTest, ADeadEntryWhoseHashIsGoneBringsNoneBack) {
  for (const int mode : {0, 1, 2}) {
    Enter(kInstanceB, kEarly, With(Stale(), mode));
    Enter(kInstanceC, kLate, With(Silent(), mode));
    Redis({"DEL", Wait()});
    Release(kA);
    EXPECT_TRUE(IsNoQueue());
  }
}

// --- a full node --------------------------------------------------------------------------------

TEST_F(QueueKeysTest, AFullNodeReleasesAndRenewsThoughOneThatWasCalledIsDead) {
  Acquire(kA, 2s);
  for (const std::string lock : {"job", "gone"}) {
    Enter(kInstanceB, kEarly, With(Stale(), 2), lock);
    Enter(kInstanceC, kLate, Silent(), lock);
  }
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  auto answer = Renew(kA, 1s);  // shorter than it has: nothing is written before
  EXPECT_EQ(answer.verdict, Verdict::kOk) << answer.text;
  EXPECT_TRUE(answer.wanted);
  EXPECT_EQ(ReleaseAll({{"gone", kA}, {"job", kA}}).text, "NO");
  EXPECT_EQ(Key(), "(nil)");
  answer = Ask(kA, Queueing::kAlways, kLate + 1);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn) << answer.text;
  EXPECT_EQ(answer.place, 0u);
}

TEST_F(QueueKeysTest, AFullNodeHasNoPlaceInAQueueAndKeepsNoKey) {
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  const auto answer = Ask(kA, Queueing::kStand, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kTurn) << answer.text;
  EXPECT_EQ(answer.place, 0u);
  EXPECT_TRUE(IsNoQueue());
  EXPECT_THAT(Ask(kA, Queueing::kAlways, kEarly).text, HasSubstr("OOM"));
}

}  // namespace
}  // namespace redlockd::redis
