#include "daemon/engine/attempt.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

TEST(AttemptTest, IsWonWhereAMajorityVotesForOneFence) {
  Attempt attempt(nullptr);
  attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
  attempt.OnAnswer(Answered(0, Verdict::kOk, 7), true);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kOpen);
  attempt.OnAnswer(Answered(1, Verdict::kOk, 7), false);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kOpen) << "a vote that does not count";
  attempt.OnAnswer(Answered(2, Verdict::kOk, 7), true);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kWon);
}

TEST(AttemptTest, ConfirmsAndTriesTwiceMore) {
  Attempt attempt(nullptr);
  for (unsigned round = 1; round <= 3; ++round) {
    attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
    EXPECT_EQ(attempt.first_rounds(), round);
    attempt.OnAnswer(Answered(0, Verdict::kOk, 7), true);
    attempt.OnAnswer(Answered(1, Verdict::kOk, 9), true);
    ASSERT_EQ(attempt.Judge(), Attempt::Result::kConfirm);
    attempt.BeginConfirmRound(3, NodeSet(0b111));
    EXPECT_EQ(attempt.confirmed(), 9);
    attempt.OnAnswer(Answered(0, Verdict::kPassed, 11), true);
    attempt.OnAnswer(Answered(1, Verdict::kPassed, 11), true);
    EXPECT_EQ(attempt.Judge(), round < 3 ? Attempt::Result::kAgain : Attempt::Result::kRefused);
  }
}

TEST(AttemptTest, HasNoQuorumWhereTooFewAnswer) {
  Attempt attempt(nullptr);
  attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
  attempt.OnSilence({.node = 0, .ticket = {}});
  attempt.OnSilence({.node = 1, .ticket = {}});
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kNoQuorum);
}

}  // namespace
}  // namespace redlockd::engine
