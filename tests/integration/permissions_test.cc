// Who may do what with which locks: `rules` of the configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/acting_as.h"
#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

constexpr uid_t kStranger = 65534;
// The group is the one that this test, and so each of its clients, is in.
constexpr char kRules[] =
    "rules:\n"
    "  - {prefix: ours/, lock: 'root,daemon', see: nobody}\n"
    "  - {prefix: ours/shared/, lock: 'group:root', break: '65534'}\n"
    "  - {prefix: lost/, lock: no-such-user}\n";

class PermissionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (getuid() != 0) GTEST_SKIP() << "needs to become another user";
    world_.emplace(3, DaemonOptions{.more = kRules});
    ASSERT_EQ(chmod(world_->daemon.dir().path().c_str(), 0755), 0);
    ASSERT_EQ(chmod(world_->daemon.socket().c_str(), 0666), 0);
    root_.emplace(world_->Connect());
    const ActingAs stranger(kStranger);
    stranger_.emplace(world_->Connect());
  }

  std::optional<World> world_;
  std::optional<LineClient> root_, stranger_;
};

TEST_F(PermissionsTest, LocksAreForThoseOfTheLongestPrefix) {
  EXPECT_EQ(stranger_->Brief("lock free"), "OK");
  const Reply denied = stranger_->Ask("trylock ours/a");
  EXPECT_EQ(Brief(denied), "ERR denied");
  EXPECT_EQ(Get(denied, "reason"), "rule");
  EXPECT_EQ(stranger_->Brief("lock ours/shared/a"), "OK");
  EXPECT_EQ(root_->Brief("lock ours/a"), "OK");
  EXPECT_THAT(world_->daemon.Log(), HasSubstr("trylock ours/a refused to uid 65534"));
}

TEST_F(PermissionsTest, WhatOneMayNotSeeIsNotListed) {
  EXPECT_EQ(root_->Brief("lock ours/a"), "OK");
  EXPECT_EQ(stranger_->Brief("list"), "OK");
  EXPECT_TRUE(stranger_->rows().empty());
  EXPECT_EQ(stranger_->Brief("show ours/a"), "ERR denied");
  EXPECT_EQ(root_->Brief("list"), "OK");
  EXPECT_EQ(root_->rows().size(), 1u);
}

TEST_F(PermissionsTest, AUserWhomARuleLetsMayBreak) {
  const std::string fence = Get(root_->Ask("lock ours/shared/a"), "fence");
  EXPECT_EQ(stranger_->Brief("break ours/shared/a fence=" + fence), "OK");
  EXPECT_EQ(Get(root_->Event("BROKEN"), "fence"), fence);
  const std::string other = Get(root_->Ask("lock ours/a"), "fence");
  EXPECT_EQ(stranger_->Brief("break ours/a fence=" + other), "ERR denied");
}

TEST_F(PermissionsTest, NamesThatTheHostDoesNotKnowAreLogged) {
  EXPECT_THAT(world_->daemon.Log(), HasSubstr("rules: there is no user no-such-user on this host"));
  EXPECT_EQ(stranger_->Brief("lock lost/a"), "ERR denied");
}

}  // namespace
}  // namespace redlockd::test
