#include "tests/unit/engine/engine_fixture.h"

// Tries that start at about the same time: one of them gets the lock (rule E10).
namespace redlockd::engine {
namespace {

class Tries : public EngineFixture {
 protected:
  Tries() {
    Start();
    a_ = Open();
    b_ = Open();
  }
  // The round in hand: a vote, and two others have one each.
  void Split() {
    Vote(0, 10);
    Busy(1, "one:1:h");
    Busy(2, "two:1:h");
  }
  // Until the next round is in hand, or for `most`.
  bool NextRound(Duration most = 5ms) {
    AnswerReleases();
    for (const Time end = now_ + most; now_ < end && !IsAsked<AcquireOp>(0);) {
      now_ = std::min(end, engine_->NextDeadline().value_or(end));
      Do(TimePassed{});
    }
    return IsAsked<AcquireOp>(0);
  }
  SessionId a_, b_;
};

TEST_F(Tries, ASplitIsFoughtOutFromAPlaceInTheQueue) {
  AllByHand();
  const auto request = Try(a_);
  EXPECT_EQ(std::get<AcquireOp>(asked_.front().op).queueing, Queueing::kNone);
  Split();
  EXPECT_FALSE(Answered(request)) << "nobody has it";
  ASSERT_TRUE(NextRound());
  const auto next = std::get<AcquireOp>(asked_.front().op);
  EXPECT_EQ(next.queueing, Queueing::kAlways);
  EXPECT_EQ(next.stamp, nodes_[0].Clock(now_));
  EXPECT_EQ(next.most_life, 5ms);
  Vote(0, 20);
  Vote(1, 20);
  EXPECT_TRUE(GrantOf(request));
  Unlock(a_);
  EXPECT_TRUE(std::get<ReleaseOp>(Take<ReleaseOp>(0).op).leave);
}

TEST_F(Tries, AHolderInSightEndsIt) {
  AllByHand();
  const auto request = Try(a_);
  Split();
  ASSERT_TRUE(NextRound());
  Busy(1, "a-plain-redlock-value");
  Busy(2, "a-plain-redlock-value");
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
  EXPECT_EQ(FailureOf(request)->text, "held elsewhere");
}

TEST_F(Tries, TwoAttemptsOfOneDaemonAreNoHolder) {
  AllByHand();
  const auto request = Try(a_);
  Vote(0, 10);
  Busy(1, "one:1:h");
  Busy(2, "one:2:h");
  ASSERT_TRUE(NextRound());
  EXPECT_EQ(std::get<AcquireOp>(asked_.front().op).queueing, Queueing::kAlways);
  EXPECT_FALSE(Answered(request));
}

TEST_F(Tries, ASplitWithoutEndIsGivenUpAfterTenMilliseconds) {
  AllByHand();
  const Time start = now_;
  const auto request = Try(a_);
  int rounds = 0;
  do {
    Split();
    ++rounds;
  } while (!Answered(request) && NextRound());
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
  EXPECT_GE(now_ - start, 10ms);
  EXPECT_LE(now_ - start, 10ms + 16 * 50us) << "its last round begins after that";
  EXPECT_GE(rounds, 10);
}

TEST_F(Tries, ASlowSplitHasTenRoundsAtLeast) {
  AllByHand();
  const auto request = Try(a_);
  for (int round = 1; round <= 10; ++round) {
    EXPECT_FALSE(Answered(request));
    Vote(0, 10);
    Busy(1, "one:1:h");
    Pass(40ms);
    Busy(2, "two:1:h");
    if (round < 10) {
      ASSERT_TRUE(NextRound()) << round;
    }
  }
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
}

// It was held up; the others have been answered meanwhile.
TEST_F(Tries, WhatWasAskedEarlyDoesNotDecide) {
  AllByHand();
  const auto request = Try(a_);
  for (int round = 0; round < 10; ++round) {
    Split();
    ASSERT_TRUE(NextRound());
  }
  Vote(0, 20);
  Busy(1, "one:1:h");
  Pass(30ms);
  Busy(2, "two:1:h");
  EXPECT_FALSE(Answered(request));
  ASSERT_TRUE(NextRound());
  Vote(0, 30);
  Vote(1, 30);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Tries, OneThatDiedIsInTheWayForHalfOfTheTime) {
  nodes_[0].Put(now_, "x", "dead:1:there", 60s);
  for (auto& node : nodes_) node.PutWant(now_, "x", "dead", 1, timing_.TryWantLife(50us));
  const auto request = Try(a_);
  Pass(4ms);
  EXPECT_FALSE(Answered(request));
  Pass(6ms);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Tries, LeavesTheQueueWhenItIsGivenUp) {
  for (auto& node : nodes_) node.PutWant(now_, "x", "another", 1, 60s);
  const auto request = Try(a_);
  Pass(3ms);
  EXPECT_NE(nodes_[0].WantOf(now_, "x", "me"), 0);
  Pass(12ms);
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
  EXPECT_EQ(nodes_[0].WantOf(now_, "x", "me"), 0);
}

TEST_F(Tries, AWaiterInLineKeepsItsEntryAsLongAsEver) {
  AllByHand();
  Try(a_);
  Lock(b_);
  Split();
  ASSERT_TRUE(NextRound());
  EXPECT_EQ(std::get<AcquireOp>(asked_.front().op).most_life, kNoExpiry);
}

TEST_F(Tries, AShortWaitDoesNotEndInASplit) {
  AllByHand();
  const auto request = Lock(a_, {.wait = 1ms});
  Split();
  ASSERT_TRUE(NextRound());
  Pass(2ms);
  EXPECT_FALSE(Answered(request));
  Split();
  EXPECT_FALSE(Answered(request));
  ASSERT_TRUE(NextRound());
  Vote(0, 20);
  Vote(1, 20);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Tries, AShortWaitDoesNotEndBetweenTheRoundsOfASplit) {
  AllByHand();
  const auto request = Lock(a_, {.wait = 1ns});
  Split();
  ASSERT_FALSE(IsAsked<AcquireOp>(0));
  Pass(1ns);
  EXPECT_FALSE(Answered(request));
  EXPECT_TRUE(IsAsked<AcquireOp>(0)) << "it has no time to wait for";
}

TEST_F(Tries, AShortWaitIsDecidedByTheRoundThatWasAskedInTime) {
  AllByHand();
  const auto request = Lock(a_, {.wait = 1ms});
  Do(NodeHint{1, NodeHint::Kind::kFree, "x"});
  Split();  // two nodes are free since: it is asked for again at once
  ASSERT_TRUE(NextRound());
  Jump(1s);  // the daemon was stopped
  EXPECT_FALSE(Answered(request));
  Vote(0, 20);
  Vote(1, 20);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Tries, AWaitForAHolderEndsInTimeThoughThereWasASplitBefore) {
  AllByHand();
  const auto request = Lock(a_, {.wait = 400ms});
  Split();
  ASSERT_TRUE(NextRound());
  Busy(1, "one:1:h");
  Busy(2, "one:1:h");
  ASSERT_TRUE(NextRound(200ms));
  Jump(1s);
  EXPECT_EQ(WhyFailed(request), Failure::kTimeout);
}

TEST_F(Tries, AShortWaitEndsAfterASplitWithoutEnd) {
  AllByHand();
  const Time start = now_;
  const auto request = Lock(a_, {.wait = 1ms});
  do Split();
  while (!Answered(request) && NextRound());
  EXPECT_EQ(WhyFailed(request), Failure::kTimeout);
  EXPECT_LE(now_ - start, 20ms);
}

// --- on one host --------------------------------------------------------------------------------

TEST_F(Tries, TheSecondHereIsBusyOnceTheFirstHasIt) {
  AllByHand();
  const auto first = Try(a_), second = Try(b_);
  EXPECT_FALSE(Answered(second)) << "the first may fail";
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(first));
  EXPECT_EQ(WhyFailed(second), Failure::kBusy);
  EXPECT_EQ(FailureOf(second)->text, "held on this host");
}

TEST_F(Tries, TheSecondHereTakesThePlaceOfOneThatDies) {
  AllByHand();
  Try(a_);
  const auto second = Try(b_);
  Vote(0, 10);
  Close(a_);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(second));
}

