#include "daemon/host/notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/fd.h"
#include "tests/support/files.h"

namespace redlockd::host {
namespace {

using namespace std::chrono_literals;

// Plays the service manager.
class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir_ / "notify";
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    manager_ = test::Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(bind(manager_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }

  // The next message, or "none". A datagram is there as soon as it is sent.
  std::string Heard() {
    std::array<char, 512> text;
    const ssize_t size = recv(manager_.get(), text.data(), text.size(), 0);
    return size < 0 ? "none" : std::string(text.data(), static_cast<std::size_t>(size));
  }

  void SetWatchdog(const std::string& microseconds, pid_t pid) {
    setenv("WATCHDOG_USEC", microseconds.c_str(), 1);
    setenv("WATCHDOG_PID", std::to_string(pid).c_str(), 1);
  }

 private:
  test::TempDir dir_;
  test::Fd manager_;
};

TEST_F(NotifierTest, TellsTheServiceManager) {
  Notifier notifier;
  EXPECT_EQ(Heard(), "none");
  notifier.Ready();
  EXPECT_EQ(Heard(), "READY=1");
  notifier.Status("5 of 5 nodes up, 3 leases held");
  EXPECT_EQ(Heard(), "STATUS=5 of 5 nodes up, 3 leases held");
  notifier.Alive();
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  timespec before{};
  clock_gettime(CLOCK_MONOTONIC, &before);
  notifier.Reloading();
  const std::string reloading = Heard(), until = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_EQ(reloading.substr(0, until.size()), until);
  const auto microseconds = std::stoll(reloading.substr(until.size()));
  EXPECT_GE(microseconds, before.tv_sec * 1'000'000 + before.tv_nsec / 1'000);
  EXPECT_LT(microseconds, (before.tv_sec + 60) * 1'000'000);
  notifier.Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(NotifierTest, SendsAStatusOnlyWhenItIsNew) {
  Notifier notifier;
  notifier.Status("a");
  notifier.Status("a");
  notifier.Status("b");
  EXPECT_EQ(Heard(), "STATUS=a");
  EXPECT_EQ(Heard(), "STATUS=b");
  EXPECT_EQ(Heard(), "none");
}

TEST_F(NotifierTest, KeepsAStatusInItsLine) {
  Notifier notifier;
  notifier.Status("a\nREADY=1");
  EXPECT_EQ(Heard(), "STATUS=a READY=1");
}

TEST_F(NotifierTest, KnowsItsWatchdogAndHidesItFromChildren) {
  SetWatchdog("10000000", getpid());
  EXPECT_EQ(Notifier().watchdog(), 10s);
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
  EXPECT_EQ(std::getenv("WATCHDOG_PID"), nullptr);
  EXPECT_EQ(Notifier().watchdog(), std::nullopt);
}

TEST_F(NotifierTest, LeavesAnothersWatchdogAlone) {
  SetWatchdog("10000000", getppid());
  EXPECT_EQ(Notifier().watchdog(), std::nullopt);
}

TEST_F(NotifierTest, IsQuietWithoutAServiceManager) {
  unsetenv("NOTIFY_SOCKET");
  Notifier notifier;
  notifier.Ready();
  notifier.Status("a");
  notifier.Stopping();
  EXPECT_EQ(Heard(), "none");
}

TEST_F(NotifierTest, SurvivesAServiceManagerThatIsGone) {
  setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  Notifier notifier;
  notifier.Ready();
  notifier.Alive();
  EXPECT_EQ(Heard(), "none");
}

}  // namespace
}  // namespace redlockd::host
