// redlock health: the exit code says whether locks can be taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class HealthTest : public testing::Test {
 protected:
  Ran Health(const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "health", "--socket",
                                     world_.daemon.socket()};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunProgram(argv);
  }

  World world_{3};
};

TEST_F(HealthTest, FollowsTheNodes) {
  const Ran ok = Health();
  EXPECT_EQ(ok.exit, ExitCode(0));
  EXPECT_EQ(ok.output, "ok: 3 of 3 nodes vote, 2 needed\n");

  world_.nodes[1].Kill();
  world_.daemon.WaitForNodes(2);
  const Ran degraded = Health();
  EXPECT_EQ(degraded.exit, ExitCode(1));
  EXPECT_THAT(degraded.output, AllOf(StartsWith("degraded: 2 of 3 nodes vote, 2 needed; node 2 ("),
                                     HasSubstr(") is down: ")));

  world_.nodes[2].Kill();
  world_.daemon.WaitForNodes(1);
  const Ran none = Health({"--json"});
  EXPECT_EQ(none.exit, ExitCode(2));
  EXPECT_THAT(none.output, HasSubstr("\"health\": \"no-quorum\""));
}

TEST_F(HealthTest, DoesNotWaitLongForADaemon) {
  world_.daemon.process().Freeze();
  const Ran frozen = Health({"--timeout", "50ms"});
  world_.daemon.process().Resume();
  EXPECT_EQ(frozen.exit, ExitCode(3));
  EXPECT_THAT(frozen.output, StartsWith("no-daemon: "));
  world_.daemon.Kill();
  EXPECT_EQ(Health().exit, ExitCode(3));
}

}  // namespace
}  // namespace redlockd::test
