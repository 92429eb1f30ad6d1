#include "daemon/redis/backoff.h"

#include <gtest/gtest.h>

namespace redlockd::redis {
namespace {

TEST(BackoffTest, DoublesToItsBoundAndBeginsAnew) {
  Backoff backoff(1);
  std::chrono::nanoseconds bound = Backoff::kLeast;
  for (int i = 0; i < 12; ++i) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait, bound / 2);
    EXPECT_LE(wait, bound);
    bound = std::min<std::chrono::nanoseconds>(bound * 2, Backoff::kMost);
  }
  EXPECT_EQ(bound, Backoff::kMost);
  backoff.Reset();
  EXPECT_LE(backoff.Next(), Backoff::kLeast);
}

TEST(BackoffTest, IsMorePatientUntilItIsConnected) {
  Backoff backoff(1);
  EXPECT_EQ(backoff.patience(), 1);
  for (const int patience : {2, 4, 4}) {
    backoff.HandshakeTimedOut();
    backoff.Next();
    EXPECT_EQ(backoff.patience(), patience);
  }
  backoff.Reset();
  EXPECT_EQ(backoff.patience(), 1);
}

TEST(BackoffTest, TwoLinksDoNotWaitAlike) {
  Backoff one(1);
  Backoff other(2);
  EXPECT_NE(one.Next(), other.Next());
}

}  // namespace
}  // namespace redlockd::redis
