// How redlockd starts, and how it says that it will not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kUsage = 64;
constexpr int kConfig = 78;

class StartupTest : public testing::Test {
 protected:
  Ran Redlockd(std::vector<std::string> args) {
    args.insert(args.begin(), REDLOCKD_TEST_REDLOCKD);
    return RunProgram(std::move(args));
  }
  Ran Check(const std::string& yaml) {
    WriteFile(file_, yaml);
    return Redlockd({"--check-config", "--config", file_});
  }

  TempDir dir_;
  const std::string file_ = dir_ / "redlockd.yaml";
};

TEST_F(StartupTest, CheckConfigPrintsWhatWouldBeInForce) {
  const Ran ran = Check(ToYaml({.addresses = {"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"}}));
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("10.0.0.2:6379"));
}

// The times that RULES.md calls derived.
TEST_F(StartupTest, CheckConfigPrintsTheTimesThatFollow) {
  const Ran ran = Check(ToYaml({.addresses = {"127.0.0.1:1"}, .tenure_max = "500ms"}));
  EXPECT_THAT(ran.output, HasSubstr("# min_ttl: 405ms\n"
                                    "# drift_allowance of lease.ttl: 4ms\n"
                                    "# drift_allowance of lease.max_ttl: 4ms\n"
                                    "# quarantine: 3s\n"
                                    "# cooldown: 50ms\n"
                                    "# max_interval: 5s\n"
                                    "# first_poll: 500ms\n"
                                    "# want_penalty: 1.2s\n"));
}

TEST_F(StartupTest, EveryMistakeIsToldAtOnceAndWhere) {
  const Ran ran = Check(
      "nodes:\n"
      "  - adress: 10.0.0.1:6379\n"
      "  - address: 10.0.0.2\n"
      "lease: {ttl: soon, max_ttl: 2s}\n"
      "limits: {sessions: -1}\n");
  EXPECT_EQ(ran.exit, ExitCode(kConfig));
  EXPECT_THAT(ran.output, HasSubstr(file_ + ":2:"));
  EXPECT_THAT(ran.output, HasSubstr("address"));
  EXPECT_THAT(ran.output, HasSubstr(file_ + ":3:"));
  EXPECT_THAT(ran.output, HasSubstr(file_ + ":4:"));
  EXPECT_THAT(ran.output, HasSubstr(file_ + ":5:"));
}

TEST_F(StartupTest, TimesThatDoNotFitTogetherAreAMistake) {
  const std::string set = "nodes: [{address: \"127.0.0.1:1\"}]\ntimeouts: {command: 50ms}\n";
  Ran ran = Check(set + "lease: {ttl: 3s, max_ttl: 2s}\n");
  EXPECT_EQ(ran.exit, ExitCode(kConfig));
  EXPECT_THAT(ran.output,
              HasSubstr(":3:14: lease.ttl: expected at most lease.max_ttl (2s), found 3s\n"));
  ran = Check(set + "lease: {ttl: 100ms}\nsafety: {fence_life: 20s}\n");
  EXPECT_EQ(ran.exit, ExitCode(kConfig));
  EXPECT_THAT(
      ran.output,
      HasSubstr(":3:14: lease.ttl: expected at least 204ms (4 x the longest command timeout "
                "+ 2 x the drift allowance), found 100ms\n"));
  EXPECT_THAT(ran.output, HasSubstr(":4:22: safety.fence_life: expected more than 2 x "
                                    "safety.fence_window (20s), found 20s\n"));
}

