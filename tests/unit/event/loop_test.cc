#include "daemon/event/loop.h"

#include <gtest/gtest.h>
#include <time.h>

#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/event/boot_alarm.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/event/signal_watch.h"
#include "daemon/event/timer.h"
#include "tests/support/wait.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;

using test::kPatience;

std::chrono::nanoseconds BootNow() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

TEST(LoopTest, RunUntilEndsWhenItsTimeIsOver) {
  Loop loop;
  EXPECT_FALSE(loop.RunUntil([] { return false; }, 1ms));
}

TEST(LoopTest, StopEndsRunAfterTheTurn) {
  Loop loop;
  bool end_of_turn = false;
  EndOfTurn task(loop, [&] { end_of_turn = true; });
  Timer timer(loop, [&] {
    loop.Stop();
    task.Schedule();
  });
  timer.Start(0ms);
  loop.Run();
  EXPECT_TRUE(end_of_turn);
}

TEST(TimerTest, FiresOnceAndNeverEarly) {
  Loop loop;
  int fired = 0;
  const auto start = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point at;
  Timer timer(loop, [&] {
    ++fired;
    at = std::chrono::steady_clock::now();
  });
  timer.Start(1500us);
  EXPECT_TRUE(timer.running());
  EXPECT_TRUE(loop.RunUntil([&] { return fired > 0; }, kPatience));
  EXPECT_GE(at - start, 1500us);
  EXPECT_FALSE(timer.running());
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(fired, 1);
}

TEST(TimerTest, CancelledOrDestroyedItDoesNotFire) {
  Loop loop;
  int fired = 0;
  Timer cancelled(loop, [&] { ++fired; });
  cancelled.Start(1ms);
  cancelled.Cancel();
  {
    Timer destroyed(loop, [&] { ++fired; });
    destroyed.Start(1ms);
  }
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(fired, 0);
}

TEST(TimerTest, CallbackMayDestroyItsTimer) {
  Loop loop;
  std::vector<int> seen;
  std::unique_ptr<Timer> timer;
  // The vector inside the callback lives until the callback has returned.
  timer = std::make_unique<Timer>(loop, [&, mine = std::vector<int>{7}] {
    timer.reset();
    seen = mine;
  });
  timer->Start(0ms);
  EXPECT_TRUE(loop.RunUntil([&] { return !seen.empty(); }, kPatience));
  EXPECT_EQ(seen, std::vector<int>{7});
}

TEST(TimerTest, CallbackMayDestroyAnotherThatIsDue) {
  Loop loop;
  int fired = 0;
  std::optional<Timer> first;
  std::optional<Timer> second;
  first.emplace(loop, [&] {
    ++fired;
    second.reset();
  });
  second.emplace(loop, [&] {
    ++fired;
    first.reset();
  });
  first->Start(0ms);
  second->Start(0ms);
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(fired, 1);
}

TEST(EndOfTurnTest, RunsOnceForManySchedules) {
  Loop loop;
  int runs = 0;
  EndOfTurn task(loop, [&] { ++runs; });
  bool done = false;
  Timer first(loop, [&] {
    task.Schedule();
    task.Schedule();
    EXPECT_EQ(runs, 0);
  });
  Timer later(loop, [&] { done = true; });
  first.Start(0ms);
  later.Start(2ms);
  EXPECT_TRUE(loop.RunUntil([&] { return done; }, kPatience));
  EXPECT_EQ(runs, 1);
}

TEST(EndOfTurnTest, ScheduledFromATaskItRunsInTheNextTurnWhichDoesNotWait) {
  Loop loop;
  int runs = 0;
  std::optional<EndOfTurn> task;
  task.emplace(loop, [&] {
    if (++runs < 3) task->Schedule();
  });
  task->Schedule();
  EXPECT_TRUE(loop.RunUntil([&] { return runs == 3; }, kPatience));
}

TEST(EndOfTurnTest, ScheduledFromAnotherTaskItRunsInTheSameTurn) {
  Loop loop;
  std::vector<int> runs;
  EndOfTurn second(loop, [&] { runs.push_back(2); });
  EndOfTurn first(loop, [&] {
    runs.push_back(1);
    second.Schedule();
    loop.Stop();
  });
  first.Schedule();
  loop.Run();
  EXPECT_EQ(runs, (std::vector<int>{1, 2}));
}

TEST(EndOfTurnTest, TaskMayDestroyItselfAndOthers) {
  Loop loop;
  int runs = 0;
  std::optional<EndOfTurn> first;
  std::optional<EndOfTurn> second;
  first.emplace(loop, [&, mine = std::make_shared<int>(1)] {
    second.reset();
    first.reset();
    runs += *mine;
  });
  second.emplace(loop, [&] { runs += 100; });
  first->Schedule();
  second->Schedule();
  loop.RunUntil([] { return false; }, 2ms);
  EXPECT_EQ(runs, 1);
}

TEST(EndOfTurnTest, CancelledItDoesNotRunNorTwiceWhenScheduledAgain) {
  Loop loop;
  int runs = 0;
  std::optional<EndOfTurn> first;
  std::optional<EndOfTurn> second;
  first.emplace(loop, [&] {
    second->Cancel();  // which would run at this very end of turn
    second->Schedule();
  });
  second.emplace(loop, [&] { ++runs; });
  first->Schedule();
  second->Schedule();
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(runs, 1);
  second->Schedule();
  second->Cancel();
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(runs, 1);
}

TEST(BootAlarmTest, FiresAtItsTimeAndOnlyOnce) {
  Loop loop;
  int fired = 0;
  std::chrono::nanoseconds fired_at{};
  BootAlarm alarm(loop, [&] {
    ++fired;
    fired_at = BootNow();
  });
  const auto at = BootNow() + 3ms;
  alarm.Set(at + 1h);
  alarm.Set(at);
  EXPECT_TRUE(loop.RunUntil([&] { return fired > 0; }, kPatience));
  EXPECT_GE(fired_at, at);
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(fired, 1);
  alarm.Set(at);  // the same time again, which has passed
  EXPECT_TRUE(loop.RunUntil([&] { return fired == 2; }, kPatience));
}

TEST(BootAlarmTest, ATimeBeforeTheBootFiresAtOnce) {
  Loop loop;
  int fired = 0;
  BootAlarm alarm(loop, [&] { ++fired; });
  alarm.Set(-5s);
  EXPECT_TRUE(loop.RunUntil([&] { return fired > 0; }, kPatience));
  loop.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(fired, 1);
}

TEST(BootAlarmTest, CallbackMayDestroyItsAlarm) {
  Loop loop;
  std::unique_ptr<BootAlarm> alarm;
  int fired = 0;
  alarm = std::make_unique<BootAlarm>(loop, [&, mine = std::make_shared<int>(1)] {
    alarm.reset();
    fired += *mine;
  });
  alarm->Set(BootNow());
  EXPECT_TRUE(loop.RunUntil([&] { return fired == 1; }, kPatience));
}

TEST(SignalWatchTest, CallsBackInTheLoop) {
  Loop loop;
  int signals = 0;
  std::unique_ptr<SignalWatch> watch;
  watch = std::make_unique<SignalWatch>(loop, SIGUSR1, [&] {
    ++signals;
    watch.reset();
  });
  raise(SIGUSR1);
  EXPECT_EQ(signals, 0);
  EXPECT_TRUE(loop.RunUntil([&] { return signals == 1; }, kPatience));
}

}  // namespace
}  // namespace redlockd::event
