// SIGTERM: no new grants, holders are told, and what is still held keeps its keys until its
// announced deadline (rule C9).
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class DrainTest : public testing::Test {
 protected:
  DrainTest() { other_.WaitForNodes(5); }

  World world_{5, {.more = "drain_time: 300ms\n"}};
  // Another host's daemon, who would get it if it were free.
  Daemon other_{world_.nodes.Addresses()};
  LineClient holder_ = world_.Connect();
  LineClient prober_ = other_.Connect();
};

TEST_F(DrainTest, NobodyGetsItBeforeTheDeadline) {
  const Reply grant = holder_.Ask("lock a ttl=2s");
  const Duration deadline(GetNumber(grant, "deadline"));
  prober_.Send("lock a");
  world_.daemon.process().Signal(SIGTERM);
  holder_.Event("DRAINING");
  EXPECT_EQ(Get(holder_.Event("LOST"), "reason"), "drain");
  EXPECT_TRUE(holder_.Closed());
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
  EXPECT_GE(world_.nodes.CountWith("a"), 3u) << "the keys were deleted";

  const Reply next = prober_.Answer();
  EXPECT_GE(BootTime(), deadline);
  EXPECT_GT(GetNumber(next, "fence"), GetNumber(grant, "fence"));
}

TEST_F(DrainTest, ALockLetGoInTimeIsFreeAtOnce) {
  const Reply grant = holder_.Ask("lock a ttl=2s");
  const Duration deadline(GetNumber(grant, "deadline"));
  world_.daemon.process().Signal(SIGTERM);
  holder_.Event("DRAINING");
  EXPECT_EQ(holder_.Brief("unlock a"), "OK");
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
  EXPECT_EQ(Brief(prober_.Ask("lock a")), "OK");
  EXPECT_LT(BootTime(), deadline);
}

TEST_F(DrainTest, ALockWhoseSessionEndsIsFreeAtOnceToo) {
  const Duration deadline(GetNumber(holder_.Ask("lock a ttl=2s"), "deadline"));
  world_.daemon.process().Signal(SIGTERM);
  holder_.Event("DRAINING");
  holder_.Close();
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
  EXPECT_EQ(Brief(prober_.Ask("lock a")), "OK");
  EXPECT_LT(BootTime(), deadline);
}

TEST_F(DrainTest, WaitersAndNewcomersAreTold) {
  LineClient waiter = world_.Connect();
  holder_.Ask("lock a");
  waiter.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return GetNumber(holder_.Ask("list"), "waits") == 1; }));
  world_.daemon.process().Signal(SIGTERM);
  EXPECT_EQ(Brief(waiter.Answer()), "ERR draining");
  EXPECT_EQ(waiter.Brief("lock b"), "ERR draining");
  EXPECT_EQ(holder_.Brief("check a"), "OK") << "still held";
}

TEST_F(DrainTest, WithNothingHeldItEndsAtOnce) {
  EXPECT_EQ(world_.daemon.Stop(), ExitCode(0));
  EXPECT_TRUE(holder_.Closed());
}

TEST_F(DrainTest, ALockHeldThroughADrainIsRenewedUntilItEnds) {
  // While it is drained the daemon still keeps what it has: the deadline may move on.
  World slow(3, {.more = "drain_time: 3s\n"});
  LineClient holder = slow.Connect();
  const Reply grant = holder.Ask("lock b ttl=600ms events=renew");
  slow.daemon.process().Signal(SIGTERM);
  holder.Event("DRAINING");
  const std::uint64_t end = GetNumber(grant, "deadline") + Duration(600ms).count();
  while (GetNumber(holder.Event("RENEWED"), "deadline") < end) {
  }
  EXPECT_EQ(holder.Brief("check b"), "OK");
  EXPECT_EQ(holder.Brief("unlock b"), "OK");
  EXPECT_EQ(slow.daemon.process().Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