TEST_F(StartupTest, ANodeListedTwiceIsAMistake) {
  const Ran ran = Check(ToYaml({.addresses = {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1"}}));
  EXPECT_EQ(ran.exit, ExitCode(kConfig));
  EXPECT_THAT(ran.output, HasSubstr("127.0.0.1:1"));
}

TEST_F(StartupTest, AnEvenNumberOfNodesIsAWarning) {
  const Ran ran = Check(ToYaml({.addresses = {"127.0.0.1:1", "127.0.0.1:2"}}));
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("warning"));
}

TEST_F(StartupTest, SecretsAreReadAndNeverPrinted) {
  WriteFile(dir_ / "password", "very-s3cret\n");
  DaemonOptions options{.addresses = {"127.0.0.1:1"},
                        .node_keys = {{"password_file", dir_ / "password"}}};
  const Ran ran = Check(ToYaml(options));
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_THAT(ran.output, testing::Not(HasSubstr("very-s3cret")));
  options.node_keys["password_file"] = dir_ / "absent";
  EXPECT_EQ(Check(ToYaml(options)).exit, ExitCode(kConfig));
}

TEST_F(StartupTest, NoConfigurationIsTold) {
  const Ran ran = Redlockd({"--config", dir_ / "absent.yaml"});
  EXPECT_EQ(ran.exit, ExitCode(kConfig));
  EXPECT_THAT(ran.output, HasSubstr("absent.yaml"));
}

TEST_F(StartupTest, WrongOptionsAreTold) {
  EXPECT_EQ(Redlockd({"--no-such-option"}).exit, ExitCode(kUsage));
  EXPECT_EQ(Redlockd({"--nodes", "3"}).exit, ExitCode(kUsage));
  EXPECT_EQ(Redlockd({"--dev", "--nodes", "0"}).exit, ExitCode(kUsage));
  EXPECT_EQ(Redlockd({"--dev", "--config", file_}).exit, ExitCode(kUsage));
}

TEST_F(StartupTest, HelpAndVersion) {
  EXPECT_EQ(Redlockd({"--help"}).exit, ExitCode(0));
  const Ran version = Redlockd({"--version"});
  EXPECT_EQ(version.exit, ExitCode(0));
  EXPECT_THAT(version.output, HasSubstr("redlockd "));
}

TEST_F(StartupTest, ASocketInUseIsNotTakenAway) {
  World world(1);
  WriteFile(file_, ToYaml({.addresses = world.nodes.Addresses()}));
  const Ran ran = Redlockd({"--config", file_, "--socket", world.daemon.socket()});
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_THAT(ran.output, HasSubstr(world.daemon.socket()));
  EXPECT_EQ(world.Connect().Brief("ping"), "OK");
}

TEST_F(StartupTest, ASocketThatADeadDaemonLeftIsReplaced) {
  World world(1);
  world.daemon.Kill();
  EXPECT_EQ(access(world.daemon.socket().c_str(), F_OK), 0);
  world.daemon.Start();
  EXPECT_EQ(world.Connect().Brief("ping"), "OK");
  EXPECT_EQ(world.daemon.Stop(), ExitCode(0));
  EXPECT_NE(access(world.daemon.socket().c_str(), F_OK), 0) << "it takes its own away";
}

TEST_F(StartupTest, TheSocketIsTheFirstThatIsGiven) {
  Nodes nodes(1);
  DaemonOptions options{.addresses = nodes.Addresses()};
  options.more = "socket: " + (dir_ / "from-config") + "\n";
  WriteFile(file_, ToYaml(options));
  const auto serves = [](const std::string& path) {
    return Eventually([&] {
      try {
        return LineClient(path).Brief("ping") == "OK";
      } catch (const std::runtime_error&) {
        return false;
      }
    });
  };
  const std::vector<std::string> command = {REDLOCKD_TEST_REDLOCKD, "--config", file_};
  {
    Process daemon(command);
    EXPECT_TRUE(serves(dir_ / "from-config"));
  }
  {
    Process daemon(command, {.env = {{"REDLOCK_SOCKET", dir_ / "from-environment"}}});
    EXPECT_TRUE(serves(dir_ / "from-environment"));
  }
  {
    std::vector<std::string> with_option = command;
    with_option.insert(with_option.end(), {"--socket", dir_ / "from-option"});
    Process daemon(with_option, {.env = {{"REDLOCK_SOCKET", dir_ / "from-environment"}}});
    EXPECT_TRUE(serves(dir_ / "from-option"));
  }
}

TEST_F(StartupTest, ClosedStandardDescriptorsAreNoSockets) {
  FreePort nobody;
  WriteFile(file_, ToYaml({.addresses = {"127.0.0.1:" + std::to_string(nobody.number())}}));
  Process daemon({"sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh", REDLOCKD_TEST_REDLOCKD, "--config",
                  file_, "--socket", dir_ / "s"});
  const auto answers = [&] {
    try {
      return LineClient(dir_ / "s").Brief("ping") == "OK";
    } catch (const std::exception&) {
      return false;  // it is not there yet, or nobody listens on it yet
    }
  };
  ASSERT_TRUE(Eventually(answers));
  for (const char* fd : {"0", "1", "2"}) {
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(daemon.pid()) + "/fd/" + fd),
              "/dev/null");
  }
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait(), ExitCode(0));
}

