#include "tests/unit/engine/engine_fixture.h"

// Which nodes may vote: rules A6, D1-D8.
namespace redlockd::engine {
namespace {

class NodeHealth : public EngineFixture {
 protected:
  std::string TextOf(NodeIndex node) { return engine_->Nodes(now_).at(node).text; }
  // All but `odd` are up and vote.
  void StartBut(NodeIndex odd) {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (i == odd) continue;
      nodes_[i].TrustEmpty(now_, timing_);
      Up(i);
    }
  }
};

TEST_F(NodeHealth, ANewNodeIsSilentForAQuarantine) {  // rules D1, D4, D7
  StartBut(2);
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kNew);
  EXPECT_EQ(TextOf(2), "new or restarted");
  const auto session = Open();
  EXPECT_EQ(VotesOf(session), 2u);
  EXPECT_EQ(KeysOf("me:1:here"), 2u) << "not asked, not set";
  Unlock(session);
  Pass(timing_.Quarantine() - 1ms);
  EXPECT_EQ(StateOf(2), NodeState::kNew);
  Pass(2ms);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
  EXPECT_EQ(changes_.back().text, "up");
  EXPECT_TRUE(changes_.back().votes);
}

TEST_F(NodeHealth, ARestartedNodeIsNoticedByTheScriptItself) {  // rule D1
  Start();
  nodes_[1].Flush();  // nobody told us
  const auto session = Open();
  EXPECT_EQ(VotesOf(session), 2u);
  EXPECT_EQ(StateOf(1), NodeState::kNew);
  EXPECT_EQ(nodes_[1].OwnerOf(now_, "x"), std::nullopt);
}

TEST_F(NodeHealth, AFlushUnderAHoldHealsAfterTheQuarantine) {  // rules C6, D1
  Start();
  MustHold(Open());
  nodes_[1].Flush();
  Pass(timing_.Quarantine());
  EXPECT_EQ(KeysOf("me:1:here"), 2u);
  Pass(2s);
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
}

TEST_F(NodeHealth, AMajorityThatForgotStopsGrantsAndSaysWhy) {
  Start();
  nodes_[0].Flush();
  nodes_[1].Flush();
  const auto request = Try(Open());
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_EQ(FailureOf(request)->text.find("trust them"), std::string::npos)
      << "locks may still be held there";
}

TEST_F(NodeHealth, OnlyOfNewNodesItIsSaidHowToTrustThem) {  // rule D7
  for (NodeIndex i = 0; i < 3; ++i) Up(i);
  const auto request = Try(Open());
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_NE(FailureOf(request)->text.find("if the nodes are new, trust them"), std::string::npos);
}

// --- settings -----------------------------------------------------------------------------------

TEST_F(NodeHealth, ADaemonThatDiffersSettlesNothing) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 7s;
  nodes_[0].TrustEmpty(now_, other);
  nodes_[1].TrustEmpty(now_, other);
  Up(2);
  EXPECT_EQ(nodes_[2].MaxTtl(), std::nullopt) << "the others have not been read yet";
  Up(0);
  Up(1);
  EXPECT_EQ(StateOf(2), NodeState::kNew);
  Pass(10s);
  EXPECT_EQ(nodes_[2].MaxTtl(), std::nullopt);
  EXPECT_EQ(nodes_[2].id(), "");
}

TEST_F(NodeHealth, ADaemonGivesANodeThatForgotItsSettings) {  // rule D3
  Start();
  nodes_[2].Restart("again");
  Down(2);
  Up(2);
  EXPECT_EQ(nodes_[2].MaxTtl(), timing_.max_ttl);
  EXPECT_EQ(StateOf(2), NodeState::kNew);
}

TEST_F(NodeHealth, OneThatDiffersDoesNotKeepTheOthersFromSettling) {  // rule D3
  Timing other = timing_;
  other.max_ttl = 7s;
  Make(5);
  for (NodeIndex i = 0; i < 4; ++i) nodes_[i].TrustEmpty(now_, i == 0 ? other : timing_);
  for (NodeIndex i = 0; i < 5; ++i) Up(i);
  EXPECT_EQ(StateOf(0), NodeState::kSettings);
  EXPECT_EQ(nodes_[4].MaxTtl(), timing_.max_ttl);
}

// --- memory -------------------------------------------------------------------------------------

