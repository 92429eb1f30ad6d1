// How many of those that wait for a lock are called at a time (rule E8.8), in the scripts on a real
// node.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;

class AheadTest : public QueueTest {
 protected:
  void SetAhead(int ahead) {
    Redis({"HSET", Wait(), "ahead", std::to_string(ahead)});
    Redis({"PEXPIRE", Wait(), "60000"});
  }
  std::string Ahead() { return Redis({"HGET", Wait(), "ahead"}); }
  int Called(const std::string& lock = "job") {
    int called = 0;
    std::istringstream entries(Redis({"HVALS", Wait(lock)}));
    for (std::string entry; std::getline(entries, entry);) called += entry.ends_with(" 2") ? 1 : 0;
    return called;
  }
};

TEST_F(AheadTest, EachThatWasCalledAndIsDroppedDoublesItToThirtyTwo) {
  for (const char* ahead : {"2", "4", "8", "16", "32", "32"}) {
    Enter("dead", 1, With(Stale(), 2));
    Enter(kInstanceB, kLate);
    Renew(kA);
    Release(kA);
    EXPECT_EQ(Ahead(), ahead);
  }
  Enter("not called", 1, Stale());
  SetAhead(4);
  Release(kA);
  EXPECT_EQ(Ahead(), "4") << "who was not called is not dead";
}

TEST_F(AheadTest, OneThatDoesNotHearDoublesItToo) {
  EnterMany(3, 1, Silent());
  Enter(kInstanceB, kLate);
  Ask(kA, Queueing::kNone);
  EXPECT_EQ(Ahead(), "8");
}

TEST_F(AheadTest, WhatIsNoGrantTakesNoneOff) {
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
  Enter(kInstanceB, kLate);
  SetAhead(3);
  EXPECT_EQ(Ask(kA, Queueing::kIgnore).verdict, Verdict::kOk) << "its next block, or a heal";
  EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk) << "its own key";
  EXPECT_EQ(Ahead(), "3");
}

TEST_F(AheadTest, EachGrantTakesOneOff) {
  Enter(kInstanceB, kLate);
  SetAhead(3);
  for (const char* ahead : {"2", "1", "1"}) {
    EXPECT_EQ(Ask(kA, Queueing::kAlways, kEarly).verdict, Verdict::kOk);
    EXPECT_EQ(Ahead(), ahead);
    Release(kA);
  }
  SetAhead(3);
  Ask(kC, Queueing::kStand, kEarly - 1);
  Ask(kA, Queueing::kAlways, kEarly);
  EXPECT_EQ(Ahead(), "3") << "neither a stand nor a refusal is a grant";
}

TEST_F(AheadTest, ThatManyAreCalledAndTheOneAfterThemIsNext) {
  EnterMany(5, 1, With(Silent(), 0));
  for (int i = 0; i < 5; ++i) Listen(Other(i));
  SetAhead(3);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{Other(0), kFree}, Hint{Other(1), kFree},
                                   Hint{Other(2), kFree}, Hint{Other(3), Next(kGrace)}));
}

TEST_F(AheadTest, WhoCameOfLateIsNotCalledAheadOfTheOthers) {
  Enter(kInstanceB, 1);
  const Entry came{now_ + 10 * kSecond, now_ + kInterval + kGrace, kGrace, 1};
  Enter(kInstanceC, 2, came);
  EnterMany(2, 3, With(Silent(), 0));
  for (int i = 0; i < 2; ++i) Listen(Other(i));
  SetAhead(3);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, Next(kGrace)},
                                   Hint{Other(0), kFree}));
  EXPECT_EQ(EntryOf(kInstanceC), came);
  Pass(kInterval);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), testing::Contains(Hint{kInstanceC, kFree})) << "its interval is over";
}

TEST_F(AheadTest, OneAheadThatDoesNotHearIsDroppedAndTheNextIsCalled) {
  Enter(kInstanceB, 1);
  EnterMany(2, 2, Silent());  // deaf
  Enter(kInstanceC, 9);
  SetAhead(2);
  Ask(kA, Queueing::kNone);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, kFree}, Hint{kInstanceC, kFree}));
  EXPECT_EQ(Number({"ZCARD", Queue()}), 2);
  EXPECT_EQ(Ahead(), "8");
}

TEST_F(AheadTest, OddNumbersAreTakenForOneOrForTheMost) {
  for (const std::string odd : {"x", "", "-5", "0", "nan"}) {
    EnterMany(3, 1, With(Silent(), 0));
    Redis({"HSET", Wait(), "ahead", odd});
    Ask(kA, Queueing::kNone);
    EXPECT_EQ(Called(), 1) << odd;
  }
  EnterMany(40, 1, With(Silent(), 0));
  Redis({"HSET", Wait(), "ahead", "1e300"});
  Ask(kA, Queueing::kNone);
  EXPECT_EQ(Called(), 32);
}

TEST_F(AheadTest, OneRunCallsTheFirstOfEachAndSixtyFourAhead) {
  for (const std::string lock : {"a", "b", "c", "d"}) {
    EnterMany(32, 1, With(Silent(), 0), lock);
    Redis({"HSET", Wait(lock), "ahead", "32"});
  }
  const auto answers =
      AcquireAll({OpOf(kA, Queueing::kNone, 0, "a"), OpOf(kA, Queueing::kNone, 0, "b"),
                  OpOf(kA, Queueing::kNone, 0, "c"), OpOf(kA, Queueing::kNone, 0, "d")});
  EXPECT_EQ(Called("a"), 32);
  EXPECT_EQ(Called("b"), 32);
  EXPECT_EQ(Called("c"), 1 + 64 - 2 * 31);
  EXPECT_EQ(Called("d"), 1);
  EXPECT_EQ(answers[3].verdict, Verdict::kNotTurn);
  EXPECT_EQ(answers[3].left, 50ms) << "it is called";
}

}  // namespace
}  // namespace redlockd::redis