TEST_F(StartupTest, BootChangesWithEachStart) {
  World world(1);
  const auto boot = [&] { return Get(world.Connect().hello(), "boot"); };
  const std::string first = boot();
  EXPECT_EQ(boot(), first);
  world.daemon.Kill();
  world.daemon.Start();
  EXPECT_NE(boot(), first);
}

TEST_F(StartupTest, WithoutNodesItServesAndSaysWhy) {
  FreePort nobody;
  Daemon daemon({"127.0.0.1:" + std::to_string(nobody.number())});
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("ping"), "OK");
  const Reply refused = client.Ask("trylock a");
  EXPECT_EQ(Brief(refused), "ERR no-quorum");
  EXPECT_THAT(refused.text, HasSubstr("refused"));
}

TEST_F(StartupTest, TheFirstClientsWaitForTheSlowestNodesConnectTimeout) {
  FreePort nobody;
  DaemonOptions options{.addresses = {"127.0.0.1:" + std::to_string(nobody.number())},
                        .node_keys = {{"timeouts", "{connect: 1m}"}},
                        .connect_timeout = "110ms"};
  WriteFile(file_, ToYaml(options));
  Process daemon({REDLOCKD_TEST_REDLOCKD, "--config", file_, "--socket", dir_ / "s"});
  std::optional<LineClient> client;
  ASSERT_TRUE(Eventually([&] {
    try {
      client.emplace(LineClient::WithoutHello(dir_ / "s"));
    } catch (const std::runtime_error&) {
      return false;  // it does not listen yet
    }
    return true;
  }));
  EXPECT_FALSE(Eventually([&] { return client->HasEvent("HELLO"); }, 500ms));
}

TEST_F(StartupTest, AnAdminGroupThatIsNotThereIsAWarning) {
  FreePort nobody;
  Daemon daemon({.addresses = {"127.0.0.1:" + std::to_string(nobody.number())},
                 .more = "admin_group: no-such-group\n"});
  EXPECT_THAT(daemon.Log(), HasSubstr("admin_group: there is no group no-such-group"));
}

class DescriptorsTest : public StartupTest {
 protected:
  Process Start(int descriptors) {
    FreePort nobody;
    DaemonOptions options{.addresses = {"127.0.0.1:" + std::to_string(nobody.number())},
                          .more = "connections_per_node: 3\nlimits: {sessions: 100}\n"};
    WriteFile(file_, ToYaml(options));
    return Process({"sh", "-c", "ulimit -n " + std::to_string(descriptors) + "; exec \"$@\"", "sh",
                    REDLOCKD_TEST_REDLOCKD, "--config", file_, "--socket", dir_ / "s"});
  }
};

TEST_F(DescriptorsTest, TooFewForItsSessionsAreAWarning) {
  Process few = Start(271);
  EXPECT_THAT(
      few.ReadUntil("serving"),
      HasSubstr(
          "only 271 file descriptors are allowed: limits.sessions 100 needs 272, so it is 99"));
  few.Signal(SIGTERM);
  EXPECT_EQ(few.Wait(), ExitCode(0));
  Process enough = Start(272);
  EXPECT_THAT(enough.ReadUntil("serving"), Not(HasSubstr("descriptors")));
  enough.Signal(SIGTERM);
  EXPECT_EQ(enough.Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
