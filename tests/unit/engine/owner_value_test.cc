#include "daemon/engine/owner_value.h"

#include <gtest/gtest.h>

#include <string>

namespace redlockd::engine {
namespace {

TEST(OwnerValueTest, IsReadAsItWasWritten) {
  const std::string owner = OwnerValue("abc", 17, "host:1");
  EXPECT_EQ(owner, "abc:17:host:1");
  const auto parts = ParseOwnerValue(owner);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->instance, "abc");
  EXPECT_EQ(parts->host, "host:1");
}

TEST(OwnerValueTest, OfAnotherProgramHasNoParts) {
  for (const char* other :
       {"", ":", ":1:h", "abc", "abc:", "abc:1", "abc:x:h", "abc::h", "a:1x:h"}) {
    EXPECT_FALSE(ParseOwnerValue(other)) << other;
  }
}

TEST(OwnerValueTest, PlainClientsAreThoseThatNoRedlockdKnows) {
  const std::string owner = OwnerValue("abc", 17, "host");
  EXPECT_TRUE(IsOfPlainClient("abc"));
  EXPECT_TRUE(IsOfPlainClient(""));
  for (const std::string& ours : {owner, std::string(kKept) + owner, std::string(kSharedValue)}) {
    EXPECT_FALSE(IsOfPlainClient(ours)) << ours;
  }
}

}  // namespace
}  // namespace redlockd::engine
