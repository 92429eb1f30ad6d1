#include "daemon/engine/tenure.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class TenureTest : public ::testing::Test {
 protected:
  TenureTest() { timing_.tenure_max = 1s; }
  Tenure::Next Free(Duration at, bool has_waiters, Duration linger = 0s) {
    return tenure_.OnFree(At(at), timing_, linger, has_waiters);
  }
  Timing timing_;
  Tenure tenure_;
};

TEST_F(TenureTest, HandsOffWhileSomebodyWaitsAndNotForLonger) {
  tenure_.OnGranted(At(0s), false);
  EXPECT_EQ(Free(5s, true), Tenure::Next::kHandOff) << "the first hold is not counted";
  tenure_.OnHold(true);
  EXPECT_EQ(Free(5999ms, true), Tenure::Next::kHandOff);
  EXPECT_EQ(Free(6s, true), Tenure::Next::kEnd);
  EXPECT_TRUE(tenure_.IsOver(At(6s), timing_));
}

TEST_F(TenureTest, LingersOnlyWhereItMay) {
  tenure_.OnGranted(At(0s), false);
  EXPECT_EQ(Free(0s, false), Tenure::Next::kEnd);
  EXPECT_EQ(Free(0s, false, 3s), Tenure::Next::kLinger);
  EXPECT_TRUE(tenure_.Linger(At(0s), timing_, 3s));
  EXPECT_EQ(tenure_.lingers_until(), At(1s)) << "until the tenure is over at most";
  EXPECT_FALSE(tenure_.Linger(At(500ms), timing_, 3s)) << "it does so already";
}

TEST_F(TenureTest, EndsSoonWhereAnotherHostWantsIt) {
  tenure_.OnWanted(At(0s), false);
  EXPECT_FALSE(tenure_.IsWanted()) << "there is nothing to want yet";
  tenure_.OnGranted(At(1s), false);
  EXPECT_TRUE(tenure_.IsWanted());
  EXPECT_EQ(Free(1s, false, 3s), Tenure::Next::kEnd) << "it does not linger";
  for (unsigned i = 0; i < Timing::kHandoffsWhileWanted; ++i) {
    ASSERT_EQ(Free(1s, true), Tenure::Next::kHandOff) << i;
    tenure_.OnHold(true);
  }
  EXPECT_EQ(Free(1s, true), Tenure::Next::kEnd);
}

TEST_F(TenureTest, EndsAfterATimeWhereAnotherHostWantsIt) {
  tenure_.OnGranted(At(0s), false);
  tenure_.OnWanted(At(0s), true);
  EXPECT_TRUE(tenure_.HasQueue());
  EXPECT_EQ(Free(Timing::kHandoffTimeWhileWanted - 1ns, true), Tenure::Next::kHandOff);
  EXPECT_EQ(Free(Timing::kHandoffTimeWhileWanted, true), Tenure::Next::kEnd);
}

TEST_F(TenureTest, ThatOwesACooldownHasOneHold) {
  tenure_.OnGranted(At(0s), true);
  EXPECT_EQ(Free(0s, true), Tenure::Next::kEnd);
}

}  // namespace
}  // namespace redlockd::engine
