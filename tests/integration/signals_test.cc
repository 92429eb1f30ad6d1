// What signals do to redlockd, in whatever state its parent left them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class SignalsTest : public testing::Test {
 protected:
  SignalsTest() { WriteFile(dir_ / "c.yaml", ToYaml({.addresses = nodes_.Addresses()})); }

  Process& Start(const std::vector<int>& ignored = {}) {
    daemon_.reset();
    WriteFile(log_, "");
    Process::Options options;
    options.output_file = log_;
    options.ignore = ignored;
    daemon_.emplace(std::vector<std::string>{REDLOCKD_TEST_REDLOCKD, "--config", dir_ / "c.yaml",
                                             "--socket", dir_ / "s"},
                    options);
    EXPECT_TRUE(Eventually([&] { return Log().find("serving") != std::string::npos; }));
    return *daemon_;
  }
  std::string Log() const { return ReadFile(log_); }
  // All signals that were sent before have arrived when it has answered.
  bool Serves() const { return LineClient(dir_ / "s").Brief("ping") == "OK"; }

  Nodes nodes_{1};
  TempDir dir_;
  const std::string log_ = dir_ / "log";
  std::optional<Process> daemon_;
};

TEST_F(SignalsTest, HangupReloadsAndIsNoEnd) {
  Process& daemon = Start();
  daemon.Signal(SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Log().find("reloaded ") != std::string::npos; }));
  EXPECT_TRUE(Serves());
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait(), ExitCode(0));
}

TEST_F(SignalsTest, InterruptStops) {
  Process& daemon = Start();
  daemon.Signal(SIGINT);
  EXPECT_EQ(daemon.Wait(), ExitCode(0));
}

// As nohup(1) starts it, and a shell what is to run in the background.
TEST_F(SignalsTest, HangupAndInterruptThatWereIgnoredStaySo) {
  Process& daemon = Start({SIGHUP, SIGINT});
  daemon.Signal(SIGHUP);
  daemon.Signal(SIGINT);
  EXPECT_TRUE(Serves());
  EXPECT_THAT(Log(), Not(HasSubstr("reload")));
  EXPECT_THAT(Log(), Not(HasSubstr("stopping")));
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait(), ExitCode(0));
}

TEST_F(SignalsTest, TermStopsItThoughItWasIgnoredOrBlocked) {
  {
    Process& daemon = Start({SIGTERM});
    daemon.Signal(SIGTERM);
    EXPECT_EQ(daemon.Wait(), ExitCode(0));
  }
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  Process& daemon = Start();
  pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
