#include <gmock/gmock.h>

#include "daemon/engine/query_table.h"
#include "tests/unit/engine/engine_fixture.h"

// Questions of people: show, trust-empty (rule D7), adopt (rule D3).
namespace redlockd::engine {
namespace {

class Query : public EngineFixture {
 protected:
  Query() { session_ = Open(); }
  void AllUp() {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) Up(i);
  }
  // The nodes have another daemon's settings.
  void NewButForOther(const Timing& other) {
    for (auto& node : nodes_) node.TrustEmpty(now_, other);
    AllUp();
    EXPECT_EQ(StateOf(0), NodeState::kSettings);
  }
  SessionId session_;
};

TEST_F(Query, ShowTellsWhatEachNodeSays) {
  Start();
  const auto grant = MustHold(session_);
  ByHand(2);
  Do(ShowRequested{session_, 100, "x"});
  EXPECT_FALSE(Answered(100));
  Silence(Take<InspectOp>(2));
  const auto shown = AnswerTo<Shown>(100);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->name, "x");
  EXPECT_EQ(shown->nodes.at(0).answer->text, "me:1:here");
  EXPECT_EQ(shown->nodes.at(0).answer->fence, grant.fence);
  EXPECT_FALSE(shown->nodes.at(2).answer);
  ASSERT_TRUE(shown->hold);
  EXPECT_EQ(shown->hold->fence, grant.fence);
}

TEST_F(Query, ShowOfALockThatIsNotHeldHereHasNoHold) {
  Start();
  MustHold(session_);
  Do(ShowRequested{session_, 100, "y"});
  ASSERT_TRUE(AnswerTo<Shown>(100));
  EXPECT_FALSE(AnswerTo<Shown>(100)->hold);
}

TEST_F(Query, AnAnswerToASessionThatLeftIsNothing) {
  Start();
  AllByHand();
  Do(ShowRequested{session_, 100, "x"});
  Close(session_);
  for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<InspectOp>(i));
  EXPECT_FALSE(Answered(100));
}

// --- the line before the nodes (rule C13)

class QueryLine : public Query {
 protected:
  QueryLine() {
    Start();
    AllByHand();
  }
  void Show(SessionId session, const std::string& name) {
    Do(ShowRequested{session, ++last_, name});
  }
  // As many as are asked at a time, by the session of the test's own.
  void Fill() {
    for (std::size_t i = 0; i < QueryTable::kAtATime; ++i) {
      Show(session_, "full-" + std::to_string(i));
    }
  }
  // The nodes answer the oldest question. What node 0 is asked next.
  std::string NextAfterOne() {
    for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<InspectOp>(i));
    return std::get<InspectOp>(asked_.back().op).lock;
  }
  RequestId last_ = 100;
};

TEST_F(QueryLine, SomeAreAskedAtATime) {
  Fill();
  Show(session_, "x");
  EXPECT_EQ(Count<InspectOp>(0), QueryTable::kAtATime);
  EXPECT_EQ(NextAfterOne(), "x");
  EXPECT_EQ(Count<InspectOp>(0), QueryTable::kAtATime);
}

TEST_F(QueryLine, UsersTakeTurns) {
  Fill();
  for (const char* name : {"a1", "a2", "a3"}) Show(session_, name);
  const SessionId other = Open(2000);
  for (const char* name : {"b1", "b2"}) Show(other, name);
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) order.push_back(NextAfterOne());
  EXPECT_THAT(order, testing::ElementsAre("a1", "b1", "a2", "b2"));
}

TEST_F(QueryLine, WhoAsksForTheSameGetsTheSameAnswer) {
  Fill();
  const SessionId other = Open(2000);
  Show(session_, "other");
  Show(session_, "x");
  Show(other, "x");
  Show(session_, "x");
  const RequestId last = last_;
  EXPECT_EQ(NextAfterOne(), "other");
  EXPECT_EQ(NextAfterOne(), "x");
  for (std::size_t i = 0; i < QueryTable::kAtATime; ++i) {
    for (NodeIndex node = 0; node < 3; ++node) AnswerAsObedient(Take<InspectOp>(node));
  }
  EXPECT_EQ(Count<InspectOp>(0), 0u) << "x is asked for once";
  for (RequestId request = last - 2; request <= last; ++request) {
    ASSERT_TRUE(AnswerTo<Shown>(request));
    EXPECT_EQ(AnswerTo<Shown>(request)->name, "x");
    EXPECT_TRUE(AnswerTo<Shown>(request)->nodes.at(2).answer);
  }
}

// Its answer may be older than the question.
TEST_F(QueryLine, WhatIsUnderWayIsNoAnswerToWhoAsksNow) {
  Show(session_, "x");
  Show(session_, "x");
  EXPECT_EQ(Count<InspectOp>(0), 2u);
}

