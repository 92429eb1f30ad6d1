#include "daemon/engine/rests.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class RestsTest : public testing::Test {
 protected:
  // The tenures of a lock that is busy all the time, up to then, by their numbers: those that are
  // followed by a rest.
  std::vector<int> RestsOf(const std::string& lock, int first, int last) {
    std::vector<int> due;
    for (int tenure = first; tenure <= last; ++tenure) {
      const Time now = At(tenure * 1s);
      if (!rests_.IsDue(now, lock)) continue;
      rests_.Begin(now, lock);
      due.push_back(tenure);
    }
    return due;
  }

  Linger linger_{.usual = 20ms, .by_prefix = {{"web:", 5ms}, {"web:a", 0ms}}};
  Timing timing_{.tenure_max = 1s};
  Rests rests_{linger_, timing_};
};

TEST_F(RestsTest, ComeMoreAndMoreRarely) {  // rule E1
  EXPECT_EQ(RestsOf("a", 1, 300), (std::vector<int>{1, 2, 4, 8, 16, 32, 64, 128, 192, 256}));
  EXPECT_EQ(RestsOf("b", 301, 304), (std::vector<int>{301, 302, 304})) << "each lock has its own";
}

TEST_F(RestsTest, ComeAfterEachTenureOnceAPlainClientWasMet) {
  RestsOf("web:b", 1, 100);
  RestsOf("a", 1, 100);
  rests_.MeetPlainClient("web:c");
  EXPECT_EQ(RestsOf("web:b", 101, 104), (std::vector<int>{101, 102, 103, 104}));
  EXPECT_EQ(RestsOf("a", 101, 127), std::vector<int>{}) << "of another rule for lingering";
  EXPECT_EQ(RestsOf("web:ab", 101, 105), (std::vector<int>{101, 102, 104}));
  rests_.MeetPlainClient("x");
  EXPECT_EQ(RestsOf("a", 106, 107), (std::vector<int>{106, 107}));
}

TEST_F(RestsTest, RulesAndTheTenureMayChange) {
  rests_.MeetPlainClient("web:b");
  linger_.by_prefix = {{"web:", 7ms}};
  EXPECT_EQ(RestsOf("web:a", 1, 4), (std::vector<int>{1, 2, 3, 4}));
  linger_.by_prefix.clear();
  EXPECT_EQ(RestsOf("web:b", 1, 5), (std::vector<int>{1, 2, 4})) << "its rule is gone";
  timing_.tenure_max = 3s;
  EXPECT_EQ(RestsOf("a", 1, 9), (std::vector<int>{1, 4}));
}

TEST_F(RestsTest, ALockThatWasIdleBeginsAnew) {
  RestsOf("a", 1, 9);  // the next is due at 16
  EXPECT_FALSE(rests_.IsDue(At(15s), "a"));
  EXPECT_EQ(RestsOf("a", 25, 29), (std::vector<int>{25, 26, 28}));
}

TEST_F(RestsTest, TooManyLocksRestAfterEachTenure) {
  for (std::size_t i = 0; i < Rests::kMost; ++i) rests_.Begin(At(1s), "x" + std::to_string(i));
  EXPECT_EQ(RestsOf("a", 2, 3), (std::vector<int>{2, 3}));
  EXPECT_FALSE(rests_.IsDue(At(1500ms), "x0"));
  EXPECT_EQ(RestsOf("a", 4, 7), (std::vector<int>{4, 5, 7})) << "idle ones make room";
}

TEST(LingerTest, TheLongestPrefixThatFitsCounts) {
  const Linger linger{.usual = 20ms, .by_prefix = {{"web:", 5ms}, {"web:a", 0ms}}};
  EXPECT_EQ(linger.PrefixOf("web:ab"), "web:a");
  EXPECT_EQ(linger.PrefixOf("web:b"), "web:");
  EXPECT_EQ(linger.PrefixOf("we"), "");
}

}  // namespace
}  // namespace redlockd::engine
