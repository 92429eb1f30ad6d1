// SIGTERM: no new grants, holders are told, and what is still held keeps its keys until its
// announced deadline (rule C9).
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>

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

// As a service manager does: it keeps the socket, and hands it to each daemon.
class ActivatedDrainTest : public testing::Test {
 protected:
  ActivatedDrainTest() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_.get(), 100), 0);
    WriteFile(dir_ / "c.yaml",
              ToYaml({.addresses = nodes_.Addresses(),
                      .command_timeout = "400ms",  // not for the slowness of a test machine
                      .connect_timeout = "10s",
                      .more = "drain_time: 1m\n"}));
    Start();
    EXPECT_TRUE(Eventually([&] {
      LineClient client(socket_);
      client.Ask("trust-empty");
      return GetNumber(client.Ask("nodes"), "up") == 3;
    }));
  }

  void Start() {
    const std::string command = "export LISTEN_FDS=1 LISTEN_PID=$$; exec " REDLOCKD_TEST_REDLOCKD
                                " --config " +
                                (dir_ / "c.yaml") + " 3<&" + std::to_string(listener_.get());
    Process::Options options;
    options.output_file = dir_ / "log";
    options.keep = {listener_.get()};
    daemon_.emplace(std::vector<std::string>{"sh", "-c", command}, options);
  }

  Nodes nodes_{3};
  TempDir dir_;
  const std::string socket_ = dir_ / "s";
  const Fd listener_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::optional<Process> daemon_;
};

TEST_F(ActivatedDrainTest, WhoComesDuringTheDrainIsServedByTheNextDaemon) {
  LineClient holder(socket_);
  ASSERT_EQ(holder.Brief("lock a"), "OK");
  daemon_->Signal(SIGTERM);
  holder.Event("DRAINING");
  LineClient newcomer = LineClient::WithoutHello(socket_);
  newcomer.Send("lock b");
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  EXPECT_EQ(daemon_->Wait(), ExitCode(0));
  Start();
  EXPECT_EQ(Brief(newcomer.Answer()), "OK");
}

TEST_F(ActivatedDrainTest, NoShortCommandFailsWhileDaemonsComeAndGo) {
  Process loop(
      {"sh", "-c",
       "while [ ! -e \"$1/over\" ]; do \"$2\" --socket \"$3\" run -n k true || echo \"exit $?\"; "
       "echo >> \"$1/runs\"; done",
       "sh", dir_.path(), REDLOCKD_TEST_REDLOCK, socket_});
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = ReadFile(dir_ / "runs").size();
    ASSERT_TRUE(Eventually([&] { return ReadFile(dir_ / "runs").size() > before + 20; }));
    daemon_->Signal(SIGTERM);
    EXPECT_EQ(daemon_->Wait(), ExitCode(0));
    Start();
  }
  WriteFile(dir_ / "over", "");
  EXPECT_EQ(loop.ReadToEnd(), "");
}

}  // namespace
}  // namespace redlockd::test
