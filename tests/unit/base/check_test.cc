#include "base/check.h"

#include <gtest/gtest.h>

namespace redlock::base {
namespace {

TEST(Check, GoesOnWhereTheConditionHolds) {
  int looked = 0;
  CHECK(++looked == 1);
  EXPECT_EQ(looked, 1);
}

// In every build type: this test runs in `release` too, which has NDEBUG.
TEST(CheckDeathTest, EndsTheProcessWithTheExpressionAndThePlace) {
  const int fence = 0;
  EXPECT_DEATH(CHECK(fence > 0),
               "tests/unit/base/check_test.cc:[0-9]+: CHECK\\(fence > 0\\) failed");
}

}  // namespace
}  // namespace redlock::base
