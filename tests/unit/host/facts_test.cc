#include "daemon/host/facts.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

namespace redlockd::host {
namespace {

TEST(HostName, IsTheKernels) {
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(HostName(), name.data());
}

TEST(GroupId, IsThatOfTheGroup) {
  EXPECT_EQ(GroupId("root"), 0u);
  EXPECT_EQ(GroupId("daemon"), getgrnam("daemon")->gr_gid);
  EXPECT_EQ(GroupId("no-such-group-here"), std::nullopt);
  EXPECT_EQ(GroupId(""), std::nullopt);
}

TEST(UserId, IsThatOfTheUser) {
  EXPECT_EQ(UserId("root"), 0u);
  EXPECT_EQ(UserId("daemon"), getpwnam("daemon")->pw_uid);
  EXPECT_EQ(UserId("no-such-user-here"), std::nullopt);
  EXPECT_EQ(UserId(""), std::nullopt);
}

TEST(UserId, MayBeANumber) {
  EXPECT_EQ(UserId("4242"), 4242u);
  EXPECT_EQ(GroupId("4242"), 4242u);
  EXPECT_EQ(UserId("4294967294"), 4294967294u);
  for (const char* none : {"4294967295", "4294967296", "-1", "+1", "0x1", " 1", "1 ", "1.5"}) {
    EXPECT_EQ(UserId(none), std::nullopt) << none;
  }
}

}  // namespace
}  // namespace redlockd::host
