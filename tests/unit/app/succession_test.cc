#include "daemon/app/succession.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "config/load.h"
#include "daemon/host/clock.h"

// What a process of the daemon takes over from the one before, and what it does not.
namespace redlockd::app {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

config::Config With(const std::string& more,
                    const std::string& nodes = "[{address: 'a:1'}, {address: 'b:1'}]") {
  const config::Loaded loaded = config::LoadText("nodes: " + nodes + "\n" + more, "t");
  EXPECT_THAT(loaded.errors, IsEmpty()) << more;
  return loaded.config;
}

TEST(SuccessionTest, OtherLimitsDoNotMatter) {
  EXPECT_EQ(
      WhyNotUnder(With("limits: {sessions: 3}\nlog_level: debug\nlease: {ttl: 5s}\n"), With("")),
      "");
}

TEST(SuccessionTest, WhatLeasesRestOnDoes) {
  for (const char* more :
       {"key_prefix: 'x:'\n", "lease: {max_ttl: 90s}\n",
        "safety: {fence_window: 20s, fence_life: 10m}\n", "safety: {drift: 0.01}\n"}) {
    EXPECT_THAT(WhyNotUnder(With(more), With("")), Not(IsEmpty())) << more;
  }
  EXPECT_THAT(WhyNotUnder(With("", "[{address: 'b:1'}, {address: 'a:1'}]"), With("")),
              Not(IsEmpty()));
  EXPECT_THAT(WhyNotUnder(With("", "[{address: 'a:1', database: 1}, {address: 'b:1'}]"), With("")),
              Not(IsEmpty()));
}

class TakeOverTest : public testing::Test {
 protected:
  TakeOverTest() {
    image_.terms = TermsOf(config_);
    image_.engine = {.instance = "i", .saved = host::Now(), .nodes = {{}, {}}};
    image_.sessions = {.last_id = 1, .clients = {{.id = 1}}};
    image_.engine.sessions = {{.id = 1}};
  }
  static host::Inherited Of(const state::Image& image) {
    host::Inherited inherited;
    inherited.handover = std::get<host::Handover>(host::Handover::Pack(state::Encode(image), {}));
    return inherited;
  }

  const config::Config config_ = With("");
  state::Image image_;
};

TEST_F(TakeOverTest, GoesOnFromWhatIsGood) {
  const auto former = TakeOver(Of(image_), config_);
  ASSERT_TRUE(former);
  EXPECT_EQ(former->image, image_);
}

// Else its clients would lose everything to a process that cannot go on.
TEST_F(TakeOverTest, WhatTheNextProcessWouldRefuseIsNotLeft) {
  EXPECT_TRUE(std::holds_alternative<host::Handover>(Pack(image_, {}, config_)));
  image_.engine.nodes.pop_back();
  EXPECT_THAT(std::get<std::string>(Pack(image_, {}, config_)), HasSubstr("it is of 1 nodes"));
}

TEST_F(TakeOverTest, ThereMayBeNothing) { EXPECT_FALSE(TakeOver({}, config_)); }

TEST_F(TakeOverTest, TakesNothingOfOtherNodesOrOfWhatCannotBe) {
  EXPECT_FALSE(TakeOver(Of(image_), With("key_prefix: 'x:'\n")));
  state::Image image = image_;
  image.engine.nodes.pop_back();
  EXPECT_FALSE(TakeOver(Of(image), config_));
  image = image_;
  image.engine.saved = host::Now() + std::chrono::hours(1);
  EXPECT_FALSE(TakeOver(Of(image), config_));
  image = image_;
  image.sessions.clients.push_back({.id = 1});
  EXPECT_FALSE(TakeOver(Of(image), config_));
}

// The engine would wait for its end for ever.
TEST_F(TakeOverTest, TakesNothingWhereEngineAndClientsAreNotTheSame) {
  state::Image image = image_;
  image.engine.sessions = {{.id = 1}, {.id = 2}};
  EXPECT_FALSE(TakeOver(Of(image), config_));
  image = image_;
  image.engine.sessions.clear();
  EXPECT_FALSE(TakeOver(Of(image), config_));
}

}  // namespace
}  // namespace redlockd::app
