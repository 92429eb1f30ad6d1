#include "daemon/host/entropy.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace redlockd::host {
namespace {

TEST(RandomHex, HasTwoDigitsAByte) {
  EXPECT_EQ(RandomHex(0), "");
  for (const std::size_t bytes : {1, 12, 128}) {
    const std::string hex = RandomHex(bytes);
    EXPECT_EQ(hex.size(), 2 * bytes);
    EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos) << hex;
  }
}

TEST(RandomHex, IsNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(RandomHex(12)).second);
}

TEST(SystemRandom, GivesAllNumbersBelowTheBound) {
  SystemRandom random;
  std::set<std::uint64_t> seen;
  // That one of three is missing after 200 has a chance of 3 * (2/3)^200, or 1e-34.
  for (int i = 0; i < 200; ++i) seen.insert(random.Below(3));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2}));
}

TEST(SystemRandom, KeepsTheEdges) {
  SystemRandom random;
  const std::uint64_t half = std::uint64_t{1} << 63;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(random.Below(1), 0u);
    EXPECT_LT(random.Below(half + 1), half + 1);
    EXPECT_LT(random.Below(half), half);
    EXPECT_LT(random.Below(~std::uint64_t{0}), ~std::uint64_t{0});
  }
}

}  // namespace
}  // namespace redlockd::host
