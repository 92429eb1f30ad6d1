#include "daemon/engine/want.h"

#include <gtest/gtest.h>

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

constexpr NodeSet kAll(0b111);

class WantTest : public testing::Test {
 protected:
  Queueing Next(bool may_stand = true) { return want_.NextRound(now_, 1000, may_stand); }
  // A round goes out.
  Queueing Ask(bool may_stand = true) {
    const Queueing queueing = Next(may_stand);
    want_.OnAsked(kAll, queueing);
    return queueing;
  }
  void Fail(bool reached, bool only_queue = false) {
    want_.OnRoundFailed(now_, reached, only_queue);
  }
  // A round that fails, in which nodes told it these places.
  Queueing Round(std::initializer_list<std::uint32_t> places) {
    const Queueing queueing = Ask();
    for (const std::uint32_t place : places) want_.OnPlace(place);
    Fail(true);
    return queueing;
  }

  Timing timing_;
  Want want_{timing_};
  Time now_{1000s};
};

TEST_F(WantTest, RegistersWhereRefusedFirstAndAlwaysLater) {  // rule E6.2
  EXPECT_EQ(Ask(), Queueing::kIfRefused);
  want_.OnVote(1);
  EXPECT_EQ(want_.Entries(), NodeSet(0b101));
  Fail(true);
  EXPECT_EQ(Next(), Queueing::kAlways);
}

TEST_F(WantTest, AVoteForALaterRoundSaysNothingOfTheFirst) {  // rule E6.3
  Ask();
  Fail(false);
  Ask();
  want_.OnVote(1);
  EXPECT_EQ(want_.Entries(), kAll);
}

TEST_F(WantTest, SaysHowLongAStampIsAheadOfTheClock) {  // rule E6.1
  EXPECT_EQ(want_.UntilPassed(1000), Duration(0)) << "nothing was seen";
  want_.OnSeen(1500, 1000);
  EXPECT_EQ(want_.UntilPassed(1000), 500us);
  EXPECT_EQ(want_.UntilPassed(1500), Duration(0));
  want_.OnSeen(600'001'001, 1000);
  EXPECT_EQ(want_.UntilPassed(1000), 500us) << "a stamp of the far future is a mistake";
  want_.OnSeen(600'001'000, 1000);
  EXPECT_EQ(want_.UntilPassed(0), 10min) << "the clock was set back, or is not known";
}

// --- near and far -------------------------------------------------------------------------------

TEST_F(WantTest, StandsWhereItsTurnIsFarAway) {  // rule E8.3
  struct Row {
    std::initializer_list<std::uint32_t> places;
    bool is_near;
  };
  for (const Row& row : {
           Row{{}, true},
           Row{{0, 0, 0}, true},
           Row{{1}, true},
           Row{{2, 2, 2}, true},
           Row{{3}, false},
           Row{{9, 2, 7}, true},
           Row{{9, 0, 7}, false},
       }) {
    want_.End();
    EXPECT_EQ(Round(row.places), Queueing::kIfRefused) << "a new want";
    EXPECT_EQ(want_.IsNear(), row.is_near);
    EXPECT_EQ(Next(false), Queueing::kAlways) << "somebody waits for what it decides";
    EXPECT_EQ(Next(), row.is_near ? Queueing::kAlways : Queueing::kStand);
  }
}

TEST_F(WantTest, TheLastRoundSaysHowFarItIs) {  // rule E8.3
  Round({1});
  EXPECT_EQ(Round({5, 4}), Queueing::kAlways);
  EXPECT_EQ(Round({}), Queueing::kStand) << "a round that was told nothing leaves it as it was";
  EXPECT_EQ(Round({2}), Queueing::kStand);
  EXPECT_EQ(Next(), Queueing::kAlways);
}

TEST_F(WantTest, OneThatIsCalledDoesNotStandThen) {  // rules E8.7, E8.9
  Round({8});
  want_.OnCalled();
  EXPECT_TRUE(want_.IsNear());
  EXPECT_EQ(Ask(), Queueing::kAlways);
  EXPECT_EQ(Next(), Queueing::kStand);
}

TEST_F(WantTest, AStandRegisters) {  // rule E8.3
  Round({8});
  want_.OnVote(0);
  want_.OnAsked(NodeSet(0b001), Next());
  EXPECT_EQ(want_.Entries(), kAll);
  want_.OnVote(0);
  EXPECT_EQ(want_.Entries(), kAll) << "a vote takes nothing that it has";
}

