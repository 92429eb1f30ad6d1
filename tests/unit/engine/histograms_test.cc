#include "daemon/engine/histograms.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/engine_fixture.h"

namespace redlockd::engine {
namespace {

TEST(Histogram, CountsBetweenBounds) {
  Histogram histogram;
  for (const Duration duration : {Duration(0), Duration(100us), Duration(101us), Duration(2h)}) {
    histogram.Add(duration);
  }
  EXPECT_EQ(histogram.Within(0), 2u) << "a bound is within";
  EXPECT_EQ(histogram.Within(1), 1u);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) all += histogram.Within(i);
  EXPECT_EQ(all, 3u) << "two hours are beyond the last bound";
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_DOUBLE_EQ(histogram.sum(), 7200.000201);
}

TEST(Histograms, AreByTheLongestRuleThatFits) {
  const Linger rules{.by_prefix = {{"a", 1ms}, {"a/b", 1ms}}};
  Histograms histograms(rules);
  histograms.Of("a/b/c").waits.Add(1s);
  histograms.Of("a/x").waits.Add(1s);
  histograms.Of("a/y").waits.Add(1s);
  histograms.Of("z").waits.Add(1s);
  ASSERT_EQ(histograms.by_prefix().size(), 3u);
  EXPECT_EQ(histograms.by_prefix().at("").waits.count(), 1u);
  EXPECT_EQ(histograms.by_prefix().at("a").waits.count(), 2u);
  EXPECT_EQ(histograms.by_prefix().at("a/b").waits.count(), 1u);
}

class HistogramsOfLocks : public EngineFixture {
 protected:
  HistogramsOfLocks() {
    Start();
    a_ = Open();
    b_ = Open();
  }
  const Histograms::OfRule& All() { return engine_->histograms().by_prefix().at(""); }

  SessionId a_, b_;
};

TEST_F(HistogramsOfLocks, WaitsAndHoldsAreAsLongAsTheyWere) {
  Lock(a_);
  const auto second = Lock(b_);
  Pass(700ms);
  Unlock(a_);
  ASSERT_TRUE(GrantOf(second));
  EXPECT_EQ(All().waits.count(), 2u);
  EXPECT_GE(All().waits.sum(), 0.7);
  EXPECT_LT(All().waits.sum(), 0.71);
  EXPECT_EQ(All().holds.count(), 1u);
  EXPECT_GE(All().holds.sum(), 0.69);
  Close(b_);
  EXPECT_EQ(All().holds.count(), 2u) << "a hold that ends with its session is one too";
}

TEST_F(HistogramsOfLocks, ARenewalLeavesAMargin) {
  Lock(a_);
  const Duration ttl = Holds().at(0).ttl;
  const double seconds = std::chrono::duration<double>(ttl).count();
  Pass(ttl / 2);
  ASSERT_EQ(engine_->counters().renewals, 1u);
  EXPECT_EQ(All().margins.count(), 1u);
  EXPECT_GT(All().margins.sum(), seconds / 3);
  EXPECT_LT(All().margins.sum(), seconds);
}

TEST_F(HistogramsOfLocks, ALossIsAHoldThatIsOver) {
  Lock(a_, {.max_hold = 100ms});
  Pass(100ms);
  EXPECT_EQ(All().holds.count(), 1u);
  EXPECT_EQ(engine_->counters().lost_max_hold, 1u);
  EXPECT_EQ(engine_->counters().lost, 1u);
}

}  // namespace
}  // namespace redlockd::engine
