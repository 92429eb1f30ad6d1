#include "daemon/engine/contention.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/engine/agenda.h"
#include "daemon/engine/ballot.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class ContentionTest : public ::testing::Test, Contention::Observer {
 protected:
  ContentionTest() { timing_.retry_interval = 100ms; }
  // Rings what is due until then.
  void Pass(Duration until) {
    while (agenda_.RunNext(At(until))) {
    }
  }
  Duration Refused(const std::string& owner, Duration left, Demand demand = {.waiters = 1}) {
    Ballot ballot(3, NodeSet(0b111));
    for (const NodeIndex node : {0, 1}) ballot.Busy(node, owner, left);
    return contention_.OnFailed(At(0s), true, &ballot, demand, {3, 1ms, random_});
  }
  Duration Split(Demand demand = {.waiters = 1}) {
    Ballot ballot(3, NodeSet(0b111));
    ballot.Vote(0, 7);
    ballot.Busy(1, "a:1:h", 1s);
    ballot.Busy(2, "b:1:h", 1s);
    return contention_.OnFailed(At(0s), true, &ballot, demand, {3, 1ms, random_});
  }

  Timing timing_;
  Agenda agenda_;
  GreatestRandom random_;
  Contention contention_{timing_, agenda_, *this};
  unsigned touched_ = 0;
  unsigned out_of_patience_ = 0;

 private:
  void Touch() override { ++touched_; }
  void OnTurn(Time) override {}
  void OnOutOfPatience(Time) override { ++out_of_patience_; }
};

TEST_F(ContentionTest, WaitsForAHolderInSight) {  // rule C11
  EXPECT_EQ(Refused("a:1:h", 10s), 150ms - 1ns) << "a poll";
  EXPECT_EQ(Refused("a:1:h", 5ms), 7ms) << "or shortly after its key has expired";
  EXPECT_FALSE(contention_.IsSplit());
}

TEST_F(ContentionTest, FightsForSplitVotesAtOddsThatGrow) {  // rule E7
  Duration most = 1ms;
  for (int i = 0; i < 5; ++i, most *= 2) EXPECT_EQ(Split(), most - 1ns) << i;
  EXPECT_EQ(Split(), 150ms - 1ns) << "then it looks as if there were a holder after all";
  EXPECT_EQ(Split(), 1ms - 1ns);
}

TEST_F(ContentionTest, ATryAsksAHostAgainThatMayLetGoOfALingeringLease) {
  const Demand a_try{.waiters = 1, .tries = 1, .first_is_try = true, .first_try_since = At(-5ms)};
  EXPECT_EQ(Refused("a:1:h", 10s, a_try), 5ms);
  EXPECT_EQ(Refused("of another program", 10s, a_try), timing_.TryPatience(1ms));
}

TEST_F(ContentionTest, AsksAtOnceWhereItWasFreedMeanwhile) {  // rule E5
  contention_.OnRound();
  EXPECT_FALSE(contention_.OnFreed(0, 2));
  EXPECT_FALSE(contention_.OnFreed(0, 2)) << "twice by one node";
  EXPECT_TRUE(contention_.OnFreed(1, 2));
  EXPECT_EQ(Refused("a:1:h", 10s), 0s);
  contention_.OnRound();
  EXPECT_NE(Refused("a:1:h", 10s), 0s);
}

TEST_F(ContentionTest, ANodeThatVotedHasNothingToSayWhenTheHolderLetsGo) {  // rule C11
  contention_.OnRound();
  contention_.OnFreed(1, 2);
  EXPECT_EQ(Split(), 0s) << "node 0 voted, and node 1 was freed during the round";
  contention_.OnRound();
  EXPECT_NE(Split(), 0s);
  EXPECT_TRUE(contention_.OnFreed(2, 2)) << "... or after it";
}

TEST_F(ContentionTest, IsHeldBackUntilBothPausesAreOver) {
  contention_.CoolDown(At(1s));
  contention_.AwaitRelease(At(2s));
  Pass(1s);
  EXPECT_EQ(touched_, 1u);
  EXPECT_TRUE(contention_.IsHeldBack());
  contention_.OnReleased();
  EXPECT_FALSE(contention_.IsHeldBack());
}

TEST_F(ContentionTest, LosesPatienceOnlyWhileThereIsNoQuorum) {
  contention_.OnFailed(At(1s), false, nullptr, {.waiters = 1}, {3, 1ms, random_});
  contention_.OnFailed(At(2s), false, nullptr, {.waiters = 1}, {3, 1ms, random_});
  EXPECT_EQ(contention_.no_quorum_since(), At(1s));
  contention_.SetPatience(At(3s));
  contention_.OnQuorum();
  Pass(4s);
  EXPECT_EQ(out_of_patience_, 0u);
  EXPECT_FALSE(contention_.no_quorum_since());
}

}  // namespace
}  // namespace redlockd::engine