TEST_F(NodeHealth, ARestoredSnapshotOfARunningNodeIsNoticed) {  // rule D1
  Start();
  Pass(6s);
  nodes_[2].count -= 2;
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Pass(timing_.Quarantine() + 2s);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

// --- one node, two servers (rule D10) -----------------------------------------------------------

class OtherServer : public NodeHealth {
 protected:
  OtherServer() { Start(); }
  // Another daemon tells the node `at` that for it node 2 is the server `run`.
  void Say(NodeIndex at, const std::string& run) {
    ProbeOp probe{.may_write = false, .instance = "you"};
    probe.sightings.push_back({nodes_[2].id(), run, 0s});
    nodes_[at].Run(now_, timing_, nodes_[at].Info().run_id, probe);
  }
  // This daemon reaches another server, which had been introduced before.
  void MeetAnother(const std::string& run) {
    Down(2);
    nodes_[2].Restart(run);
    Up(2);
  }
};

TEST_F(OtherServer, TheSameServerForAllIsWell) {
  for (int i = 0; i < 5; ++i) {
    Say(0, "run2");
    Say(1, "run2");
    Pass(2s);
    EXPECT_EQ(StateOf(2), NodeState::kUp);
  }
}

TEST_F(OtherServer, WhoComesWithAnotherDoesNotCountIt) {
  const std::string id = nodes_[2].id();
  Say(0, "run2");
  MeetAnother("run9");
  EXPECT_EQ(StateOf(2), NodeState::kOtherRun);
  EXPECT_EQ(
      TextOf(2),
      "is a different server for another daemon (run_id run2, here run9): the address leads to two "
      "servers");
  Say(0, "run2");
  Pass(1s);
  EXPECT_EQ(StateOf(2), NodeState::kOtherRun);
  EXPECT_EQ(VotesOf(Open()), 2u);
}

TEST_F(OtherServer, AServerThatIsGoneGivesWayToTheNextAfterAQuarantine) {
  Say(0, "run2");
  MeetAnother("run9");
  Pass(7s);  // 5 s, and the next probe
  EXPECT_NE(StateOf(2), NodeState::kOtherRun);
  EXPECT_NE(StateOf(2), NodeState::kUp);
  Pass(timing_.Quarantine() + 2s);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

// They do not meet any more where they could see it: each has another node beside that one.
TEST_F(OtherServer, AServerThatIsKnownToLiveKeepsItsPlaceAcrossAPartition) {
  Say(0, "run2");
  Say(1, "run2");
  MeetAnother("run9");
  Pass(1s);
  Say(0, "run2");
  Say(1, "run2");
  Pass(2s);
  ASSERT_EQ(StateOf(2), NodeState::kOtherRun);
  Down(0);
  Pass(60s);
  EXPECT_EQ(StateOf(2), NodeState::kOtherRun);
  Up(0);  // which says the same as the other now: nobody has heard that server for long
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Pass(timing_.Quarantine() + 2s);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

// The one node that is left says after a while that nobody has the other server any more; but that
// server was heard after this one was met, by a daemon that may have the other nodes.
TEST_F(OtherServer, OneNodeAloneIsNotEnoughToTakeThePlaceOfAServerThatLives) {
  Down(0);
  Say(1, "run2");
  MeetAnother("run9");
  Pass(1s);
  Say(1, "run2");
  Pass(3s);
  ASSERT_EQ(StateOf(2), NodeState::kOtherRun);
  Pass(60s);
  EXPECT_EQ(StateOf(2), NodeState::kOtherRun);
}

TEST_F(OtherServer, WhoIsOvertakenStopsCountingIt) {
  const auto session = Open();
  MustHold(session);
  Pass(2s);
  Jump(20s);  // stopped, and the other one has come
  Say(0, "run9");
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kOtherRun);
}

TEST_F(OtherServer, AnIdGivenBackSaysThatTheNodeWasUsed) {  // rule D7
  MeetAnother("run9");
  ProbeOp look{.may_write = false};
  const auto seen = nodes_[2].Run(now_, timing_, "run9", look);
  EXPECT_EQ(seen.facts->memory, NodeFacts::Memory::kUsed);
}

TEST_F(NodeHealth, OtherSettingsGetNoVote) {  // rule D3
  StartBut(2);
  Timing other = timing_;
  other.max_ttl = 7s;
  nodes_[2].TrustEmpty(now_, other);
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kSettings);
  EXPECT_EQ(TextOf(2), "differs: max_ttl is another; to change it, adopt them");
  EXPECT_EQ(VotesOf(Open()), 2u);
}

TEST_F(NodeHealth, AServerListedTwiceVotesOnce) {  // rule D8
  StartBut(1);
  ByHand(1);
  Do(NodeLinkUp{1, nodes_[0].Info()});
  EXPECT_EQ(StateOf(1), NodeState::kDuplicate);
  EXPECT_EQ(TextOf(1), "is the same server as node 1");
  AllByHand();
  const auto request = Lock(Open());
  EXPECT_FALSE(IsAsked<AcquireOp>(1));
  Vote(0, 10);
  EXPECT_FALSE(Answered(request));
}

TEST_F(NodeHealth, TheSetIsWrittenAsSoonAsAllHaveBeenRead) {  // rule D8
  StartBut(2);
  EXPECT_EQ(nodes_[0].set(), "");
  Up(2);
  EXPECT_EQ(nodes_[0].set().substr(0, 2), "3:");
  EXPECT_EQ(nodes_[1].set(), nodes_[0].set());
  EXPECT_EQ(nodes_[2].set(), nodes_[0].set());
}

// Two daemons meet new nodes at the same time.
TEST_F(NodeHealth, NodesThatAnotherDaemonNamesMeanwhileVoteAtOnce) {  // rule D8
  StartBut(2);
  ByHand(2);
  nodes_[2].TrustEmpty(now_, timing_);
  Up(2);
  for (NodeIndex i = 0; i < 3; ++i) {
    nodes_[i].Run(now_, timing_, nodes_[i].Info().run_id,
                  ProbeOp{std::string(1, static_cast<char>('a' + i)), "3:a,b,c"});
  }
  Pass(1ms);
  AnswerAsObedient(Take<ProbeOp>(2));
  EXPECT_EQ(StateOf(0), NodeState::kUp);
  EXPECT_EQ(StateOf(1), NodeState::kUp);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, AReplicaOrAClusterDoesNotVote) {  // rule D5
  StartBut(2);
  nodes_[2].TrustEmpty(now_, timing_);
  nodes_[2].master = false;
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kReplica);
  Down(2);
  nodes_[2].master = true;
  nodes_[2].cluster = true;
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kCluster);
}

