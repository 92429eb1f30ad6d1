#include <gmock/gmock.h>

#include "daemon/engine/attempt_gate.h"
#include "tests/unit/engine/engine_fixture.h"

// How many locks are asked of the nodes at a time (rule C12).
namespace redlockd::engine {
namespace {

const std::size_t kMost = EngineOptions{}.attempts;
const std::size_t kOfOneUser = kMost / AttemptGate::kShare;

// Others have filled it, each with as much as one user may.
class Gate : public EngineFixture {
 protected:
  Gate() {
    Start();
    AllByHand();
    for (std::uint32_t uid = 1; uid <= AttemptGate::kShare; ++uid) {
      others_.push_back(Open(uid));
      for (std::size_t i = 0; i < kOfOneUser; ++i) {
        Lock(others_.back(), {.name = "full-" + std::to_string(uid) + "-" + std::to_string(i)});
      }
    }
    b_ = Open();
  }
  void CloseOthers() {
    for (const SessionId session : others_) Close(session);
  }
  // All that was asked is answered by one of them, from node 0 and 1.
  void Answer(Verdict verdict) {
    const auto asked = std::exchange(asked_, {});
    for (const Asked& one : asked) {
      if (one.node == 2 || !std::holds_alternative<AcquireOp>(one.op)) continue;
      EngineFixture::Answer(one, verdict, 10, 1s, "other:1:h");
    }
  }
  std::vector<SessionId> others_;
  SessionId b_;
};

// There is room for two, of two users.
class NarrowGate : public EngineFixture {
 protected:
  explicit NarrowGate(std::size_t most = 2) {
    Make(3, false, {}, most);
    Start();
    AllByHand();
    a_ = Open(1);
    b_ = Open(2);
    c_ = Open(3);
  }
  // What the node is asked next, once it has answered the oldest question.
  std::string NextAfterOne() {
    Busy(0);
    Busy(1);
    AnswerReleases();
    return std::get<AcquireOp>(asked_.back().op).lock;
  }
  SessionId a_, b_, c_;
};

// One user's locks are many; those of the others do not wait behind them.
TEST_F(NarrowGate, UsersTakeTurns) {
  for (const char* name : {"a1", "a2", "a3"}) Lock(a_, {.name = name, .wait = 0s});
  for (const char* name : {"b1", "b2"}) Lock(b_, {.name = name, .wait = 0s});
  for (const char* name : {"c1", "c2"}) Lock(c_, {.name = name, .wait = 0s});
  EXPECT_EQ(Count<AcquireOp>(0), 2u) << "a1 and b1";
  std::vector<std::string> order;
  for (int i = 0; i < 5; ++i) order.push_back(NextAfterOne());
  EXPECT_THAT(order, testing::ElementsAre("c1", "a2", "b2", "c2", "a3"));
}

class WiderGate : public NarrowGate {
 protected:
  WiderGate() : NarrowGate(2 * AttemptGate::kShare) {}  // two of each user
};

TEST_F(WiderGate, UsersTakeTurnsWhoMayHaveMoreUnderWay) {
  for (std::uint32_t uid = 1; uid <= AttemptGate::kShare; ++uid) {
    const SessionId session = Open(uid);
    for (const char* name : {"x", "y"})
      Lock(session, {.name = std::to_string(uid) + name, .wait = 0s});
  }
  const SessionId d = Open(100), e = Open(200);
  for (const char* name : {"d1", "d2"}) Lock(d, {.name = name, .wait = 0s});
  for (const char* name : {"e1", "e2"}) Lock(e, {.name = name, .wait = 0s});
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) order.push_back(NextAfterOne());
  EXPECT_THAT(order, testing::ElementsAre("d1", "e1", "d2", "e2"));
}

TEST_F(NarrowGate, HasRoomForOthersWhateverOneUserAsksFor) {
  for (const char* name : {"a1", "a2", "a3"}) Lock(a_, {.name = name});
  EXPECT_EQ(Count<AcquireOp>(0), 1u);
  Lock(b_, {.name = "b1"});
  EXPECT_EQ(Count<AcquireOp>(0), 2u);
}

// Several may wait for one lock: its place is that of the user whose turn it will be.
TEST_F(NarrowGate, APlaceIsOfTheUserWhoIsFirstInTheLocksOwnLine) {
  for (const char* name : {"a1", "a2", "a3"}) Lock(a_, {.name = name, .wait = 0s});
  Lock(b_, {.name = "b1"});
  const SessionId of_a = Open(1);
  Lock(of_a, {.name = "shared"});  // behind a2 and a3
  Lock(c_, {.name = "shared"});
  Close(of_a);
  EXPECT_EQ(NextAfterOne(), "shared");
}

TEST(FairLine, AUserWhoIsHeldBackGetsNoTurn) {
  FairLine<int> line;
  int a = 1, b = 2;
  std::optional<FairLine<int>::Place> of_a, of_b;
  of_a.emplace(line, 1, a);
  line.HoldBack(1);
  EXPECT_EQ(line.First(), nullptr);
  of_b.emplace(line, 2, b);
  EXPECT_EQ(line.First(), &b);
  line.LetGo(1);
  EXPECT_EQ(line.First(), &b) << "behind those who wait already";
  of_b->HadTurn();
  EXPECT_EQ(line.First(), &a);
  line.HoldBack(1);
  of_a.reset();
  of_b.reset();
  EXPECT_EQ(line.First(), nullptr);
}

TEST_F(Gate, TheNextAttemptBeginsWhenOneIsOver) {
  EXPECT_EQ(Count<AcquireOp>(0), kMost);
  const auto next = Lock(b_), after = Lock(b_, {.name = "y"});
  EXPECT_EQ(Count<AcquireOp>(0), kMost);
  Vote(0, 10);
  EXPECT_EQ(Count<AcquireOp>(0), kMost - 1);
  Vote(1, 10);
  EXPECT_EQ(Count<AcquireOp>(0), kMost) << "one is held, one more is asked for";
  ForgetAsked();
  Pass(timing_.retry_interval);
  EXPECT_FALSE(Answered(next));
  EXPECT_FALSE(Answered(after));
}

TEST_F(Gate, IsFirstComeFirstServed) {
  Lock(b_, {.name = "y"});
  Lock(b_, {.name = "x"});
  Vote(0, 10);
  Vote(1, 10);
  ASSERT_FALSE(asked_.empty());
  EXPECT_EQ(std::get<AcquireOp>(asked_.back().op).lock, "y");
}

// The engine runs late: in one step there is room again, and it is time to ask for "poll" again.
TEST_F(NarrowGate, WhoeverComesAsItOpensIsBehindThoseInLine) {
  Lock(a_, {.name = "gone"});
  ForgetAsked();
  Lock(b_, {.name = "poll"});
  Close(a_);
  Pass(timing_.ttl - 40ms);
  Busy(0);
  Busy(1);
  Lock(Open(4), {.name = "more"});  // in its place
  Lock(c_, {.name = "y"});
  ForgetAsked();
  Jump(200ms);
  ASSERT_EQ(Count<AcquireOp>(0), 1u);
  EXPECT_EQ(std::get<AcquireOp>(Take<AcquireOp>(0).op).lock, "y");
}

TEST_F(Gate, OneThatFailedMakesRoomToo) {
  Lock(b_);
  Busy(0);
  Busy(1);
  AnswerReleases();
  EXPECT_EQ(std::get<AcquireOp>(asked_.back().op).lock, "x");
}

// They have nothing to release, and the node that has may be slow.
TEST_F(Gate, OneThatAMajorityRefusedMakesRoomAtOnce) {
  Lock(b_);
  Busy(0);
  Busy(1);
  ASSERT_TRUE(IsAsked<ReleaseOp>(2));
  EXPECT_EQ(std::get<AcquireOp>(asked_.back().op).lock, "x");
}

// The nodes are still busy with it; and there is room for four fewer.
TEST_F(Gate, OneThatWasNotAnsweredMakesRoomOnceItIs) {
  Lock(b_);
  const auto first = Take<AcquireOp>(0), second = Take<AcquireOp>(1);
  Silence(first);
  Silence(second);
  EXPECT_EQ(Count<ReleaseOp>(0), 1u);
  for (int i = 0; i < 2; ++i) {  // grants: two fewer are under way, and there is room for two more
    Vote(0, 10);
    Vote(1, 10);
  }
  EXPECT_EQ(Count<AcquireOp>(0), kMost - 3);
  AnswerReleases();
  EXPECT_EQ(Count<AcquireOp>(0), kMost - 2);
  EXPECT_EQ(std::get<AcquireOp>(asked_.back().op).lock, "x");
}

TEST_F(Gate, IsNarrowerWhileNodesAreSlow) {
  const auto requests = [this] {
    const SessionId session = Open();
    for (std::size_t i = 0; i < kMost; ++i) Lock(session, {.name = "more-" + std::to_string(i)});
  };
  Pass(timing_.command_timeout);  // no node has answered anything
  for (const Asked& one : std::exchange(asked_, {})) Silence(one);
  CloseOthers();
  AnswerReleases();
  requests();
  EXPECT_EQ(Count<AcquireOp>(0), AttemptGate::kLeast);
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_EQ(Count<AcquireOp>(0), AttemptGate::kLeast + 1) << "one is granted, two more are asked";
}

TEST_F(NarrowGate, IsNotNarrowerThanItWasMade) {
  Lock(a_, {.name = "first"});
  const auto first = Take<AcquireOp>(0), second = Take<AcquireOp>(1);
  Silence(first);
  Silence(second);
  Close(a_);
  AnswerReleases();
  ForgetAsked();
  for (const char* name : {"x", "y"}) Lock(b_, {.name = name});
  Lock(c_, {.name = "z"});
  EXPECT_EQ(Count<AcquireOp>(0), 2u);
}

TEST_F(Gate, AHoldNeedsNoRoom) {
  Answer(Verdict::kOk);
  EXPECT_EQ(engine_->HoldCount(), kMost);
  Lock(b_);
  EXPECT_TRUE(IsAsked<AcquireOp>(0));
}

TEST_F(Gate, WhoeverLeavesTheLineIsNotAsked) {
  const auto cancelled = Lock(b_, {.name = "cancelled"});
  const auto timed_out = Lock(b_, {.name = "timed-out", .wait = 10ms});
  const SessionId c = Open();
  Lock(c, {.name = "closed"});
  Do(CancelRequested{b_, 1000, cancelled, "cancelled"});
  Close(c);
  Pass(10ms);
  EXPECT_EQ(WhyFailed(cancelled), Failure::kCancelled);
  EXPECT_EQ(WhyFailed(timed_out), Failure::kNoTurn);
  EXPECT_THAT(FailureOf(timed_out)->text, testing::HasSubstr("too many"));
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
}

TEST_F(Gate, ATryWaitsForItsTurn) {
  const auto request = Try(b_);
  EXPECT_FALSE(Answered(request));
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Gate, ATryWaitsForItsTurnAsLongAsForAQuorum) {
  const auto request = Try(b_);
  Pass(timing_.quorum_wait - 1ms);
  EXPECT_FALSE(Answered(request));
  Pass(1ms);
  EXPECT_EQ(WhyFailed(request), Failure::kNoTurn);
  EXPECT_THAT(FailureOf(request)->text, testing::HasSubstr("too many"));
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
}

// The time before the gate and the time that the nodes take are not one.
TEST_F(Gate, ATryWhoseTurnHasComeIsNotCutShort) {
  const auto request = Try(b_);
  Pass(timing_.quorum_wait - 1ms);
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  EXPECT_TRUE(IsAsked<AcquireOp>(0));
  Pass(2ms);
  EXPECT_FALSE(Answered(request));
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Gate, AHalfCloseDoesNotCancelWhatIsAboutToBeAsked) {
  const auto request = Lock(b_);
  Do(SessionInputEnded{b_});
  EXPECT_FALSE(Answered(request));
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Gate, TheNextInLineTakesOverAPlaceBeforeTheGate) {
  const SessionId c = Open();
  Lock(b_);
  const auto second = Lock(c);
  Close(b_);
  ForgetAsked();
  CloseOthers();
  AnswerReleases();
  Vote(0, 10);
  Vote(1, 10);
  EXPECT_TRUE(GrantOf(second));
}

TEST_F(Gate, WithoutAQuorumNobodyStandsBeforeIt) {
  const auto request = Try(b_);
  Down(0);
  Down(1);
  CloseOthers();
  AnswerReleases();
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
}

}  // namespace
}  // namespace redlockd::engine
