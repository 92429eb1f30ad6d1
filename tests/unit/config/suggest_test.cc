#include "config/suggest.h"

#include <gtest/gtest.h>

namespace redlockd::config {
namespace {

TEST(EditDistance, CountsChanges) {
  EXPECT_EQ(EditDistance("ttl", "ttl"), 0u);
  EXPECT_EQ(EditDistance("", "ttl"), 3u);
  EXPECT_EQ(EditDistance("tl", "ttl"), 1u);
  EXPECT_EQ(EditDistance("tttl", "ttl"), 1u);
  EXPECT_EQ(EditDistance("ttk", "ttl"), 1u);
  EXPECT_EQ(EditDistance("tlt", "ttl"), 1u);  // neighbours swapped
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(Nearest, IsWhatWasMeant) {
  const std::vector<std::string> names = {"socket", "nodes", "lease", "safety"};
  EXPECT_EQ(Nearest("sokcet", names), "socket");
  EXPECT_EQ(Nearest("node", names), "nodes");
  EXPECT_EQ(Nearest("leasse", names), "lease");
}

TEST(Nearest, IsNothingWhenNothingIsNear) {
  const std::vector<std::string> names = {"socket", "nodes", "lease", "safety"};
  EXPECT_EQ(Nearest("metrics", names), std::nullopt);
  EXPECT_EQ(Nearest("", names), std::nullopt);
  EXPECT_EQ(Nearest(std::string(100'000, 'x'), names), std::nullopt);
}

}  // namespace
}  // namespace redlockd::config