TEST_F(NodeHealth, ANodeThatEvictsDoesNotVote) {  // rule D5
  StartBut(2);
  nodes_[2].TrustEmpty(now_, timing_);
  nodes_[2].maxmemory_policy = "allkeys-lru";
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kEvicts);
  EXPECT_EQ(TextOf(2), "has maxmemory-policy allkeys-lru, expected noeviction");
}

TEST_F(NodeHealth, GrowingEvictionsPutANodeInQuarantine) {  // rule D5
  Start();
  nodes_[2].evicted_keys = 1;
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Pass(timing_.Quarantine() + 2ms);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, AChangedPolicyPutsANodeInQuarantineWhenItIsBack) {  // rule D5
  Start();
  nodes_[2].maxmemory_policy = "allkeys-lru";
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kEvicts);
  nodes_[2].maxmemory_policy = "noeviction";
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
}

// What was seen must get there: until it has, the node has no vote.
TEST_F(NodeHealth, ASuspicionIsRepeatedUntilTheNodeHasIt) {  // rule D5
  Start();
  ByHand(2);
  nodes_[2].evicted_keys = 1;
  Pass(2s);
  AnswerAsObedient(Take<ProbeOp>(2));
  EXPECT_TRUE(IsAsked<SuspectOp>(2));
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Down(2);
  Up(2);
  AnswerAsObedient(Take<ProbeOp>(2));
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  AnswerAsObedient(Take<SuspectOp>(2));
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Obey(2);
  Pass(timing_.Quarantine() + 1s);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, ASuspicionThatTheNodeDoesNotTakeIsRepeated) {  // rule D5
  Start();
  ByHand(2);
  nodes_[2].evicted_keys = 1;
  Pass(2s);
  AnswerAsObedient(Take<ProbeOp>(2));
  const Asked slow = Take<SuspectOp>(2);
  Silence(slow);
  Pass(2s);
  EXPECT_FALSE(IsAsked<SuspectOp>(2)) << "it may still be answered";
  Answer(slow, Verdict::kError);
  AnswerAsObedient(Take<ProbeOp>(2));
  Pass(2s);
  EXPECT_TRUE(IsAsked<SuspectOp>(2));
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
}

