#include "daemon/dev/dev_nodes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/support/files.h"
#include "tests/support/wait.h"

namespace redlockd::dev {
namespace {

bool Ended(pid_t pid) {
  const char state = test::StateOf(pid);
  return state == 0 || state == 'Z';
}

// Their directories go below one of the test's own.
class DevNodesTest : public ::testing::Test {
 protected:
  DevNodesTest() { setenv("XDG_RUNTIME_DIR", runtime_.path().c_str(), 1); }
  bool Empty() const { return std::filesystem::is_empty(runtime_.path()); }

  test::TempDir runtime_;
};

TEST_F(DevNodesTest, TheyRunInAPrivateDirectoryAndGoWithTheObject) {
  std::optional<DevNodes> nodes;
  nodes.emplace(3u);
  EXPECT_TRUE(nodes->directory().starts_with(runtime_.path() + "/"));
  struct stat of {};
  ASSERT_EQ(stat(nodes->directory().c_str(), &of), 0);
  EXPECT_EQ(of.st_mode & 0777, 0700u);
  ASSERT_EQ(nodes->sockets().size(), 3u);
  for (const auto& socket : nodes->sockets()) EXPECT_EQ(access(socket.c_str(), F_OK), 0) << socket;
  const auto pids = nodes->pids();
  for (const pid_t pid : pids) {
    EXPECT_FALSE(Ended(pid));
    EXPECT_NE(getpgid(pid), getpgrp()) << "a ^C for the daemon must not reach its nodes";
  }
  nodes.reset();
  for (const pid_t pid : pids) EXPECT_TRUE(Ended(pid));
  EXPECT_TRUE(Empty());
}

TEST_F(DevNodesTest, WithoutRedisServerItSaysSoAndLeavesNothing) {
  const std::string path = getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  std::string error;
  try {
    DevNodes nodes(2);
  } catch (const std::runtime_error& e) {
    error = e.what();
  }
  setenv("PATH", path.c_str(), 1);
  EXPECT_NE(error.find("redis-server cannot be run; is it installed?"), std::string::npos) << error;
  EXPECT_TRUE(Empty());
}

TEST_F(DevNodesTest, WithoutADirectoryItNamesIt) {
  setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
  EXPECT_THROW(
      try { DevNodes nodes(1); } catch (const std::runtime_error& e) {
        EXPECT_NE(std::string(e.what()).find("/nonexistent/redlockd-dev"), std::string::npos);
        throw;
      },
      std::runtime_error);
}

TEST_F(DevNodesTest, TheyDieWithAProcessThatIsKilled) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  const pid_t daemon = fork();
  if (daemon == 0) {
    const DevNodes nodes(2);
    for (const pid_t pid : nodes.pids()) {
      if (write(pipe_ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    }
    for (;;) pause();
  }
  std::array<pid_t, 2> pids{};
  for (pid_t& pid : pids) {
    ASSERT_TRUE(test::WaitReadable(pipe_ends[0], test::Countdown(test::kPatience)));
    ASSERT_EQ(read(pipe_ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  }
  kill(daemon, SIGKILL);
  waitpid(daemon, nullptr, 0);
  for (const pid_t pid : pids) {
    EXPECT_TRUE(test::Eventually([&] { return Ended(pid); }));
  }
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  const DevNodes others(1);  // what is left of the old ones is in nobody's way
}

}  // namespace
}  // namespace redlockd::dev
