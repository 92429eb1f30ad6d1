#include "daemon/host/facts.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "tests/support/files.h"

namespace redlockd::host {
namespace {

TEST(HostName, IsTheKernels) {
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(HostName(), name.data());
}

TEST(BootId, IsTheKernels) {
  EXPECT_EQ(BootId() + "\n", test::ReadFile("/proc/sys/kernel/random/boot_id"));
  EXPECT_EQ(BootId().size(), 36u);
}

TEST(GroupId, IsThatOfTheGroup) {
  EXPECT_EQ(GroupId("root"), 0u);
  EXPECT_EQ(GroupId("daemon"), getgrnam("daemon")->gr_gid);
  EXPECT_EQ(GroupId("no-such-group-here"), std::nullopt);
  EXPECT_EQ(GroupId(""), std::nullopt);
}

}  // namespace
}  // namespace redlockd::host
