#include "daemon/engine/ballot.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace redlockd::engine {
namespace {

using std::chrono::milliseconds;
using Result = Ballot::Result;

TEST(Ballot, AgreesWhenAMajorityVotesForOneFence) {  // rule A3
  Ballot ballot(5, NodeSet(0b11111));
  ballot.Vote(0, 7);
  ballot.Vote(1, 9);
  ballot.Vote(2, 7);
  EXPECT_EQ(ballot.Judge(), Result::kDisagreed);
  ballot.Vote(3, 7);
  EXPECT_EQ(ballot.Judge(), Result::kAgreed);
  EXPECT_EQ(ballot.Agreed(), 7);
  ballot.Vote(4, 99);
  EXPECT_EQ(ballot.Agreed(), 7);
}

TEST(Ballot, IsOpenUntilAMajorityHasVoted) {
  Ballot ballot(3, NodeSet(0b111));
  EXPECT_EQ(ballot.Judge(), Result::kOpen);
  ballot.Vote(0, 7);
  EXPECT_EQ(ballot.Judge(), Result::kOpen);
}

TEST(Ballot, ConfirmsTheGreatestOfTheSmallestMajority) {  // rule A4
  Ballot ballot(5, NodeSet(0b11111));
  ballot.Vote(0, 50);
  ballot.Vote(1, 10);
  ballot.Vote(2, 40);
  EXPECT_EQ(ballot.ToConfirm(), 50);
  ballot.Vote(3, 20);
  EXPECT_EQ(ballot.ToConfirm(), 40);
  ballot.Vote(4, 30);
  EXPECT_EQ(ballot.ToConfirm(), 30);
}

TEST(Ballot, IsRefusedWhenAMajorityIsImpossibleAndAMajorityAnswered) {
  Ballot ballot(5, NodeSet(0b11111));
  ballot.Busy(0, "a", milliseconds(5));
  ballot.Busy(1, "a", milliseconds(3));
  EXPECT_EQ(ballot.Judge(), Result::kOpen);
  ballot.Busy(2, "a", milliseconds(9));
  EXPECT_EQ(ballot.Judge(), Result::kRefused);
  EXPECT_EQ(ballot.Holder(), "a");
  EXPECT_EQ(ballot.ShortestLeft(), milliseconds(3));
}

TEST(Ballot, KnowsASplitVote) {  // rule E7
  Ballot ballot(3, NodeSet(0b111));
  ballot.Vote(0, 7);
  ballot.Busy(1, "a", milliseconds(5));
  ballot.Busy(2, "b", milliseconds(5));
  EXPECT_EQ(ballot.Judge(), Result::kRefused);
  EXPECT_EQ(ballot.Holder(), "");
}

TEST(Ballot, HasNoQuorumWhenTooFewCanAnswer) {
  Ballot ballot(3, NodeSet(0b111));
  ballot.Vote(0, 7);
  ballot.Miss(1, "silent");
  EXPECT_EQ(ballot.Judge(), Result::kOpen);
  ballot.Miss(2, "silent");
  EXPECT_EQ(ballot.Judge(), Result::kNoQuorum);
  ballot.Vote(2, 7);  // an answer that came after all
  EXPECT_EQ(ballot.Judge(), Result::kAgreed);
}

TEST(Ballot, KnowsWhoWasMissedAndWhoFailed) {
  Ballot ballot(5, NodeSet(0b11111));
  ballot.Vote(0, 10);
  ballot.Refuse(1);
  ballot.Fail(2, "OOM");
  ballot.Miss(3, "silent");
  EXPECT_EQ(ballot.Missed(), NodeSet(0b01000)) << "the last may answer yet";
  EXPECT_EQ(ballot.Failures(),
            (NodeFailures{{2, "OOM"}, {3, "silent"}, {4, "has not answered yet"}}));
  ballot.Vote(2, 10);
  EXPECT_EQ(ballot.Failures().count(2), 0u);
}

TEST(Ballot, AVoteSurvivesLaterSilence) {
  Ballot ballot(3, NodeSet(0b111));
  ballot.Vote(0, 7);
  ballot.Miss(0, "silent");
  ballot.Vote(1, 7);
  EXPECT_EQ(ballot.Judge(), Result::kAgreed);
}

TEST(Ballot, WaitsForASilentNodeThatCouldStillDecide) {
  Ballot ballot(3, NodeSet(0b111));
  ballot.Busy(0, "a", milliseconds(5));
  ballot.Miss(1, "silent");
  EXPECT_EQ(ballot.Judge(), Result::kOpen);  // the third tells busy from no quorum
  ballot.Busy(2, "a", milliseconds(5));
  EXPECT_EQ(ballot.Judge(), Result::kRefused);
}

TEST(Ballot, AnEvenSetNeedsMoreThanHalf) {
  Ballot ballot(4, NodeSet(0b1111));
  ballot.Vote(0, 7);
  ballot.Vote(1, 7);
  EXPECT_EQ(ballot.Judge(), Result::kOpen);
  ballot.Miss(2, "silent");
  ballot.Miss(3, "silent");
  EXPECT_EQ(ballot.Judge(), Result::kNoQuorum);
}

TEST(Ballot, KnowsWhenItIsItsTurnIfOthersDoNotCome) {  // rule E8.7
  using std::optional;
  struct Row {
    std::vector<int> rests;  // ms; of each node that says that it is not its turn
    std::size_t votes;
    optional<milliseconds> until;
  };
  for (const Row& row : {
           Row{{}, 0, {}},
           Row{{50, 40}, 0, {}},
           Row{{50, 0, 40}, 0, {}},  // nobody was called on one of them
           Row{{50, 60, 40}, 0, milliseconds(60)},
           Row{{50, 60, 40, 10}, 0, milliseconds(50)},
           Row{{50, 60}, 2, milliseconds(50)},
           Row{{}, 3, milliseconds(0)},
       }) {
    Ballot ballot(5, NodeSet(0b11111));
    NodeIndex node = 0;
    for (const int rest : row.rests) ballot.NotTurn(node++, milliseconds(rest));
    for (std::size_t i = 0; i < row.votes; ++i) ballot.Vote(node++, 7);
    EXPECT_EQ(ballot.UntilTurn(), row.until ? optional<Duration>(*row.until) : std::nullopt);
  }
}

}  // namespace
}  // namespace redlockd::engine