TEST_F(WantTest, PollsTheMoreRarelyTheFartherItIs) {  // rule E8.3
  timing_.retry_interval = 100ms;
  struct Row {
    std::uint32_t place;
    Duration hears;
    Duration hears_not;
  };
  for (const Row& row : {
           Row{1, 100ms, 100ms},
           Row{2, 100ms, 100ms},
           Row{3, 100ms, 100ms},
           Row{8, 200ms, 200ms},
           Row{20, 500ms, 500ms},
           Row{100, 2500ms, 500ms},
           Row{1000, 5s, 500ms},
       }) {
    want_.End();
    Round({row.place});
    EXPECT_EQ(want_.Interval(true), row.hears_not) << "it is new";
    Round({row.place});
    EXPECT_EQ(want_.Interval(true), row.hears) << row.place;
    EXPECT_EQ(want_.Interval(false), row.hears_not) << row.place;
  }
}

// --- mistakes -----------------------------------------------------------------------------------

TEST_F(WantTest, StaysOutAfterARoundThatTooFewAnswered) {  // rule E6.6
  Ask();
  Fail(false);
  EXPECT_TRUE(want_.StaysOut());
  EXPECT_EQ(Next(), Queueing::kNone);
  Fail(true);
  now_ += timing_.WantPenalty() - 1ns;
  EXPECT_EQ(Next(), Queueing::kNone);
  now_ += 1ns;
  EXPECT_EQ(Next(), Queueing::kNone) << "only after a round that was answered";
  Fail(true);
  EXPECT_FALSE(want_.StaysOut());
  EXPECT_EQ(Next(), Queueing::kAlways);
}

TEST_F(WantTest, WhoWasFarAndStaysOutComesBackSoon) {  // rule E6.6
  timing_.retry_interval = 100ms;
  Round({500});
  Round({500});
  Ask();
  Fail(false);
  EXPECT_EQ(want_.Interval(true), Duration(100ms)) << "it is out";
  now_ += timing_.WantPenalty();
  Ask();
  Fail(true);
  EXPECT_EQ(want_.Interval(true), Duration(500ms)) << "it is to register";
  Round({500});
  EXPECT_EQ(want_.Interval(true), Duration(500ms)) << "... for the first time";
  Round({500});
  EXPECT_EQ(want_.Interval(true), Duration(5s));
}

TEST_F(WantTest, IgnoresTheQueueOnceWhenItAloneRefusesForTooLong) {  // rule E6.9
  Ask();
  Fail(true, true);
  while (now_ + 100ms <= Time(1000s) + timing_.WantPenalty()) {
    now_ += 100ms;
    EXPECT_EQ(Ask(), Queueing::kAlways);
    Fail(true, true);
  }
  EXPECT_EQ(Next(), Queueing::kAlways);
  now_ += 1ns;
  EXPECT_EQ(Next(), Queueing::kIgnore);
  Fail(true, true);
  EXPECT_EQ(Next(), Queueing::kAlways) << "the count begins anew";
}

TEST_F(WantTest, OnlyRoundsThatFollowOneAnotherShowAMistake) {  // rule E6.9
  struct Row {
    const char* what;
    Duration apart;
    std::uint32_t place;
    bool only_queue;
    Queueing then;
  };
  const Duration most = 2 * timing_.retry_interval;
  for (const Row& row : {
           Row{"close together", most, 1, true, Queueing::kIgnore},
           Row{"too far apart", most + 1ns, 1, true, Queueing::kAlways},
           Row{"stands", most, 9, true, Queueing::kStand},
           Row{"a holder in between", most, 1, false, Queueing::kAlways},
       }) {
    want_.End();
    for (unsigned round = 0; round < 7; ++round) {
      EXPECT_NE(Ask(), Queueing::kIgnore) << row.what;
      want_.OnPlace(row.place);
      Fail(true, round != 4 || row.only_queue);
      now_ += row.apart;
    }
    EXPECT_EQ(Next(), row.then) << row.what;
  }
}

TEST_F(WantTest, IgnoresStampsFromFarAhead) {  // rule E6.1
  want_.OnSeen(1000 + 601'000'000, 1000);
  Next();
  EXPECT_EQ(want_.stamp(), 1000);
  want_.End();
  want_.OnSeen(5000, 1000);
  Next();
  EXPECT_EQ(want_.stamp(), 5001);
}

}  // namespace
}  // namespace redlockd::engine
