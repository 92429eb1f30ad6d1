#include "daemon/engine/contention.h"

#include <gtest/gtest.h>

#include <optional>
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
    return contention_.OnFailed(At(0s), true, &ballot, demand, Odds());
  }
  Duration Split(Demand demand = {.waiters = 1}) {
    Ballot ballot(3, NodeSet(0b111));
    ballot.Vote(0, 7);
    ballot.Busy(1, "a:1:h", 1s);
    ballot.Busy(2, "b:1:h", 1s);
    return contention_.OnFailed(At(0s), true, &ballot, demand, Odds());
  }
  Contention::Odds Odds(bool hears = true, bool is_stand = false) {
    return {.nodes = 3, .round_trip = 1ms, .hears = hears, .is_stand = is_stand, .random = random_};
  }
  // A round, registered, in which it is told its place.
  void Ask(std::uint32_t place) {
    Want& want = contention_.want();
    want.OnAsked(NodeSet(0b111), want.NextRound(At(0s), 1000, true));
    contention_.OnRound();
    want.OnPlace(place);
  }
  // When its pause is over, counted from At(0s).
  std::optional<Duration> Ready() {
    const auto next = agenda_.Next();
    return next ? std::optional<Duration>(*next - At(0s)) : std::nullopt;
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
  EXPECT_EQ(Refused("a:1:h", 10s), 100ms - 1ns) << "a poll";
  EXPECT_EQ(Refused("a:1:h", 5ms), 7ms) << "or shortly after its key has expired";
  EXPECT_FALSE(contention_.IsSplit());
}

TEST_F(ContentionTest, RemembersAStampUntilTheClockHasPassedIt) {  // rule E6.1
  contention_.want().OnSeen(1500, 1000);
  contention_.Stop(At(0s), 1000);
  EXPECT_FALSE(contention_.MayBeForgotten());
  Pass(499us);
  EXPECT_FALSE(contention_.MayBeForgotten());
  EXPECT_EQ(touched_, 0u);
  Pass(500us);
  EXPECT_TRUE(contention_.MayBeForgotten());
  EXPECT_EQ(touched_, 1u) << "the lock may be forgotten now";
  contention_.Stop(At(500us), 1500);
  EXPECT_TRUE(contention_.MayBeForgotten());
}

TEST_F(ContentionTest, FightsForSplitVotesAtOddsThatGrow) {  // rule E7
  Duration most = 1ms;
  for (int i = 0; i < 5; ++i, most *= 2) EXPECT_EQ(Split(), most - 1ns) << i;
  EXPECT_EQ(Split(), 100ms - 1ns) << "then it looks as if there were a holder after all";
  EXPECT_EQ(Split(), 1ms - 1ns);
}

TEST_F(ContentionTest, ATryAsksAHostAgainThatMayLetGoOfALingeringLease) {
  const Demand a_try{.waiters = 1, .tries = 1, .first_is_try = true, .first_try_since = At(-5ms)};
  EXPECT_EQ(Refused("a:1:h", 10s, a_try), 5ms);
  EXPECT_EQ(Refused("of another program", 10s, a_try), timing_.TryPatience(1ms));
}

// --- calls --------------------------------------------------------------------------------------

TEST_F(ContentionTest, ComesAtOnceWhereAMajorityCallsAndSoonAfterTheFirst) {  // rule E8.9
  contention_.BackOff(At(1min));
  contention_.OnCalled(At(0s), 0, 2, 3ms);
  EXPECT_EQ(Ready(), 3ms);
  contention_.OnCalled(At(1ms), 0, 2, 3ms);
  EXPECT_EQ(Ready(), 3ms) << "twice by one node";
  contention_.OnCalled(At(2ms), 1, 2, 3ms);
  EXPECT_EQ(Ready(), 2ms);
}

TEST_F(ContentionTest, CallsDuringARoundCountForTheNext) {  // rule E8.9
  contention_.OnRound();
  contention_.OnCalled(At(0s), 0, 2, 3ms);
  EXPECT_EQ(Ready(), std::nullopt) << "it does not back off";
  EXPECT_EQ(Refused("a:1:h", 10s), 1ms) << "one call: another may be lost";
  contention_.OnCalled(At(0s), 1, 2, 3ms);
  EXPECT_EQ(Refused("a:1:h", 10s), 0s);
  contention_.OnRound();
  EXPECT_EQ(Refused("a:1:h", 10s), 100ms - 1ns);
}

TEST_F(ContentionTest, ANodeThatVotedHasNothingToSayWhenTheHolderLetsGo) {  // rule C11
  contention_.OnRound();
  contention_.OnCalled(At(0s), 1, 2, 3ms);
  EXPECT_EQ(Split(), 0s) << "node 0 voted, and node 1 called during the round";
  contention_.OnRound();
  EXPECT_NE(Split(), 0s);
  contention_.BackOff(At(1min));
  contention_.OnCalled(At(0s), 2, 2, 3ms);
  EXPECT_EQ(Ready(), 0s) << "... or after it";
}

TEST_F(ContentionTest, ComesNextWhereTheFirstDoesNot) {  // rule E8.7
  contention_.ComeAt(At(5ms));
  EXPECT_EQ(Ready(), std::nullopt) << "a round is under way, or none is to come";
  contention_.BackOff(At(50ms));
  contention_.ComeAt(At(80ms));
  EXPECT_EQ(Ready(), 50ms);
  contention_.ComeAt(At(20ms));
  EXPECT_EQ(Ready(), 20ms);
}

