#include "daemon/status/timeline.h"

#include <gtest/gtest.h>

namespace redlockd::status {
namespace {

using namespace std::chrono_literals;

class TimelineTest : public testing::Test {
 protected:
  void Look(engine::Duration later = 1s) {
    time_ += later;
    timeline_.Look(time_, now_);
  }
  void LookFor(int seconds) {
    for (int i = 0; i < seconds; ++i) Look();
  }
  std::size_t size() const { return timeline_.steps().size(); }
  const Timeline::Step& Last() const { return *timeline_.steps().back(); }

  engine::Time time_{1000s};
  Timeline::Now now_{.counters = {}, .sessions = 1, .nodes_up = 3};
  Timeline timeline_;
};

TEST_F(TimelineTest, AStepIsThereWhenItIsOver) {
  Look();
  LookFor(4);
  EXPECT_EQ(size(), 0u);
  Look();
  EXPECT_EQ(size(), 1u);
  LookFor(5);
  EXPECT_EQ(size(), 2u);
}

TEST_F(TimelineTest, WhatWasBeforeTheFirstLookIsNoStep) {
  now_.counters.grants = 1000;
  Look();
  now_.counters.grants = 1007;
  LookFor(5);
  EXPECT_EQ(Last().grants, 7u);
}

TEST_F(TimelineTest, AStepHasWhatHappenedInIt) {
  Look();
  now_.counters.grants = 3;
  now_.counters.busy = 1;
  now_.counters.timeouts = 2;
  now_.counters.no_turn = 4;
  now_.counters.no_quorum = 8;
  now_.counters.lost = 5;
  LookFor(5);
  EXPECT_EQ(Last().grants, 3u);
  EXPECT_EQ(Last().refusals, 15u);
  EXPECT_EQ(Last().lost, 5u);
  now_.counters.grants = 4;
  LookFor(5);
  EXPECT_EQ(Last().grants, 1u);
  EXPECT_EQ(Last().refusals, 0u);
  EXPECT_EQ(Last().lost, 0u);
}

// What is over between two steps' ends is seen all the same.
TEST_F(TimelineTest, AStepHasTheExtremesThatWereSeenInIt) {
  Look();
  now_ = {.counters = {.holds = 9, .waits = 8}, .sessions = 7, .nodes_up = 1};
  Look();
  now_ = {.counters = {.holds = 2, .waits = 2}, .sessions = 2, .nodes_up = 3};
  LookFor(4);
  EXPECT_EQ(Last().holds, 9u);
  EXPECT_EQ(Last().waits, 8u);
  EXPECT_EQ(Last().sessions, 7u);
  EXPECT_EQ(Last().nodes_up, 1u);
  LookFor(5);
  EXPECT_EQ(Last().holds, 2u);
  EXPECT_EQ(Last().nodes_up, 3u);
}

TEST_F(TimelineTest, OldStepsAreForgotten) {
  Look();
  for (std::size_t i = 0; i < Timeline::kSteps + 3; ++i) {
    ++now_.counters.grants;
    LookFor(5);
    if (i == 0) now_.counters.grants += 100;  // the second step's
  }
  EXPECT_EQ(size(), Timeline::kSteps);
  EXPECT_EQ(timeline_.steps().front()->grants, 1u) << "the fourth";
}

TEST_F(TimelineTest, WhereNobodyLookedThereIsAGap) {
  Look();
  LookFor(5);
  ++now_.counters.grants;
  Look(17s);
  ASSERT_EQ(size(), 4u);
  EXPECT_EQ(timeline_.steps()[1]->grants, 1u);
  EXPECT_FALSE(timeline_.steps()[2]);
  EXPECT_FALSE(timeline_.steps()[3]);
  LookFor(5);
  EXPECT_TRUE(timeline_.steps().back());
}

TEST_F(TimelineTest, AGapOfAYearIsAsLongAsAllOfIt) {
  Look();
  Look(24h * 365);
  EXPECT_EQ(size(), Timeline::kSteps);
  for (const auto& step : timeline_.steps()) EXPECT_FALSE(step);
}

}  // namespace
}  // namespace redlockd::status
