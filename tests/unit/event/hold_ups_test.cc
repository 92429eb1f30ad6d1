#include "daemon/event/hold_ups.h"

#include <gtest/gtest.h>

#include <chrono>

#include "daemon/event/loop.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;
using Clock = HoldUps::Clock;

class HoldUpsTest : public testing::Test {
 protected:
  // The loop turns for so long, as far as the machine lets it.
  void Turn(std::chrono::nanoseconds time) {
    loop_.RunUntil([] { return false; }, std::chrono::ceil<std::chrono::milliseconds>(time));
  }
  static void HoldUp(std::chrono::nanoseconds time) {
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {
    }
  }
  std::chrono::nanoseconds Total() { return hold_ups_.Total(Clock::now()); }

  Loop loop_;
  HoldUps hold_ups_{loop_, 10ms};
};

TEST_F(HoldUpsTest, SeesThatTheLoopDidNotTurn) {
  const auto now = Clock::now();
  hold_ups_.WatchUntil(now, now + 10s);
  HoldUp(100ms);
  const auto first = Total();
  EXPECT_GE(first, 100ms);
  EXPECT_EQ(Total() - first, 0ns) << "it is counted once";
  HoldUp(100ms);
  Turn(1ms);
  EXPECT_GE(Total(), first + 100ms);
}

TEST_F(HoldUpsTest, SeesNothingWhileNobodyWaits) {
  HoldUp(50ms);
  EXPECT_EQ(Total(), 0ns);
  const auto now = Clock::now();
  hold_ups_.WatchUntil(now, now);
  Turn(100ms);
  const auto before = Total();
  HoldUp(100ms);
  EXPECT_EQ(Total(), before) << "it has ended to watch";
}

TEST_F(HoldUpsTest, AnotherStepCountsAtOnceAndIsNoHoldUp) {
  const auto now = Clock::now();
  hold_ups_.SetStep(10s);
  hold_ups_.WatchUntil(now, now + 20s);
  Turn(100ms);  // no turn is seen before the step is over
  hold_ups_.SetStep(10ms);
  EXPECT_EQ(Total(), 0ns) << "what the former step took is none";
  HoldUp(100ms);
  EXPECT_GE(Total(), 100ms);
}

TEST_F(HoldUpsTest, GoesOnForTheLastOfThoseWhoWait) {
  const auto now = Clock::now();
  hold_ups_.WatchUntil(now, now + 10s);
  hold_ups_.WatchUntil(now, now);
  Turn(100ms);
  const auto before = Total();
  HoldUp(100ms);
  EXPECT_GE(Total(), before + 90ms);
}

}  // namespace
}  // namespace redlockd::event
