// What is promised in time. Runs alone, with no other test beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

TEST(Timing, AfterAKillTheNextHoldsWithin50Milliseconds) {
  World world(5);
  LineClient observer = world.Connect();
  std::vector<double> took_ms;
  for (int round = 0; round < 11; ++round) {
    Process holder({"socat", "-", "UNIX-CONNECT:" + world.daemon.socket()},
                   {.input = Process::Input::kPipe});
    holder.Write("lock a\n");
    holder.ReadUntil("OK lock=a");
    LineClient waiter = world.Connect();
    waiter.Send("lock a");
    ASSERT_TRUE(Eventually([&] { return GetNumber(observer.Ask("list"), "waits") == 1; }));

    const Duration killed = BootTime();
    holder.Signal(SIGKILL);
    ASSERT_EQ(Brief(waiter.Answer()), "OK");
    took_ms.push_back(std::chrono::duration<double, std::milli>(BootTime() - killed).count());
  }
  std::sort(took_ms.begin(), took_ms.end());
  const double median = took_ms[took_ms.size() / 2];
  std::printf("kill -9 to the next grant: median %.2f ms, best %.2f ms, worst %.2f ms\n", median,
              took_ms.front(), took_ms.back());
  RecordProperty("median_ms", std::to_string(median));
  RecordProperty("worst_ms", std::to_string(took_ms.back()));
  EXPECT_LE(median, 50);
}

TEST(Timing, ALossIsToldBeforeTheDeadline) {
  World world(5);
  LineClient holder = world.Connect();
  Duration earliest = -1h;
  // A machine that did not let the test run in time is excused twice.
  for (int round = 0; round < 3 && earliest < 0s; ++round) {
    Duration deadline(GetNumber(holder.Ask("lock a ttl=1s events=renew"), "deadline"));
    for (int i = 0; i < 3; ++i) world.nodes[i].Freeze();
    holder.Event("LOST");
    const Duration heard = BootTime();
    while (holder.HasEvent("RENEWED")) {
      deadline = Duration(GetNumber(holder.Event("RENEWED"), "deadline"));
    }
    earliest = std::max(earliest, deadline - heard);
    for (int i = 0; i < 3; ++i) world.nodes[i].Thaw();
    world.daemon.WaitForNodes(5);
  }
  const double ms = std::chrono::duration<double, std::milli>(earliest).count();
  std::printf("LOST was heard %.2f ms before the deadline\n", ms);
  RecordProperty("before_deadline_ms", std::to_string(ms));
  EXPECT_GE(ms, 0);
}

}  // namespace
}  // namespace redlockd::test