TEST_F(Tries, OneHereGetsWhatAWaiterThatGivesUpWasAboutToGet) {
  AllByHand();
  const auto wait = Lock(a_, {.ttl = 2s});
  const auto tries = Try(b_);
  Vote(0, 10);
  Do(CancelRequested{a_, 1000, wait, "x"});
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  AnswerReleases();
  Take<AcquireOp>(1);
  Vote(0, 20);
  Vote(1, 20);
  EXPECT_TRUE(GrantOf(tries));
}

TEST_F(Tries, AllHereAreBusyWhereAnotherHostHasIt) {
  for (auto& node : nodes_) node.Put(now_, "x", "a-plain-redlock-value", 60s);
  AllByHand();
  const auto first = Try(a_), second = Try(b_);
  for (NodeIndex i : {0, 1}) AnswerAsObedient(Take<AcquireOp>(i));
  EXPECT_EQ(WhyFailed(first), Failure::kBusy);
  EXPECT_EQ(WhyFailed(second), Failure::kBusy);
  EXPECT_EQ(engine_->WaitCount(), 0u);
}

TEST_F(Tries, AllHereAreToldThatThereIsNoQuorum) {
  AllByHand();
  const auto first = Lock(a_), second = Try(b_);
  for (NodeIndex i : {0, 1}) Silence(Take<AcquireOp>(i));
  EXPECT_FALSE(Answered(first));
  EXPECT_EQ(WhyFailed(second), Failure::kNoQuorum);
}

TEST_F(Tries, OneBehindAWaiterForALockHeldElsewhereIsBusyAtOnce) {
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  Lock(a_);
  EXPECT_EQ(WhyFailed(Try(b_)), Failure::kBusy);
}

TEST_F(Tries, OneBehindAWaiterAsksAgainForALeaseThatMayHaveNoHolder) {
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 60s);
  AllByHand();
  const auto wait = Lock(a_), tries = Try(b_);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  for (NodeIndex i : {0, 1}) AnswerAsObedient(Take<AcquireOp>(i));
  EXPECT_FALSE(Answered(tries));
  Do(CancelRequested{a_, 1000, wait, "x"});
  for (auto& node : nodes_) node.Forget("x");
  Pass(10ms);
  EXPECT_TRUE(GrantOf(tries));
}

TEST_F(Tries, AHalfCloseDoesNotEndATryInLine) {
  AllByHand();
  Try(a_);
  const auto second = Try(b_);
  Do(SessionInputEnded{b_});
  EXPECT_FALSE(Answered(second));
  const auto c = Open();
  Do(SessionInputEnded{c});
  const auto third = Try(c);
  EXPECT_FALSE(Answered(third));
  Close(a_);
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(second));
  EXPECT_EQ(WhyFailed(third), Failure::kBusy);
}

}  // namespace
}  // namespace redlockd::engine