TEST_F(NodeHealth, WhyANodeCannotBeReachedIsToldOnceAlsoIfItNeverCould) {
  StartBut(2);
  Do(NodeDown{2, "WRONGPASS"});
  EXPECT_EQ(changes_.back().text, "WRONGPASS");
  const std::size_t told = changes_.size();
  Do(NodeDown{2, "WRONGPASS"});
  EXPECT_EQ(changes_.size(), told);
}

TEST_F(NodeHealth, AClockOffTheMedianDoesNotVote) {  // rule A6
  StartBut(2);
  nodes_[2].clock_off = 1h;
  nodes_[2].TrustEmpty(now_, timing_);
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kSkewed);
  EXPECT_EQ(TextOf(2), "clock off by 3600s");
  EXPECT_EQ(VotesOf(Open()), 2u);
}

TEST_F(NodeHealth, AClockWithinHalfAWindowVotes) {  // rule A6
  StartBut(2);
  nodes_[2].clock_off = 240ms;
  nodes_[2].TrustEmpty(now_, timing_);
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, AForwardStepOfOneNodeTakesItsVoteForAQuarantine) {  // rule D6
  Start();
  nodes_[2].clock_off = 100ms;
  Pass(2s);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  EXPECT_EQ(TextOf(2), "its clock moved ahead of this host's: this daemon ignores its votes");
  EXPECT_TRUE(warnings_.empty());
  Pass(timing_.Quarantine() - 1ms);
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  Pass(2ms);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, AStepIsSaidToItsNodeOnceTheOthersHaveBeenRead) {  // rule D6
  Start();
  AllByHand();
  nodes_[2].clock_off = 100ms;
  Pass(2s);
  for (NodeIndex i = 0; i < 3; ++i) AnswerAsObedient(Take<ProbeOp>(i));
  EXPECT_FALSE(IsAsked<SuspectOp>(2)) << "the others were asked before the step was seen";
  EXPECT_EQ(StateOf(2), NodeState::kQuarantine);
  AnswerAsObedient(Take<ProbeOp>(0));
  EXPECT_FALSE(IsAsked<SuspectOp>(2));
  AnswerAsObedient(Take<ProbeOp>(1));
  EXPECT_EQ(std::get<SuspectOp>(Take<SuspectOp>(2).op).witness, "me");
}

// The keys of the others' locks did not end early: nothing is to be done on the nodes.
TEST_F(NodeHealth, AStepOfMostNodesAtOnceIsThisHostsAndBindsNobody) {  // rule D6
  Start();
  for (auto& node : nodes_) node.clock_off = 100ms;  // as this host sees it that stood still
  Pass(2s);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kUp);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("this host's clock"), std::string::npos);
  EXPECT_EQ(VotesOf(Open()), 3u);
  for (auto& node : nodes_) node.clock_off += 100ms;
  Pass(2s);
  EXPECT_EQ(warnings_.size(), 1u) << "not again and again";
}

TEST_F(NodeHealth, AHostThatRunsSlowBindsNobody) {  // rule D6
  Start();
  for (int i = 0; i < 600; ++i) {
    for (auto& node : nodes_) node.clock_off += 500us;
    Pass(100ms);
  }
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(StateOf(i), NodeState::kUp);
  EXPECT_FALSE(warnings_.empty());
}

// What the node's own word says binds at once, whatever was said of its clock before.
TEST_F(NodeHealth, EvictionsCountMoreThanAClock) {  // rules D5, D6
  Start();
  nodes_[2].clock_off = 100ms;
  nodes_[2].evicted_keys = 1;
  ByHand(2);
  Pass(2s);
  AnswerAsObedient(Take<ProbeOp>(2));
  EXPECT_EQ(std::get<SuspectOp>(Take<SuspectOp>(2).op).witness, "");
}

TEST_F(NodeHealth, AProbeThatFailsIsAnError) {
  StartBut(2);
  ByHand(2);
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kProbing);
  Answer(Take<ProbeOp>(2), Verdict::kError, 0, 0ns, "NOPERM this user has no permissions");
  EXPECT_EQ(StateOf(2), NodeState::kError);
  EXPECT_EQ(TextOf(2), "NOPERM this user has no permissions");
}

// What keeps a node from its vote may pass within what is left of a lease.
TEST_F(NodeHealth, ANodeThatIsUnfitIsProbedAgainSoon) {
  Start();
  ByHand(2);
  Pass(2s);
  Answer(Take<ProbeOp>(2), Verdict::kError, 0, 0ns, "BUSY running a script");
  EXPECT_EQ(StateOf(2), NodeState::kError);
  Obey(2);
  Pass(500ms);
  EXPECT_EQ(StateOf(2), NodeState::kUp);
}

