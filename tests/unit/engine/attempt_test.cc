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

TEST(AttemptTest, AStandSaysWhetherItIsWorthAFirstRound) {  // rule E8.3
  using Result = Attempt::Result;
  struct Row {
    Verdict first, second, third;
    bool votes;
    Result result;
  };
  for (const Row& row : {
           Row{Verdict::kTurn, Verdict::kTurn, Verdict::kBusy, true, Result::kTurn},
           Row{Verdict::kTurn, Verdict::kBusy, Verdict::kTurn, true, Result::kTurn},
           Row{Verdict::kTurn, Verdict::kBusy, Verdict::kNotTurn, true, Result::kRefused},
           Row{Verdict::kTurn, Verdict::kError, Verdict::kError, true, Result::kNoQuorum},
           Row{Verdict::kTurn, Verdict::kTurn, Verdict::kTurn, false, Result::kNoQuorum},
           // It asked for no vote, so it has none.
           Row{Verdict::kOk, Verdict::kOk, Verdict::kOk, true, Result::kNoQuorum},
       }) {
    Attempt attempt(nullptr);
    attempt.BeginStand(At(1s), 3, NodeSet(0b111));
    EXPECT_EQ(attempt.asks(), Ticket::Kind::kStand);
    EXPECT_EQ(attempt.asked(), At(1s));
    attempt.OnAnswer(Answered(0, row.first, 7), row.votes);
    attempt.OnAnswer(Answered(1, row.second, 7), row.votes);
    attempt.OnAnswer(Answered(2, row.third, 7), row.votes);
    EXPECT_EQ(attempt.Judge(), row.result) << static_cast<int>(row.second);
    EXPECT_EQ(attempt.first_rounds(), 0u);
  }
}

TEST(AttemptTest, ATurnIsNoVote) {  // rule E8.3
  Attempt attempt(nullptr);
  attempt.BeginFirstRound(At(0s), 3, NodeSet(0b111));
  for (const NodeIndex node : {0, 1}) attempt.OnAnswer(Answered(node, Verdict::kTurn, 7), true);
  EXPECT_EQ(attempt.Judge(), Attempt::Result::kNoQuorum);
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
