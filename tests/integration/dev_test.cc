// redlockd --dev: nodes of its own, which end with it, however it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class DevTest : public testing::Test {
 protected:
  // Starts it and waits until it serves on the socket that it prints.
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCKD, "--dev"};
    argv.insert(argv.end(), more.begin(), more.end());
    daemon_.emplace(
        argv, Process::Options{.env = {{"XDG_RUNTIME_DIR", dir_.path()}}, .output_file = log_});
    ASSERT_TRUE(Eventually([&] { return Serves(); })) << ReadFile(log_);
  }
  bool Serves() {
    const std::string log = ReadFile(log_);
    const std::string_view kSays = "serving on ";
    const std::size_t begin = log.find(kSays);
    const std::size_t end = log.find('\n', begin);
    if (begin == std::string::npos || end == std::string::npos) return false;
    socket_ = log.substr(begin + kSays.size(), end - begin - kSays.size());
    EXPECT_TRUE(socket_.starts_with(dir_.path() + "/"))
        << "not under $XDG_RUNTIME_DIR: " << socket_;
    try {
      return LineClient(socket_).Brief("ping") == "OK";
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  // The redis-servers whose parent it is.
  std::vector<pid_t> Servers() {
    std::vector<pid_t> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string status = ReadFile(entry.path() / "status");
      const std::string parent = "\nPPid:\t" + std::to_string(daemon_->pid()) + "\n";
      if (status.find(parent) != std::string::npos && status.starts_with("Name:\tredis-server")) {
        pids.push_back(std::stoi(name));
      }
    }
    return pids;
  }
  static bool AllGone(const std::vector<pid_t>& pids) {
    return std::all_of(pids.begin(), pids.end(),
                       [](pid_t pid) { return StateOf(pid) == '\0' || StateOf(pid) == 'Z'; });
  }

  TempDir dir_;
  const std::string log_ = dir_ / "log";
  std::optional<Process> daemon_;
  std::string socket_;
};

TEST_F(DevTest, ServesAtOnce) {
  Start();
  LineClient client(socket_);
  const Reply grant = client.Ask("lock a");
  EXPECT_EQ(Brief(grant), "OK") << Line(grant);
  EXPECT_THAT(Get(grant, "votes"), testing::EndsWith("/5"));
  EXPECT_EQ(Servers().size(), 5u);
}

TEST_F(DevTest, HasAsManyNodesAsAskedFor) {
  Start({"--nodes", "3"});
  LineClient client(socket_);
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(Get(client.Ask("nodes"), "nodes"), "3");
  EXPECT_EQ(Servers().size(), 3u);
}

TEST_F(DevTest, TakesItsNodesDownWhenItIsStopped) {
  Start({"--nodes", "3"});
  const std::vector<pid_t> servers = Servers();
  ASSERT_EQ(servers.size(), 3u);
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->Wait(), ExitCode(0));
  EXPECT_TRUE(Eventually([&] { return AllGone(servers); }));
  std::filesystem::remove(log_);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path())) << "it left files behind";
}

// As it belongs to its terminal; any other daemon goes on (SignalsTest).
TEST_F(DevTest, EndsWithItsTerminal) {
  Start({"--nodes", "3"});
  const std::vector<pid_t> servers = Servers();
  daemon_->Signal(SIGHUP);
  EXPECT_EQ(daemon_->Wait(), ExitCode(0));
  EXPECT_TRUE(Eventually([&] { return AllGone(servers); }));
}

TEST_F(DevTest, TakesItsNodesDownWhenItIsKilled) {
  Start({"--nodes", "3"});
  const std::vector<pid_t> servers = Servers();
  ASSERT_EQ(servers.size(), 3u);
  daemon_->Signal(SIGKILL);
  daemon_->Wait();
  EXPECT_TRUE(Eventually([&] { return AllGone(servers); }));
}

TEST_F(DevTest, SurvivesTheLossOfTwo) {
  Start();
  const std::vector<pid_t> servers = Servers();
  ASSERT_EQ(servers.size(), 5u);
  LineClient client(socket_);
  client.Ask("lock held");
  kill(servers[0], SIGKILL);
  kill(servers[1], SIGKILL);
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(client.Brief("check held"), "OK");
}

}  // namespace
}  // namespace redlockd::test
