// SIGUSR2: another process goes on in the daemon's place, and no client notices (rules H).
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using namespace std::chrono_literals;

class ReplaceTest : public testing::Test {
 protected:
  void Replace() {
    const std::size_t before = Count("goes on from the former process");
    world_.daemon.process().Signal(SIGUSR2);
    ASSERT_TRUE(Eventually(
        [&] { return Count("goes on from the former process") > before && IsServing(); }));
  }
  // How often the log says so.
  std::size_t Count(std::string_view what) const {
    const std::string log = world_.daemon.Log();
    std::size_t count = 0;
    for (std::size_t at = log.find(what); at != log.npos; at = log.find(what, at + 1)) ++count;
    return count;
  }
  // The last of its processes has said so.
  bool IsServing() const {
    const std::string log = world_.daemon.Log();
    return log.rfind("serving on") > log.rfind("goes on from the former process");
  }
  // More of its configuration file, from now on.
  void Append(const std::string& yaml) const {
    std::ofstream(world_.daemon.dir() / "redlockd.yaml", std::ios::app) << yaml;
  }

  // Longer than a machine with other work takes to start a process.
  World world_{5, {.ttl = "30s", .max_ttl = "30s"}};
};

TEST_F(ReplaceTest, AHolderNoticesNothing) {
  LineClient holder = world_.Connect();
  const Reply grant = holder.Ask("lock a");
  Replace();
  const Reply check = holder.Ask("check a");
  EXPECT_EQ(Get(check, "fence"), Get(grant, "fence"));
  EXPECT_GE(GetNumber(check, "deadline"), GetNumber(grant, "deadline"));
  EXPECT_FALSE(holder.HasEvent("LOST"));
  EXPECT_FALSE(holder.HasEvent("JEOPARDY"));
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; }));
}

TEST_F(ReplaceTest, IsAskedForByTheCommandLine) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  const std::size_t before = Count("goes on from the former process");
  const Ran ran =
      RunProgram({REDLOCKD_TEST_REDLOCKD, "--config", world_.daemon.dir() / "redlockd.yaml",
                  "--socket", world_.daemon.socket(), "--replace"});
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_TRUE(Eventually([&] { return Count("goes on from the former process") > before; }));
  EXPECT_EQ(holder.Brief("check a"), "OK");
}

TEST_F(ReplaceTest, ACommandUnderALockGoesOn) {
  Process run({REDLOCKD_TEST_REDLOCK, "--socket", world_.daemon.socket(), "run", "a", "--", "sh",
               "-c", "echo started; read line; exit 5"},
              {.input = Process::Input::kPipe});
  EXPECT_EQ(run.ReadLine(), "started");
  Replace();
  Replace();
  EXPECT_EQ(Brief(world_.Connect().Ask("trylock a")), "ERR busy");
  run.Write("\n");
  EXPECT_EQ(run.Wait(), ExitCode(5));
}

TEST_F(ReplaceTest, TheLeaseIsRenewedByTheNext) {
  LineClient holder = world_.Connect();
  const Reply grant = holder.Ask("lock a ttl=6s events=renew");
  Replace();
  const Reply renewed = holder.Event("RENEWED");
  EXPECT_GT(GetNumber(renewed, "deadline"), GetNumber(grant, "deadline"));
}

TEST_F(ReplaceTest, ItIsTheSameRunToItsClients) {
  const LineClient before = world_.Connect();
  Replace();
  const LineClient after = world_.Connect();
  EXPECT_EQ(Get(after.hello(), "boot"), Get(before.hello(), "boot"));
}

TEST_F(ReplaceTest, ALineGoesOnInItsOrder) {
  LineClient holder = world_.Connect(), first = world_.Connect(), second = world_.Connect();
  holder.Ask("lock a");
  first.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 1; }));
  second.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 2; }));
  Replace();
  EXPECT_FALSE(first.HasAnswer());
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_EQ(Brief(first.Answer()), "OK");
  EXPECT_FALSE(second.HasAnswer());
  first.Close();
  EXPECT_EQ(Brief(second.Answer()), "OK");
}