TEST_F(NodeHealth, AFullNodeKeepsItsLeasesAndTakesNoOthers) {  // rule C5
  Start();
  const SessionId holder = Open();
  MustHold(holder);
  for (ObedientNode& node : nodes_) node.refuses = "OOM command not allowed";
  Pass(2s);
  EXPECT_EQ(StateOf(0), NodeState::kFull);
  EXPECT_EQ(TextOf(0),
            "keeps the leases that it has, but takes no new ones: OOM command not allowed");
  Pass(30s);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  const auto refused = Try(Open(), "y");
  EXPECT_EQ(WhyFailed(refused), Failure::kNoQuorum);
  EXPECT_NE(
      FailureOf(refused)->text.find("node 1 keeps the leases that it has, but takes no new ones: "
                                    "OOM command not allowed; node 2 "),
      std::string::npos)
      << FailureOf(refused)->text;
  for (ObedientNode& node : nodes_) node.refuses.clear();
  Pass(500ms);
  EXPECT_EQ(StateOf(0), NodeState::kUp);
}

TEST_F(NodeHealth, WhatANodeRefusedIsShownForAMinuteAndLoggedNowAndThen) {
  Start();
  MustHold(Open());
  ByHand(0);
  changes_.clear();
  for (int round = 0; round < 3; ++round) {
    Pass(1s);
    Answer(Take<RenewOp>(0), Verdict::kError, 0, 0ns, "NOPERM for 'pexpire'");
  }
  EXPECT_EQ(TextOf(0), "refused a renewal: NOPERM for 'pexpire' (0us ago)");
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_TRUE(changes_[0].is_note);
  EXPECT_TRUE(changes_[0].votes);
  EXPECT_EQ(changes_[0].text, "refused a renewal: NOPERM for 'pexpire'");
  Obey(0);
  Pass(61s);
  EXPECT_EQ(TextOf(0), "");
}

TEST_F(NodeHealth, AnErrorThatComesWithoutATimeReadsNoClock) {
  Start();
  ByHand(2);
  Pass(2s);
  const Asked probe = Take<ProbeOp>(2);
  NodeAnswer loading;
  loading.node = 2;
  loading.ticket = probe.ticket;
  loading.text = "LOADING Redis is loading the dataset in memory";
  Do(loading);
  EXPECT_EQ(StateOf(2), NodeState::kError);
  EXPECT_EQ(engine_->Nodes(now_).at(2).clock_off, 0ns);
}

TEST_F(NodeHealth, OfANodeThatIsDownNothingElseIsShown) {
  Start();
  Down(2);
  const NodeView view = engine_->Nodes(now_).at(2);
  EXPECT_EQ(view.state, NodeState::kDown);
  EXPECT_EQ(view.run_id, "");
  EXPECT_FALSE(view.round_trip);
  EXPECT_FALSE(view.clock_off);
}

TEST_F(NodeHealth, ASetIsWrittenOnceAllNodesAreKnown) {  // rule D8
  Start();
  Pass(5s);
  std::set<std::string> sets, ids;
  for (NodeIndex i = 0; i < 3; ++i) {
    ByHand(i);
    Pass(2s);
    const Asked probe = Take<ProbeOp>(i);
    sets.insert(std::get<ProbeOp>(probe.op).set);
    ids.insert(std::get<ProbeOp>(probe.op).node_id);
    AnswerAsObedient(probe);
    Obey(i);
  }
  EXPECT_EQ(ids.size(), 3u);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets.begin()->substr(0, 2), "3:");
}

TEST_F(NodeHealth, MeetingAnotherSetStopsAllGrants) {  // rule D8
  Start();
  Pass(5s);
  MustHold(Open(), {.name = "y"});
  // Node 2 is replaced by a member of another set.
  ObedientNode other("other");
  other.TrustEmpty(now_, timing_);
  other.Run(now_, timing_, "other", ProbeOp{"alien", "3:alien,b,c"});
  Down(2);
  nodes_[2] = other;
  Up(2);
  EXPECT_EQ(StateOf(2), NodeState::kOtherSet);
  const auto request = Try(Open());
  EXPECT_EQ(WhyFailed(request), Failure::kNoQuorum);
  EXPECT_NE(FailureOf(request)->text.find("another set"), std::string::npos);
}

}  // namespace
}  // namespace redlockd::engine
