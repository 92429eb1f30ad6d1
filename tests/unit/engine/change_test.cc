#include "tests/unit/engine/engine_fixture.h"

// Other options while the engine runs (Engine::Change): they count from the next use on, and what is
// under way goes on.
namespace redlockd::engine {
namespace {

class ChangeTest : public EngineFixture {
 protected:
  ChangeTest() {
    Make(3);
    Start();
    a_ = Open();
    b_ = Open();
  }
  void Change() { engine_->Change(timing_, linger_, audit_, limits_); }
  // Whether the nodes still have x, which nobody holds.
  bool Lingers() { return KeysOf("me:1:here") > 0; }

  Limits limits_;
  SessionId a_, b_;
};

TEST_F(ChangeTest, LingerCountsForTheNextThatLetsGo) {
  MustHold(a_);
  linger_.usual = 20ms;
  Change();
  Unlock(a_);
  Pass(19ms);
  EXPECT_TRUE(Lingers());
  Pass(2ms);
  EXPECT_FALSE(Lingers());
}

TEST_F(ChangeTest, WhatLingersGoesOnForAsLongAsItWouldHave) {
  linger_.usual = 20ms;
  Change();
  MustHold(a_);
  Unlock(a_);
  linger_.usual = 0ms;
  Change();
  Pass(19ms);
  EXPECT_TRUE(Lingers());
  Pass(2ms);
  EXPECT_FALSE(Lingers());
}

TEST_F(ChangeTest, RulesCountForTheirNames) {
  linger_ = {.usual = 20ms, .by_prefix = {{"x", 0ms}}};
  Change();
  MustHold(a_);
  Unlock(a_);
  EXPECT_FALSE(Lingers());
}

TEST_F(ChangeTest, AHoldGoesOnWithItsTtlAndTheNextHasTheNewOne) {
  const Granted first = MustHold(a_);
  timing_.ttl = 1s;
  Change();
  Pass(2s);
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].ttl, first.ttl);
  Unlock(a_);
  EXPECT_EQ(MustHold(a_).ttl, Duration(1s));
}

TEST_F(ChangeTest, ALowerLimitTakesNothingAndRefusesMore) {
  const RequestId first = Lock(a_, {.name = "x"});
  const RequestId second = Lock(a_, {.name = "y"});
  limits_.locks_per_session = 1;
  Change();
  Pass(3s);
  EXPECT_TRUE(GrantOf(first) && GrantOf(second));
  EXPECT_EQ(Holds().size(), 2u);
  EXPECT_EQ(WhyFailed(Lock(a_, {.name = "z"})), Failure::kLimit);
  EXPECT_TRUE(GrantOf(Lock(b_, {.name = "z"})));
  limits_ = {};
  Change();
  EXPECT_TRUE(GrantOf(Lock(a_, {.name = "u"})));
}

TEST_F(ChangeTest, ALimitForAUserCountsAtOnce) {
  limits_.locks_per_uid = 1;
  Change();
  EXPECT_TRUE(GrantOf(Lock(a_, {.name = "x"})));
  EXPECT_EQ(WhyFailed(Lock(b_, {.name = "y"})), Failure::kLimit);
}

TEST_F(ChangeTest, ALimitForNewNamesCountsAtOnce) {
  limits_.new_names_per_uid = 1;
  Change();
  std::size_t granted = 0;
  for (int i = 0; i < 100; ++i) {
    granted += GrantOf(Lock(a_, {.name = "n" + std::to_string(i)})) ? 1 : 0;
  }
  EXPECT_EQ(granted, 60u) << "those of a minute";
}

TEST_F(ChangeTest, QuorumWaitCountsForTheNextThatWaits) {
  for (const NodeIndex i : {0u, 1u}) Down(i);
  timing_.quorum_wait = 2s;
  Change();
  const RequestId request = Lock(a_);
  Pass(1900ms);
  EXPECT_FALSE(Answered(request));
  Pass(200ms);
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

TEST_F(ChangeTest, TheShortestTtlFollowsFromTheCommandTimeout) {
  EXPECT_TRUE(GrantOf(Lock(a_, {.ttl = 300ms})));
  timing_.command_timeout = 100ms;
  Change();
  EXPECT_EQ(WhyFailed(Lock(a_, {.name = "y", .ttl = 300ms})), Failure::kBadTtl);
}

using ChangeDeathTest = ChangeTest;

TEST_F(ChangeDeathTest, WhatOthersRelyOnMustNotChange) {
  const Timing before = timing_;
  for (const auto& change : std::vector<void (*)(Timing&)>{
           [](Timing& t) { t.max_ttl += 1s; }, [](Timing& t) { t.drift *= 2; },
           [](Timing& t) { t.fence_window += 1s; }, [](Timing& t) { t.fence_life += 1s; },
           [](Timing& t) { t.ttl = t.max_ttl + 1s; },
           [](Timing& t) { t.ttl = t.MinTtl() - 1ns; }}) {
    timing_ = before;
    change(timing_);
    EXPECT_DEATH(Change(), "MayFollow");
  }
}

}  // namespace
}  // namespace redlockd::engine