TEST_F(ReplaceTest, HalfALineIsFinished) {
  LineClient client = world_.Connect();
  client.SendBytes("ping\nlo");
  EXPECT_EQ(Brief(client.Answer()), "OK");
  Replace();
  client.SendBytes("ck a\n");
  EXPECT_EQ(Brief(client.Answer()), "OK");
  client.SendBytes(std::string(redlock::protocol::kLineBytes + 1, 'x'));
  EXPECT_EQ(Brief(client.Answer()), "ERR line-too-long");
  Replace();
  client.SendBytes("xxx\nping\n");  // the rest of the long line, and the next
  EXPECT_EQ(Brief(client.Answer()), "OK");
}

TEST_F(ReplaceTest, RequestsThatWaitKeepTheirTagsOrderAndOwners) {
  LineClient holder = world_.Connect(), client = world_.Connect();
  holder.Ask("lock a");
  holder.Ask("lock b");
  client.Send("#t lock a as=one");
  client.Send("lock b");
  client.Send("ping");     // waits for the line before it
  client.Send("#u what");  // answered at once
  EXPECT_EQ(client.Answer().tag, "u");
  Replace();
  EXPECT_FALSE(client.HasAnswer());
  EXPECT_EQ(holder.Brief("unlock b"), "OK");
  EXPECT_EQ(Get(client.Answer(), "lock"), "b");
  EXPECT_EQ(Brief(client.Answer()), "OK");        // ping
  EXPECT_EQ(client.Ask("#c cancel t").tag, "t");  // cancelled
  EXPECT_EQ(Brief(client.Answer()), "OK");
}

TEST_F(ReplaceTest, ASetKeepsItsPlaceInAllLines) {
  LineClient holder = world_.Connect(), set = world_.Connect(), after = world_.Connect();
  EXPECT_EQ(holder.Brief("lock a c"), "OK");
  set.Send("lock b a");
  ASSERT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 1; }));
  after.Send("#a lock a");
  ASSERT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 2; }));
  Replace();
  EXPECT_EQ(holder.Brief("check c"), "OK");
  EXPECT_FALSE(set.HasAnswer());
  EXPECT_EQ(holder.Brief("unlock a c"), "OK");
  EXPECT_EQ(Brief(set.Answer()), "OK");
  EXPECT_FALSE(after.HasAnswer());
  Replace();
  EXPECT_EQ(set.Brief("unlock b a"), "OK");
  EXPECT_EQ(after.Answer().tag, "a");
}

TEST_F(ReplaceTest, WhatAClientHasNotReadItReadsFromTheNext) {
  constexpr int kPings = 20'000;  // whose answers are more than a socket takes
  LineClient client = world_.Connect();
  std::string pings;
  for (int i = 0; i < kPings; ++i) pings += "#" + std::to_string(i) + " ping\n";
  client.SendBytes(pings);
  Replace();
  for (int i = 0; i < kPings; ++i) {
    const Reply answer = client.Answer();
    ASSERT_EQ(answer.tag, std::to_string(i)) << Line(answer);
  }
  EXPECT_EQ(client.Brief("ping"), "OK");
}

// A release that a node has not acked is owed on: its key would stay for half a minute.
TEST_F(ReplaceTest, AReleaseIsOwedByTheNext) {
  World world(3, {.ttl = "30s", .max_ttl = "30s"});
  LineClient holder = world.Connect();
  EXPECT_EQ(holder.Brief("lock a"), "OK");
  ASSERT_TRUE(Eventually([&] { return world.nodes.CountWith("a") == 3; }));
  world.nodes[0].Freeze();
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  world.daemon.process().Signal(SIGUSR2);
  EXPECT_EQ(holder.Brief("ping"), "OK");  // by either
  ASSERT_TRUE(Eventually(
      [&] { return world.daemon.Log().find("goes on from the former") != std::string::npos; }));
  world.nodes[0].Thaw();
  EXPECT_TRUE(Eventually([&] { return world.nodes.CountWith("a") == 0; }));
}

