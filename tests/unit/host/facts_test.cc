#include "daemon/host/facts.h"

#include <grp.h>
#include <gtest/gtest.h>
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

}  // namespace
}  // namespace redlockd::host
