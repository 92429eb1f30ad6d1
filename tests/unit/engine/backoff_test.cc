#include "tests/unit/engine/engine_fixture.h"

// When the next attempt is made: rules C11, E7.
namespace redlockd::engine {
namespace {

class Backoff : public EngineFixture {
 protected:
  Backoff() {
    Start();
    AllByHand();
    session_ = Open();
    Lock(session_);
  }
  // Answers the attempt in hand by `left`, and returns how long the next one takes to come.
  Duration NextAfterBusy(Duration left) {
    Busy(0, "other:1:h", left);
    Busy(1, "other:1:h", left);
    return UntilNext();
  }
  Duration NextAfterSplit() {
    Vote(0, 10);
    Busy(1, "one:1:h");
    Busy(2, "two:1:h");
    return UntilNext();
  }
  Duration UntilNext() {
    AnswerReleases();
    const Time start = now_;
    const Time end = now_ + 1s;
    while (now_ < end) {
      if (Count<AcquireOp>(0) > 0) {
        while (Count<AcquireOp>(2) > 1) Take<AcquireOp>(2);  // of attempts that are over
        return now_ - start;
      }
      now_ = std::max(now_, *engine_->NextDeadline());
      Do(TimePassed{});
    }
    ADD_FAILURE() << "no next attempt";
    return 0ns;
  }
  SessionId session_;
};

TEST_F(Backoff, TriesTwoMillisecondsAfterTheKeyEnds) {  // rule C11
  EXPECT_EQ(NextAfterBusy(20ms), 22ms);
}

TEST_F(Backoff, TriesAfterTheShortestTimeLeft) {  // rule C11
  Busy(0, "other:1:h", 30ms);
  Busy(1, "other:1:h", 20ms);
  EXPECT_EQ(UntilNext(), 22ms);
}

TEST_F(Backoff, PollsAHeldLockWithinEachRetryInterval) {  // rules C11, E8.3
  Duration least = 1s, most = 0ns;
  for (int i = 0; i < 60; ++i) {
    const Duration wait = NextAfterBusy(60s);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, 50ms);
  EXPECT_LT(most, 100ms);
  EXPECT_LT(least, 60ms);
  EXPECT_GT(most, 90ms);
}

TEST_F(Backoff, ASplitVoteIsRolledBackAtOnceAndFoughtForSoon) {  // rule E7
  Vote(0, 10);
  Busy(1, "one:1:h");
  EXPECT_FALSE(IsAsked<ReleaseOp>(0));
  Busy(2, "two:1:h");
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  EXPECT_LE(UntilNext(), 1ms);
  EXPECT_EQ(engine_->counters().split_votes, 1u);
}

TEST_F(Backoff, DoublesUpToSixteenRoundTrips) {  // rule E7
  Duration most[6] = {};
  for (int fight = 0; fight < 40; ++fight) {
    for (int i = 0; i < 6; ++i) most[i] = std::max(most[i], NextAfterSplit());
  }
  // Answers came in no time, so a round trip counts as 50 us.
  for (int i = 0; i < 5; ++i) {
    EXPECT_LT(most[i], 50us * (1 << i)) << i;
    EXPECT_GT(most[i], 50us * (1 << i) / 2) << i;
  }
  EXPECT_GE(most[5], 50ms) << "then it is polled like a held lock";
}

TEST_F(Backoff, TheNextAttemptGoesBehindTheRollback) {  // rule E7
  Vote(0, 10);
  Busy(1, "one:1:h");
  Busy(2, "two:1:h");
  const Time end = now_ + 1s;
  while (!IsAsked<AcquireOp>(0) && now_ < end) {
    now_ = std::max(now_, *engine_->NextDeadline());
    Do(TimePassed{});
  }
  bool released = false;
  for (const Asked& asked : asked_) {
    if (asked.node != 0) continue;
    released = released || std::holds_alternative<ReleaseOp>(asked.op);
    if (std::holds_alternative<AcquireOp>(asked.op)) {
      EXPECT_TRUE(released);
    }
  }
}

}  // namespace
}  // namespace redlockd::engine
