// An administrator ends the hold of another, on three daemons, as of three hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class BreakTest : public testing::Test {
 protected:
  BreakTest() {
    b_.WaitForNodes(5);
    c_.WaitForNodes(5);
  }
  static std::vector<std::string> Redlock(const Daemon& daemon,
                                          const std::vector<std::string>& args) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "--socket", daemon.socket()};
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }
  // Of the lock `a`, as the nodes say it to a daemon that does not have it.
  static std::string Owner(const Daemon& daemon) {
    LineClient client = daemon.Connect();
    client.Ask("show a");
    for (const Reply& row : client.rows()) {
      if (Get(row, "place") == "node") return Get(row, "owner");
    }
    return "";
  }
  static Ran BreakOwner(const Daemon& daemon, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"break", "a", "--owner", Owner(daemon)};
    args.insert(args.end(), more.begin(), more.end());
    return RunProgram(Redlock(daemon, args));
  }

  World world_{5};
  Daemon b_{world_.nodes.Addresses()}, c_{world_.nodes.Addresses()};
};

TEST_F(BreakTest, AStuckHolderIsBrokenFromAnotherHostAndTheNextWaitsForItsDeadline) {
  Process holder(Redlock(world_.daemon, {"run", "a", "--", "sh", "-c", "echo ready; sleep 1000"}));
  EXPECT_EQ(holder.ReadLine(), "ready");
  holder.Freeze();
  LineClient here = world_.Connect(), next = c_.Connect();
  next.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return Brief(c_.Connect().Ask("trylock a")) == "ERR busy"; }));
  here.Ask("list");
  const Duration told(GetNumber(here.rows().at(0), "deadline"));

  const Ran ran = BreakOwner(b_);
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, StartsWith("broke a, which is free in "));
  EXPECT_TRUE(Eventually([&] { return GetNumber(here.Ask("list"), "holds") == 0; }));
  EXPECT_THAT(world_.daemon.Log(), HasSubstr("was broken by an administrator"));
  EXPECT_THAT(b_.Log(), HasSubstr("break a requested by uid "));
  LineClient there = b_.Connect();
  EXPECT_EQ(Get(there.Ask("show a"), "state"), "kept");
  EXPECT_THAT(Owner(b_), StartsWith("redlockd:kept:"));

  EXPECT_EQ(Brief(next.Answer()), "OK");
  EXPECT_GE(BootTime(), told);
  holder.Resume();
  EXPECT_THAT(holder.ReadToEnd(), HasSubstr("lost a: an administrator broke it"));
  EXPECT_EQ(holder.Wait(), ExitCode(79));
}

TEST_F(BreakTest, TheHolderHearsOfItAndLosesItOnce) {
  LineClient holder = world_.Connect(), next = b_.Connect();
  const std::uint64_t fence = GetNumber(holder.Ask("lock a"), "fence");
  next.Send("lock a");
  const Ran ran = BreakOwner(c_, {"--json"});
  EXPECT_THAT(ran.output, HasSubstr("\"left\": \""));
  const Reply broken = holder.Event("BROKEN");
  EXPECT_EQ(GetNumber(broken, "fence"), fence);
  EXPECT_FALSE(holder.HasEvent("LOST"));
  EXPECT_EQ(Get(holder.Ask("unlock a"), "reason"), "broken");
  EXPECT_EQ(holder.Brief("unlock a"), "ERR not-held");
  EXPECT_GT(GetNumber(next.Answer(), "fence"), fence);
  EXPECT_GE(BootTime(), Duration(GetNumber(broken, "deadline")));
}

TEST_F(BreakTest, WithNowTheNextHasItAtOnce) {
  LineClient holder = world_.Connect(), next = b_.Connect();
  holder.Ask("lock a");
  next.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return GetNumber(b_.Connect().Ask("list"), "waits") == 1; }));
  EXPECT_EQ(BreakOwner(c_, {"--now"}).output, "broke a, which is free\n");
  EXPECT_EQ(Brief(next.Answer()), "OK");
  const Reply broken = holder.Event("BROKEN");
  EXPECT_LT(BootTime(), Duration(GetNumber(broken, "deadline")));
}

TEST_F(BreakTest, ByItsFenceOnTheHoldersHost) {
  LineClient holder = world_.Connect(), next = b_.Connect();
  const std::string fence = Get(holder.Ask("lock a"), "fence");
  next.Send("lock a");
  EXPECT_EQ(RunProgram(Redlock(b_, {"break", "a", "--fence", fence})).exit, ExitCode(75));
  EXPECT_EQ(RunProgram(Redlock(world_.daemon, {"break", "a", "--fence", fence})).exit, ExitCode(0));
  const Reply broken = holder.Event("BROKEN");
  EXPECT_EQ(Brief(next.Answer()), "OK");
  EXPECT_GE(BootTime(), Duration(GetNumber(broken, "deadline")));
}

TEST_F(BreakTest, TheDaemonOfTheHolderNeedNotAnswer) {
  LineClient holder = world_.Connect(), next = b_.Connect();
  holder.Ask("lock a");
  next.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return GetNumber(b_.Connect().Ask("list"), "waits") == 1; }));
  world_.daemon.process().Freeze();
  EXPECT_EQ(BreakOwner(c_).exit, ExitCode(0));
  EXPECT_EQ(Brief(next.Answer()), "OK");
  world_.daemon.process().Resume();
  EXPECT_EQ(holder.Brief("check a"), "ERR lost");
  EXPECT_EQ(next.Brief("check a"), "OK");
}

}  // namespace
}  // namespace redlockd::test
