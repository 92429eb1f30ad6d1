// The lines of locks that a rule has audited.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

constexpr char kRules[] =
    "log_level: error\n"  // audits are written even so
    "drain_time: 100ms\n"
    "rules:\n"
    "  - {prefix: pay/, audit: true}\n"
    "  - {prefix: pay/test/, audit: false}\n";

class AuditTest : public testing::Test {
 protected:
  bool Says(const std::string& text) {
    return Eventually([&] { return world_.daemon.Log().find(text) != std::string::npos; });
  }
  static std::string Lock(const std::string& name, const std::string& fence) {
    return "info: audit: lock " + name + " (fence " + fence + ") ";
  }
  static std::string Me() {
    return "uid " + std::to_string(getuid()) + ", pid " + std::to_string(getpid()) + " (";
  }

  World world_{3, {.more = kRules}};
  LineClient a_ = world_.Connect();
  LineClient b_ = world_.Connect();
};

TEST_F(AuditTest, AHandOffIsAnEndAndAGrant) {
  const std::string first = Get(a_.Ask("lock pay/x"), "fence");
  EXPECT_TRUE(Says(Lock("pay/x", first) + "granted to " + Me()));
  b_.SendBytes("lock pay/x\n");
  ASSERT_EQ(a_.Brief("unlock pay/x"), "OK");
  const std::string second = Get(b_.Answer(), "fence");
  EXPECT_TRUE(Says(Lock("pay/x", first) + "of " + Me()));
  EXPECT_TRUE(Says(") ended: unlock\n"));
  EXPECT_TRUE(Says(Lock("pay/x", second) + "granted to " + Me()));
  ASSERT_EQ(b_.Brief("unlock pay/x"), "OK");
  EXPECT_TRUE(Says(Lock("pay/x", second) + "of " + Me()));
}

TEST_F(AuditTest, AnEndSaysWhy) {
  ASSERT_EQ(a_.Brief("lock pay/x max-hold=50ms"), "OK");
  EXPECT_TRUE(Says(") ended: max-hold\n"));
  ASSERT_EQ(b_.Brief("lock pay/y"), "OK");
  b_.Ask("quit");
  EXPECT_TRUE(Says(") ended: closed\n"));
  ASSERT_EQ(a_.Brief("lock pay/z"), "OK");
  for (std::size_t i = 0; i < 2; ++i) world_.nodes[i].Freeze();
  EXPECT_TRUE(Says(") ended: expired\n"));
  for (std::size_t i = 0; i < 2; ++i) world_.nodes[i].Thaw();
}

TEST_F(AuditTest, OtherLocksHaveNoLine) {
  for (const char* lock : {"pay", "x", "pay/test/x"}) {
    ASSERT_EQ(a_.Brief("lock " + std::string(lock)), "OK");
    ASSERT_EQ(a_.Brief("unlock " + std::string(lock)), "OK");
  }
  ASSERT_EQ(a_.Brief("lock pay/last"), "OK");
  EXPECT_TRUE(Says("audit: lock pay/last "));
  const std::string log = world_.daemon.Log();
  EXPECT_EQ(log.find("audit: "), log.rfind("audit: "));
}

TEST_F(AuditTest, AReloadCountsForTheHoldsThatBeginAfterIt) {
  ASSERT_EQ(a_.Brief("lock pay/test/before"), "OK");
  const std::string file = world_.daemon.dir() / "redlockd.yaml";
  std::string yaml = ReadFile(file);
  const std::string off = "audit: false";
  WriteFile(file, yaml.replace(yaml.find(off), off.size(), "audit: true"));
  ASSERT_EQ(a_.Brief("reload"), "OK");
  ASSERT_EQ(a_.Brief("unlock pay/test/before"), "OK");
  ASSERT_EQ(a_.Brief("lock pay/test/after"), "OK");
  EXPECT_TRUE(Says("audit: lock pay/test/after "));
  EXPECT_EQ(world_.daemon.Log().find("pay/test/before"), std::string::npos);
}

// Each grant and each end has a line, or is among those that a line says are missing: also of the
// holds that the daemon's end ends at once.
TEST_F(AuditTest, NothingIsMissingWithoutACount) {
  constexpr long kHolds = 260;
  for (long i = 0; i < kHolds; ++i) {
    ASSERT_EQ(a_.Brief("lock pay/" + std::to_string(i)), "OK");
  }
  EXPECT_EQ(world_.daemon.Stop(), ExitCode(0));
  const std::string log = world_.daemon.Log();
  long lines = 0;
  long missing = 0;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line);) {
    const std::size_t audit = line.find("audit: ");
    if (audit == std::string::npos) continue;
    const std::string rest = line.substr(audit + std::string("audit: ").size());
    rest.starts_with("lock ") ? ++lines : missing += std::stol(rest);
  }
  EXPECT_GT(missing, 0) << log;
  EXPECT_EQ(lines + missing, 2 * kHolds);
}

}  // namespace
}  // namespace redlockd::test
