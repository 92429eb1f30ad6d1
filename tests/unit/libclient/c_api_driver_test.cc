// Runs each test of the C program against a fake daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <redlock/redlock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

// The exit status of `c_api_test NAME [ERROR]`.
int RunC(const std::string& socket, const std::string& name, const std::string& error = "0") {
  const pid_t child = fork();
  if (child == 0) {
    setenv("REDLOCK_SOCKET", socket.c_str(), 1);
    execl(C_API_TEST, C_API_TEST, name.c_str(), error.c_str(), nullptr);
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

class CApi : public testing::TestWithParam<const char*> {};

TEST_P(CApi, FromC) {
  FakeDaemon daemon;
  EXPECT_EQ(RunC(daemon.path(), GetParam()), 0);
  EXPECT_TRUE(daemon.WaitForSessions(0)) << "a session was left open";
}

INSTANTIATE_TEST_SUITE_P(
    All, CApi,
    testing::Values("LockAndUnlock", "Contention", "BadArguments", "LongerStructs",
                    "ClosedDescriptors", "LinesHaveABound", "QueriesGiveRows", "EventLoop",
                    "Cancelling", "Events", "DaemonCloses", "Closing", "Nonsense", "NoAnswer",
                    "LateGrant", "Sets", "ASetWithTheNameOfAWord", "BadSets", "SetsOfLongerGrants",
                    "SetsInAnEventLoop", "ALateGrantOfASet", "Fork", "AForkedChildKeepsNothing",
                    "AForkedChildMayKeepACopy", "Callbacks", "Connecting", "Texts"),
    [](const auto& info) { return std::string(info.param); });

TEST(CApiWire, OptionsAreSent) {
  FakeDaemon daemon;
  EXPECT_EQ(RunC(daemon.path(), "OptionsAreSent"), 0);
  EXPECT_THAT(daemon.received(),
              testing::ElementsAre("lock jobs wait=250ms ttl=20s max-hold=1h min-hold=1m "
                                   "note=nightly%20run events=renew,wanted"));
}

TEST(CApiWire, WhatIsNotAskedForIsNotSent) {
  FakeDaemon daemon;
  EXPECT_EQ(RunC(daemon.path(), "LockAndUnlock"), 0);
  EXPECT_EQ(daemon.received().at(0), "lock a%20name%3D50%25");
  EXPECT_EQ(daemon.received().at(2), "unlock a%20name%3D50%25 sync fence=1");
}

TEST(CApiWire, ALateGrantOfSeveralIsGivenBackOneByOne) {
  FakeDaemon daemon;
  EXPECT_EQ(RunC(daemon.path(), "ALateGrantOfASet"), 0);
  EXPECT_THAT(daemon.received(),
              testing::ElementsAre("deaf", "lock a b wait=0s", "cancel 2", "ping",
                                   "unlock a fence=1", "unlock b fence=2", "check a", "check b"));
}

// In another process nothing is written: all that the daemon gets is the parent's.
TEST(CApiWire, AForkedChildWritesNothing) {
  FakeDaemon daemon;
  EXPECT_EQ(RunC(daemon.path(), "Fork"), 0);
  EXPECT_THAT(daemon.received(), testing::ElementsAre("lock a", "check a"));
}

TEST(CApiWire, GreetingsThatAreNotRedlockdsAreRefused) {
  const struct {
    const char* greeting;
    int error;
  } kCases[] = {
      {"* HELLO redlockd 2 caps=exclusive line=4096 boot=x", REDLOCK_EPROTOCOL},
      {"* HELLO", REDLOCK_EPROTOCOL},
      {"220 mail.example.com ESMTP", REDLOCK_EPROTOCOL},
      {"ERR limit :too many sessions", REDLOCK_ELIMIT},
      {"ERR wonder", REDLOCK_EUNKNOWN},
      {"* HELLO redlockd 1 caps=exclusive line=4096 boot=x\nnonsense", REDLOCK_EPROTOCOL},
  };
  for (const auto& c : kCases) {
    FakeDaemon daemon(c.greeting);
    EXPECT_EQ(RunC(daemon.path(), "Greeting", std::to_string(c.error)), 0) << c.greeting;
  }
}

}  // namespace
}  // namespace redlock::client
