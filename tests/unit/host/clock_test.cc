#include "daemon/host/clock.h"

#include <gtest/gtest.h>

#include "tests/support/wait.h"

namespace redlockd::host {
namespace {

TEST(Clock, IsBoottime) {
  const auto before = test::BootTime();
  const auto now = Now().time_since_epoch();
  const auto after = test::BootTime();
  EXPECT_LE(before, now);
  EXPECT_LE(now, after);
}

}  // namespace
}  // namespace redlockd::host