// None of them ends the process that is not ready for it yet.
TEST_F(ReplaceTest, SignalsThatComeMeanwhileWait) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  const std::size_t before = Count("goes on from the former process");
  world_.daemon.process().Signal(SIGUSR2);
  for (int i = 0; Count("goes on from the former process") == before; ++i) {
    ASSERT_LT(i, 100'000);
    world_.daemon.process().Signal(SIGHUP);
  }
  ASSERT_TRUE(Eventually([&] { return IsServing(); }));
  EXPECT_EQ(holder.Brief("check a"), "OK");
  world_.daemon.process().Signal(SIGUSR2);
  world_.daemon.process().Signal(SIGTERM);
  holder.Event("DRAINING");
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
}

TEST_F(ReplaceTest, ASignalToLeaveThatComesMeanwhileWaits) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  world_.daemon.process().Signal(SIGUSR2);
  ASSERT_TRUE(Eventually([&] { return Count("replaced by") == 1; }));
  world_.daemon.process().Signal(SIGUSR1);
  holder.Event("DRAINING");
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
}

TEST_F(ReplaceTest, WhoLeavesMeanwhileLetsGo) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  world_.daemon.process().Signal(SIGUSR2);
  holder.Close();
  EXPECT_EQ(Brief(world_.Connect().Ask("lock a wait=5s")), "OK");
}

TEST_F(ReplaceTest, AWatchGoesOn) {
  LineClient watcher = world_.Connect();
  EXPECT_EQ(watcher.Brief("watch"), "OK");
  Replace();
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  EXPECT_EQ(Get(watcher.Event("WATCH"), "lock"), "a");
}

TEST_F(ReplaceTest, AgainAndAgainWithManyClients) {
  constexpr int kClients = 60;
  std::vector<LineClient> clients;
  std::vector<std::string> fences;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(world_.Connect());
    fences.push_back(Get(clients.back().Ask("lock l" + std::to_string(i)), "fence"));
  }
  for (int round = 0; round < 5; ++round) {
    for (auto& client : clients) client.SendBytes("check ");
    Replace();
    for (int i = 0; i < kClients; ++i) clients[i].SendBytes("l" + std::to_string(i) + "\n");
    for (int i = 0; i < kClients; ++i) EXPECT_EQ(Get(clients[i].Answer(), "fence"), fences[i]);
  }
  for (auto& client : clients) EXPECT_FALSE(client.HasEvent("LOST"));
}

// --- where none goes on -------------------------------------------------------------------------

TEST_F(ReplaceTest, AMistakeInTheFileKeepsTheDaemonAsItIs) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  Append("nonsense: 1\n");
  world_.daemon.process().Signal(SIGUSR2);
  ASSERT_TRUE(
      Eventually([&] { return Count("not replaced, and goes on: the file has a mistake") == 1; }));
  EXPECT_EQ(holder.Brief("check a"), "OK");
}

// Whose leases rest on other nodes.
TEST_F(ReplaceTest, OtherSettingsThatLeasesRestOnKeepIt) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  Append("key_prefix: 'other:'\n");
  world_.daemon.process().Signal(SIGUSR2);
  ASSERT_TRUE(
      Eventually([&] { return Count("not replaced, and goes on: the file has other") == 1; }));
  EXPECT_EQ(holder.Brief("check a"), "OK");
}

// The socket goes over as it is.
TEST_F(ReplaceTest, AnotherSocketKeepsIt) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  Append("socket_mode: '0600'\n");
  world_.daemon.process().Signal(SIGUSR2);
  ASSERT_TRUE(
      Eventually([&] { return Count("not replaced, and goes on: the file has another") == 1; }));
  EXPECT_EQ(holder.Brief("check a"), "OK");
}

// Nobody keeps anything for it: it stops as for SIGTERM.
TEST_F(ReplaceTest, WithoutAServiceManagerNothingIsLeft) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  world_.daemon.process().Signal(SIGUSR1);
  holder.Event("DRAINING");
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