TEST_F(QueryLine, MoreOfOneUserThanThereMayWaitAreRefused) {
  Fill();
  for (std::size_t i = 0; i < QueryTable::kMostWaiting; ++i) Show(session_, "x");
  Show(session_, "y");
  EXPECT_EQ(WhyFailed(last_), Failure::kLimit);
  EXPECT_THAT(FailureOf(last_)->text, testing::HasSubstr("uid 1000 waits for 1024 answers"));
  Show(Open(2000), "y");
  EXPECT_FALSE(Answered(last_)) << "others have a count of their own";
  NextAfterOne();
  Show(session_, "y");
  EXPECT_FALSE(Answered(last_)) << "there is room again";
}

TEST_F(QueryLine, NobodyIsAskedForWhoHasLeft) {
  Fill();
  const SessionId other = Open(2000);
  Show(other, "left");
  Show(session_, "x");
  Close(other);
  EXPECT_EQ(NextAfterOne(), "x");
}

// The nodes are slow: what they still have to do must not grow.
TEST_F(QueryLine, OneThatWasNotAnsweredMakesRoomOnceItIs) {
  Fill();
  Show(session_, "x");
  const Asked first = Take<InspectOp>(0), second = Take<InspectOp>(1), third = Take<InspectOp>(2);
  for (const Asked& asked : {first, second, third}) Silence(asked);
  EXPECT_TRUE(Answered(101)) << "nobody waits for it any more";
  EXPECT_EQ(Count<InspectOp>(0), QueryTable::kAtATime - 1);
  AnswerAsObedient(first);
  EXPECT_EQ(Count<InspectOp>(0), QueryTable::kAtATime - 1);
  Silence(second, true);
  EXPECT_EQ(Count<InspectOp>(0), QueryTable::kAtATime);
}

TEST_F(Query, TrustEmptyIsNotGoneOnWithForWhoHasLeft) {
  AllUp();
  ByHand(2);
  Do(TrustEmptyRequested{session_, 100});
  Close(session_);
  AnswerAsObedient(Take<ProbeOp>(2));
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kNew);
}

TEST_F(Query, TrustEmptyMakesANewSetReadyAtOnce) {  // rule D7
  AllUp();
  const auto request = Lock(session_);
  EXPECT_FALSE(Answered(request));
  Do(TrustEmptyRequested{session_, 100});
  EXPECT_EQ(AnswerTo<NodesSet>(100)->nodes.size(), 3u);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kUp);
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Query, TrustEmptyIsRefusedIfANodeIsNotNew) {  // rule D7
  nodes_[1].TrustEmpty(now_, timing_);
  AllUp();
  Do(TrustEmptyRequested{session_, 100});
  EXPECT_EQ(WhyFailed(100), Failure::kRefused);
  EXPECT_EQ(FailureOf(100)->text,
            "this daemon has received votes from node 2: its locks may still be held");
  EXPECT_EQ(StateOf(0), NodeState::kNew);
}

TEST_F(Query, TrustEmptyIsRefusedWhereThisDaemonHasHadLeases) {  // rule D7
  Start();
  const auto grant = MustHold(session_);
  for (NodeIndex i = 0; i < 3; ++i) {
    Down(i);
    nodes_[i].Restart("again" + std::to_string(i));
    Up(i);
  }
  Do(TrustEmptyRequested{session_, 100});
  EXPECT_EQ(WhyFailed(100), Failure::kRefused);
  EXPECT_EQ(FailureOf(100)->text, "this daemon has a lease on these nodes: x");
  EXPECT_GT(grant.deadline, now_);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kNew);
}

// This daemon was started after the nodes had been restarted; another one is older than that.
TEST_F(Query, TrustEmptyIsRefusedIfAnotherDaemonRemembersTheNodes) {  // rule D7
  nodes_[1].Run(now_, timing_, "run1", ProbeOp{.counted = "run0"});
  AllUp();
  Do(TrustEmptyRequested{session_, 100});
  EXPECT_EQ(WhyFailed(100), Failure::kRefused);
  EXPECT_NE(FailureOf(100)->text.find("node 2 has given votes before"), std::string::npos);
}

TEST_F(Query, TrustEmptyIsRefusedIfANodeIsSilent) {  // rule D7
  AllUp();
  ByHand(2);
  Do(TrustEmptyRequested{session_, 100});
  Silence(Take<ProbeOp>(2), true);
  EXPECT_EQ(WhyFailed(100), Failure::kNoQuorum);
  EXPECT_NE(FailureOf(100)->text.find("node 3 does not answer"), std::string::npos);
}

TEST_F(Query, AdoptWritesTheSettingsAndBeginsAQuarantine) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 20s;
  NewButForOther(other);
  for (auto& node : nodes_) node.Run(now_, other, node.Info().run_id, ProbeOp{});  // it votes
  Do(AdoptRequested{session_, 100});
  EXPECT_TRUE(AnswerTo<NodesSet>(100));
  EXPECT_EQ(StateOf(0), NodeState::kQuarantine);
  Pass(timing_.Quarantine() + 1s);
  EXPECT_EQ(StateOf(0), NodeState::kQuarantine) << "the greater quarantine counts";
  Pass(other.Quarantine() - timing_.Quarantine());
  EXPECT_EQ(StateOf(0), NodeState::kUp);
}