TEST_F(ContentionTest, WhoStaysOutAnswersNoCalls) {  // rule E6.6
  contention_.OnFailed(At(0s), false, nullptr, {.waiters = 1}, Odds());
  contention_.BackOff(At(50ms));
  contention_.OnCalled(At(0s), 0, 2, 3ms);
  contention_.OnCalled(At(0s), 1, 2, 3ms);
  contention_.ComeAt(At(20ms));
  EXPECT_EQ(Ready(), 50ms);
}

TEST_F(ContentionTest, ComesBackToANodeWithItsEntriesOnly) {  // rule E8.10
  contention_.BackOff(At(1min));
  contention_.ComeWithin(At(0s), 1s, random_);
  EXPECT_EQ(Ready(), 1min) << "it has none anywhere";
  Ask(1);
  contention_.ComeWithin(At(0s), 1s, random_);
  EXPECT_EQ(Ready(), 1s);
  contention_.ComeWithin(At(1ms), 0s, random_);
  EXPECT_EQ(Ready(), 1ms);
  contention_.StopBackingOff();
  contention_.ComeWithin(At(1ms), 0s, random_);
  EXPECT_EQ(Ready(), std::nullopt) << "a round is under way";
}

TEST_F(ContentionTest, ComesBackAfterTheRoundThatIsOut) {  // rule E8.10
  Ask(40);
  contention_.ComeWithin(At(0s), 0s, random_);
  EXPECT_EQ(Refused("a:1:h", 10s), 0s);
  Ask(40);
  EXPECT_EQ(Refused("a:1:h", 10s), 1s - 1ns) << "once";
}

TEST_F(ContentionTest, ComesBackNoSoonerWhereThereIsNoQuorum) {  // rule E8.10
  Ask(40);
  contention_.ComeWithin(At(0s), 0s, random_);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(contention_.OnFailed(At(0s), false, nullptr, {.waiters = 1}, Odds()), 100ms - 1ns);
  }
}

TEST_F(ContentionTest, ANodeThatWouldHaveVotedDoesNotCall) {  // rules C11, E8.3
  Ask(40);
  Ballot ballot(3, NodeSet(0b111));
  ballot.Turn(0);
  for (const NodeIndex node : {1, 2}) ballot.NotTurn(node, 0ms);
  contention_.OnFailed(At(0s), true, &ballot, {.waiters = 1}, Odds(true, true));
  contention_.BackOff(At(1min));
  contention_.OnCalled(At(0s), 1, 2, 3ms);
  EXPECT_EQ(Ready(), 0s);
}

// --- polls --------------------------------------------------------------------------------------

TEST_F(ContentionTest, PollsByItsPlace) {  // rules C11, E8.3, E8.7
  struct Row {
    const char* what;
    std::uint32_t place;
    Duration left;  // of the holder's key
    Duration rest;  // of the grace of the one who is called, on the third node
    bool hears;
    Duration next;
  };
  for (const Row& row : {
           Row{"near", 1, 10s, 0s, true, 100ms - 1ns},
           Row{"near, and the key goes", 2, 30ms, 0s, true, 32ms},
           Row{"far", 40, 10s, 0s, true, 1s - 1ns},
           Row{"far, and all would come at once", 40, 30ms, 0s, true, 1s - 1ns},
           Row{"far, and hears nothing", 40, 10s, 0s, false, 500ms - 1ns},
       }) {
    contention_.want().End();
    Ask(row.place);
    Refused("a:1:h", row.left);
    Ask(row.place);
    Ballot ballot(3, NodeSet(0b111));
    for (const NodeIndex node : {0, 1}) ballot.Busy(node, "a:1:h", row.left);
    EXPECT_EQ(contention_.OnFailed(At(0s), true, &ballot, {.waiters = 1}, Odds(row.hears)),
              row.next)
        << row.what;
  }
}

TEST_F(ContentionTest, ComesWhenTheGraceOfThoseWhoAreCalledIsOver) {  // rule E8.7
  Ask(2);
  Ballot ballot(3, NodeSet(0b111));
  for (const NodeIndex node : {0, 1}) ballot.NotTurn(node, 20ms);
  EXPECT_EQ(contention_.OnFailed(At(0s), true, &ballot, {.waiters = 1}, Odds()), 22ms);
}

TEST_F(ContentionTest, AStandIsNoSplit) {  // rules E7, E8.3
  Ask(8);
  Ballot ballot(3, NodeSet(0b111));
  ballot.Turn(0);
  for (const NodeIndex node : {1, 2}) ballot.NotTurn(node, 0ms);
  EXPECT_EQ(contention_.OnFailed(At(0s), true, &ballot, {.waiters = 1}, Odds(true, true)),
            200ms - 1ns);
  EXPECT_FALSE(contention_.IsSplit());
}

// --- pauses -------------------------------------------------------------------------------------

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
  contention_.OnFailed(At(1s), false, nullptr, {.waiters = 1}, Odds());
  contention_.OnFailed(At(2s), false, nullptr, {.waiters = 1}, Odds());
  EXPECT_EQ(contention_.no_quorum_since(), At(1s));
  contention_.SetPatience(At(3s));
  contention_.OnQuorum();
  Pass(4s);
  EXPECT_EQ(out_of_patience_, 0u);
  EXPECT_FALSE(contention_.no_quorum_since());
}

}  // namespace
}  // namespace redlockd::engine
