#include "daemon/session/under_way.h"

#include <gtest/gtest.h>

#include <string>

namespace redlockd::session {
namespace {

TEST(UnderWay, FindsRequestsByIdAndByTag) {
  UnderWay requests;
  EXPECT_TRUE(requests.empty());
  requests.Add({.id = 1, .tag = "", .subject = "a", .is_wait = true});
  requests.Add({.id = 2, .tag = "t", .subject = "b", .is_wait = true});
  requests.Add({.id = 3, .tag = "u", .subject = "", .is_wait = false});
  EXPECT_EQ(requests.Find(1)->subject, "a");
  EXPECT_EQ(requests.Find(2)->subject, "b");
  EXPECT_EQ(requests.Find(4), nullptr);
  EXPECT_EQ(requests.FindTag("u")->id, 3u);
  EXPECT_EQ(requests.FindTag(""), nullptr);
  EXPECT_EQ(requests.waits(), 2u);
  EXPECT_EQ(requests.others(), 1u);
}

TEST(UnderWay, ForgetsWhatIsRemoved) {
  UnderWay requests;
  requests.Add({.id = 1, .tag = "", .subject = "a", .is_wait = true});
  requests.Add({.id = 2, .tag = "t", .subject = "b", .is_wait = false});
  requests.Remove(1);
  EXPECT_FALSE(requests.HasUntagged());
  EXPECT_EQ(requests.waits(), 0u);
  requests.Remove(2);
  EXPECT_EQ(requests.FindTag("t"), nullptr);
  EXPECT_TRUE(requests.empty());
  requests.Add({.id = 3, .tag = "t", .subject = "c", .is_wait = true});  // the tag is free again
  EXPECT_EQ(requests.FindTag("t")->id, 3u);
}

TEST(UnderWay, GivesAllInTheOrderOfTheirIds) {
  UnderWay requests;
  requests.Add({.id = 1, .tag = "t", .subject = "", .is_wait = true});
  requests.Add({.id = 2, .tag = "", .subject = "", .is_wait = true});
  requests.Add({.id = 3, .tag = "a", .subject = "", .is_wait = false});
  std::string ids;
  for (const auto& [id, request] : requests.TakeAll()) ids += std::to_string(request.id);
  EXPECT_EQ(ids, "123");
  EXPECT_TRUE(requests.empty());
  EXPECT_FALSE(requests.HasUntagged());
  EXPECT_EQ(requests.FindTag("t"), nullptr);
  EXPECT_EQ(requests.waits(), 0u);
}

}  // namespace
}  // namespace redlockd::session