TEST_F(Query, SettingsThatNoVoteWasGivenUnderBindNobody) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 24h;
  NewButForOther(other);
  Do(AdoptRequested{session_, 100});
  Pass(timing_.Quarantine() + 1s);
  EXPECT_EQ(StateOf(0), NodeState::kUp);
}

TEST_F(Query, AdoptIsRefusedWhereNothingDiffers) {  // rule D3
  Start();
  Do(AdoptRequested{session_, 100});
  EXPECT_EQ(WhyFailed(100), Failure::kNothingDiffers);
  EXPECT_EQ(VotesOf(session_), 3u);
}

TEST_F(Query, AdoptIsRefusedByADaemonThatHoldsLocks) {  // rule D3
  Start();
  MustHold(session_);
  Down(2);
  nodes_[2].TrustEmpty(now_, [&] {
    Timing other = timing_;
    other.max_ttl = 7s;
    return other;
  }());
  Up(2);
  ASSERT_EQ(StateOf(2), NodeState::kSettings);
  Do(AdoptRequested{session_, 100});
  EXPECT_EQ(WhyFailed(100), Failure::kRefused);
  EXPECT_EQ(StateOf(0), NodeState::kUp);
}

TEST_F(Query, AdoptWritesNothingWhereANodeIsSilent) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 20s;
  NewButForOther(other);
  ByHand(2);
  Do(AdoptRequested{session_, 100});
  Silence(Take<ProbeOp>(2), true);
  EXPECT_EQ(WhyFailed(100), Failure::kNoQuorum);
  EXPECT_EQ(nodes_[0].MaxTtl(), other.max_ttl);
}

TEST_F(Query, ANodeThatWasSilentIsNotHeardAnyMore) {
  Start();
  AllByHand();
  Do(ShowRequested{session_, 100, "x"});
  const Asked late = Take<InspectOp>(0);
  Silence(late);
  AnswerAsObedient(late);
  Silence(late, true);
  AnswerAsObedient(Take<InspectOp>(1));
  EXPECT_FALSE(Answered(100));
  AnswerAsObedient(Take<InspectOp>(2));
  ASSERT_TRUE(AnswerTo<Shown>(100));
  EXPECT_FALSE(AnswerTo<Shown>(100)->nodes.at(0).answer);
  Silence(late, true);  // the question is gone by now
}

TEST_F(Query, ANodeThatDoesNotTakeTheTrustStaysInQuarantine) {  // rule D7
  AllUp();
  ByHand(2);
  Do(TrustEmptyRequested{session_, 100});
  AnswerAsObedient(Take<ProbeOp>(2));
  Answer(Take<TrustOp>(2), Verdict::kError, 0, 0ns, "OOM");
  EXPECT_EQ(AnswerTo<NodesSet>(100)->nodes.at(2).answer->text, "OOM");
  EXPECT_EQ(StateOf(1), NodeState::kUp);
  EXPECT_EQ(StateOf(2), NodeState::kNew);
}

TEST_F(Query, AdoptSaysWhoWasSilentAndWhoRefused) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 20s;
  NewButForOther(other);
  ByHand(1);
  ByHand(2);
  Do(AdoptRequested{session_, 100});
  AnswerAsObedient(Take<ProbeOp>(1));
  AnswerAsObedient(Take<ProbeOp>(2));
  Answer(Take<AdoptOp>(1), Verdict::kError, 0, 0ns, "OOM");
  Silence(Take<AdoptOp>(2));
  const auto set = AnswerTo<NodesSet>(100);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->nodes.at(0).answer->verdict, Verdict::kOk);
  EXPECT_EQ(set->nodes.at(1).answer->text, "OOM");
  EXPECT_FALSE(set->nodes.at(2).answer);
}

TEST(TrustNewNodes, AreTrustedOnceAndNotAfterARestart) {  // rule D7, --dev
  class Dev : public EngineFixture {
   public:
    Dev() : EngineFixture(3, true) {}
    void TestBody() override {
      for (NodeIndex i = 0; i < 3; ++i) Up(i);
      for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kUp);
      const auto session = Open();
      EXPECT_EQ(VotesOf(session), 3u);
      Down(1);
      nodes_[1].Restart("again");
      Up(1);
      EXPECT_EQ(StateOf(1), NodeState::kNew);
    }
  };
  Dev().TestBody();
}

TEST(TrustNewNodes, AreAskedAgainIfTheyMissedIt) {  // rule D7, --dev
  class Dev : public EngineFixture {
   public:
    Dev() : EngineFixture(3, true) {}
    void TestBody() override {
      ByHand(1);
      for (NodeIndex i = 0; i < 3; ++i) Up(i);
      while (!IsAsked<TrustOp>(1) && IsAsked<ProbeOp>(1)) AnswerAsObedient(Take<ProbeOp>(1));
      const Asked trust = Take<TrustOp>(1);
      Silence(trust);
      Silence(trust, true);
      EXPECT_NE(StateOf(1), NodeState::kUp);
      Obey(1);
      Pass(2s);
      EXPECT_EQ(StateOf(1), NodeState::kUp);
    }
  };
  Dev().TestBody();
}

}  // namespace
}  // namespace redlockd::engine
