#include <gtest/gtest.h>

#include <functional>

#include "daemon/engine/node_judge.h"
#include "daemon/engine/node_log.h"
#include "daemon/engine/node_prober.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_report.h"

// Each part of the node table by itself, without the table.
namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using Suspicion = NodeRecord::Suspicion;

Time At(Duration since) { return Time(1h) + since; }

EngineOptions OptionsOf(std::size_t nodes) {
  EngineOptions options;
  options.nodes = nodes;
  options.instance = "me";
  return options;
}

// A server of its own that was checked, without an id: nothing is known against it.
void MakeFit(NodeRecords& records, NodeIndex node) {
  NodeRecord& record = records[node];
  record.linked = record.probed = record.ever_read = true;
  record.facts.run_id = "run" + std::to_string(node);
  record.facts.maxmemory_policy = "noeviction";
  record.facts.memory = NodeFacts::Memory::kUsed;
}

// --- NodeRecord ---------------------------------------------------------------------------------

TEST(NodeRecordTest, SaysWhenItIsReady) {
  struct Row {
    NodeState state;
    std::optional<Time> ready_at, doubted_until;
    const char* reason;
  };
  for (const Row& row : {
           Row{NodeState::kUp, {}, {}, "up"},
           Row{NodeState::kReplica, At(3s), {}, "why"},
           Row{NodeState::kNew, At(3s), {}, "why, ready in 2s"},
           Row{NodeState::kQuarantine, {}, At(4s), "why, ready in 3s"},
           Row{NodeState::kQuarantine, At(3s), At(4s), "why, ready in 2s"},
           Row{NodeState::kQuarantine, At(0s), {}, "why, ready in 0us"},
           Row{NodeState::kQuarantine, {}, {}, "why, ready in 0us"},
       }) {
    NodeRecord record;
    record.text = "why";
    record.state = row.state;
    record.ready_at = row.ready_at;
    record.doubted_until = row.doubted_until;
    EXPECT_EQ(record.Reason(At(1s)), row.reason);
  }
}

TEST(NodeRecordTest, KeepsTroubleThatIsShownNowhereElse) {
  NodeAnswer answer;
  answer.text = "OOM";
  NodeRecord record;
  for (const auto kind : {Ticket::Kind::kProbe, Ticket::Kind::kQuery}) {
    answer.ticket.kind = kind;
    EXPECT_FALSE(record.TakeTrouble(At(0s), answer));
    EXPECT_EQ(record.trouble, "");
  }
  answer.ticket.kind = Ticket::Kind::kRenew;
  EXPECT_TRUE(record.TakeTrouble(At(0s), answer));
  EXPECT_EQ(record.trouble, "refused a renewal: OOM");
}

TEST(NodeRecordTest, AnOlderStateOfTheSameProcessIsLostMemory) {
  const NodeFacts old{.run_id = "a", .count = 5, .memory = NodeFacts::Memory::kUsed};
  struct Row {
    const char* what;
    std::function<void(NodeFacts&)> change;
    bool lost;
  };
  for (const Row& row : {
           Row{"older", [](NodeFacts& facts) { facts.count = 4; }, true},
           Row{"the same", [](NodeFacts&) {}, true},
           Row{"newer", [](NodeFacts& facts) { facts.count = 6; }, false},
           Row{"another process", [](NodeFacts& facts) { facts.run_id = "b"; }, false},
           Row{"cannot count", [](NodeFacts& facts) { facts.refuses = "OOM"; }, false},
           Row{"none", [](NodeFacts& facts) { facts.memory = NodeFacts::Memory::kNone; }, false},
       }) {
    NodeFacts facts = old;
    row.change(facts);
    EXPECT_EQ(LostMemory(old, facts), row.lost) << row.what;
  }
}

TEST(NodeRecordsTest, FindTheFirstEntryOfAServer) {
  NodeRecords records(3);
  for (NodeIndex i = 0; i < 3; ++i) MakeFit(records, i);
  records[2].facts.run_id = records[0].facts.run_id;
  records[0].linked = false;
  EXPECT_EQ(records.SameServer(0), std::nullopt);
  EXPECT_EQ(records.SameServer(1), std::nullopt);
  EXPECT_EQ(records.SameServer(2), NodeIndex(0)) << "it may have promised before it went";
}

TEST(NodeRecordsTest, TakeTheMiddleRoundTripOfThoseThatVote) {
  NodeRecords records(4);
  EXPECT_EQ(records.RoundTrip(), Duration(1ms)) << "nothing is known";
  const Duration trips[] = {9ms, 2ms, 3ms, 50ms};
  for (NodeIndex i = 0; i < 4; ++i) records[i].round_trip = trips[i];
  for (NodeIndex i = 0; i < 3; ++i) records[i].state = NodeState::kUp;
  EXPECT_EQ(records.RoundTrip(), Duration(3ms));
  for (NodeIndex i = 0; i < 3; ++i) records[i].round_trip = 1us;
  EXPECT_EQ(records.RoundTrip(), Duration(50us)) << "the least";
}

TEST(NodeRecordsTest, AcquitOfWhatTheClockShowedAlone) {
  NodeRecords records(3);
  records[0].suspected = Suspicion::kClock;
  records[1].suspected = Suspicion::kOwnWord;
  records[2].doubted_until = At(1s);
  EXPECT_TRUE(records.AcquitAll());
  EXPECT_EQ(records[0].suspected, Suspicion::kNone);
  EXPECT_EQ(records[1].suspected, Suspicion::kOwnWord);
  EXPECT_FALSE(records[2].doubted_until);
  EXPECT_FALSE(records.AcquitAll());
}

// --- NodeJudge ----------------------------------------------------------------------------------

class NodeJudgeTest : public ::testing::Test {
 protected:
  NodeJudgeTest() {
    for (NodeIndex i = 0; i < 3; ++i) MakeFit(records_, i);
  }

  const EngineOptions options_ = OptionsOf(3);
  NodeRecords records_{3};
  Membership membership_{3};
  NodeClaims claims_{3};
  NodeClocks clocks_{3, options_.timing.drift};
  NodeJudge judge_{options_, records_, membership_, claims_, clocks_};
};

struct Fault {
  NodeState state;
  std::function<void(NodeRecord&)> make;
  // What it promised to a lease that it has counts where this is the one fault.
  bool keeps;
};

// From those that count first to those that count last.
const Fault kFaults[] = {
    {NodeState::kDown, [](NodeRecord& r) { r.linked = false; }, false},
    {NodeState::kReplica, [](NodeRecord& r) { r.facts.master = false; }, false},
    {NodeState::kCluster, [](NodeRecord& r) { r.facts.cluster = true; }, false},
    {NodeState::kEvicts, [](NodeRecord& r) { r.facts.maxmemory_policy = "allkeys-lru"; }, false},
    {NodeState::kDuplicate, [](NodeRecord& r) { r.facts.run_id = "run0"; }, false},
    {NodeState::kError, [](NodeRecord& r) { r.error = "LOADING"; }, true},
    {NodeState::kProbing, [](NodeRecord& r) { r.probed = false; }, true},
    {NodeState::kOtherSet, [](NodeRecord& r) { r.facts.set = "5:a,b,c,d,e"; }, false},
    {NodeState::kSettings, [](NodeRecord& r) { r.settings = "max_ttl"; }, false},
    {NodeState::kQuarantine, [](NodeRecord& r) { r.suspected = Suspicion::kOwnWord; }, false},
    {NodeState::kNew, [](NodeRecord& r) { r.ready_at = At(1s), r.forgot = true; }, false},
    {NodeState::kQuarantine, [](NodeRecord& r) { r.doubted_until = At(1s); }, false},
    {NodeState::kFull, [](NodeRecord& r) { r.facts.refuses = "OOM"; }, true},
};

TEST_F(NodeJudgeTest, ANodeWithoutAFaultVotes) {
  EXPECT_EQ(judge_.Judge(1).state, NodeState::kUp);
  EXPECT_EQ(judge_.Judge(1).text, "");
  EXPECT_TRUE(judge_.Keeps(1, NodeState::kUp));
}

TEST_F(NodeJudgeTest, EachFaultHasItsState) {
  for (const Fault& fault : kFaults) {
    MakeFit(records_, 1);
    const NodeRecord fit = records_[1];
    fault.make(records_[1]);
    const auto [state, text] = judge_.Judge(1);
    EXPECT_EQ(state, fault.state) << text;
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(judge_.Keeps(1, state), fault.keeps) << text;
    records_[1] = fit;
  }
}

TEST_F(NodeJudgeTest, TheFirstOfSeveralFaultsCounts) {
  for (std::size_t i = std::size(kFaults); i-- > 0;) {
    kFaults[i].make(records_[1]);
    EXPECT_EQ(judge_.Judge(1).state, kFaults[i].state) << i;
  }
}

TEST_F(NodeJudgeTest, AFailedProbeTakesNothingFromAPromiseUnlessItMayBeForgotten) {
  const std::function<void(NodeRecord&)> doubts[] = {
      [](NodeRecord& r) { r.suspected = Suspicion::kClock; },
      [](NodeRecord& r) { r.doubted_until = At(1s); },
      [](NodeRecord& r) { r.other_run = true; },
      [](NodeRecord& r) { r.ready_at = At(1s); },
      [](NodeRecord& r) { r.facts.set = "5:a,b,c,d,e"; },
  };
  const NodeRecord fit = records_[1];
  for (const auto& doubt : doubts) {
    doubt(records_[1]);
    EXPECT_FALSE(judge_.Keeps(1, NodeState::kError));
    records_[1] = fit;
    EXPECT_TRUE(judge_.Keeps(1, NodeState::kError));
  }
}

TEST_F(NodeJudgeTest, AClockIsOffTheMiddleOfThoseThatAreLinked) {
  const NodeTime now = 1'000'000'000;
  for (NodeIndex i = 0; i < 3; ++i) {
    clocks_.Observe(i, now + (i == 2 ? 3'600'000'000 : 0), At(0s), At(0s));
  }
  EXPECT_FALSE(judge_.Skewed(0));
  EXPECT_TRUE(judge_.Skewed(2));
  EXPECT_EQ(judge_.Judge(2).state, NodeState::kSkewed);
  records_[0].linked = records_[1].linked = false;
  EXPECT_FALSE(judge_.Skewed(2)) << "it is the middle one";
}

// --- NodeReport ---------------------------------------------------------------------------------

class NodeReportTest : public NodeJudgeTest {
 protected:
  NodeReportTest() {
    for (NodeIndex i = 0; i < 3; ++i) {
      records_[i].state = NodeState::kUp;
      records_[i].text = "";
    }
  }
  void Break(NodeIndex node) {
    records_[node].linked = false;
    records_[node].state = NodeState::kDown;
    records_[node].text = records_[node].down_reason = "is gone";
  }

  NodeReport report_{options_, records_, judge_};
};

TEST_F(NodeReportTest, SaysWhatIsMissingForAQuorum) {
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {{1, "did not answer"}}),
            "fewer than 2 of 3 nodes gave a usable answer: node 2 did not answer");
  Break(0);
  Break(1);
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {{1, "did not answer"}}),
            "1 of 3 nodes vote, 2 are needed: node 1 is gone; node 2 is gone");
  records_[2].state = NodeState::kOtherSet;
  records_[2].text = "is of another";
  EXPECT_EQ(report_.WhyNoQuorum(At(0s), {}),
            "a node belongs to another set, nothing is granted: node 1 is gone; node 2 is gone; "
            "node 3 is of another");
}

TEST_F(NodeReportTest, SaysWhyALeaseWasNotKept) {
  Break(0);
  EXPECT_EQ(report_.WhyNotKept({{0, "refused"}, {2, "did not answer"}}),
            "node 1 is gone; node 3 did not answer");
}

TEST_F(NodeReportTest, AllMustBeNewToBeTrusted) {
  for (NodeIndex i = 0; i < 3; ++i) {
    records_[i].state = NodeState::kNew;
    records_[i].facts.memory = NodeFacts::Memory::kNew;
  }
  EXPECT_EQ(report_.WhyNotNew(), "");
  EXPECT_NE(report_.WhyNoQuorum(At(0s), {}).find("; if the nodes are new, trust them"),
            std::string::npos);
  records_[2].state = NodeState::kUp;
  EXPECT_EQ(report_.WhyNotNew(), "node 3 is not new");
  records_[1].facts.memory = NodeFacts::Memory::kUsed;
  EXPECT_EQ(report_.WhyNotNew(),
            "node 2 has been used before, as the node or another daemon remembers");
  records_[0].probed = false;
  EXPECT_EQ(report_.WhyNotNew(), "node 1 has not been checked");
  records_[2].counted = "run2";
  EXPECT_EQ(report_.WhyNotNew(), "this daemon has received votes from node 3");
}

TEST_F(NodeReportTest, ShowsTroubleForAMinute) {
  records_[0].trouble = "refused a renewal: OOM";
  records_[0].trouble_at = At(0s);
  EXPECT_EQ(report_.Views(At(59s))[0].text, "refused a renewal: OOM (59s ago)");
  EXPECT_EQ(report_.Views(At(60s))[0].text, "");
}

// --- NodeLog ------------------------------------------------------------------------------------

TEST(NodeLogTest, DoesNotRepeatItself) {
  NodeRecords records(1);
  Outbox outbox;
  Effects effects;
  outbox.Begin(effects);
  NodeLog log(records, outbox);
  const auto logged = [&](const std::function<void()>& report) {
    effects.clear();
    report();
    return !effects.empty();
  };
  records[0].trouble = "refused a renewal: OOM";
  EXPECT_TRUE(logged([&] { log.Refused(At(0s), 0); }));
  EXPECT_FALSE(logged([&] { log.Refused(At(9s), 0); }));
  EXPECT_TRUE(logged([&] { log.Refused(At(10s), 0); }));
  EXPECT_TRUE(logged([&] { log.Noted(0, "no PUBLISH"); }));
  EXPECT_FALSE(logged([&] { log.Noted(0, "no PUBLISH"); }));
  EXPECT_FALSE(logged([&] { log.Noted(0, ""); }));
  EXPECT_TRUE(logged([&] { log.Noted(0, "no PUBLISH"); })) << "it is there again";
  EXPECT_TRUE(logged([&] { log.HostClockMoved(At(0s)); }));
  EXPECT_FALSE(logged([&] { log.HostClockMoved(At(59s)); }));
  EXPECT_TRUE(logged([&] { log.HostClockMoved(At(60s)); }));
}

// --- NodeProber ---------------------------------------------------------------------------------

class NodeProberTest : public NodeJudgeTest {
 protected:
  NodeProberTest() { outbox_.Begin(effects_); }
  // What `act` has the nodes asked.
  std::vector<AskNodes> Asked(const std::function<void()>& act) {
    effects_.clear();
    act();
    std::vector<AskNodes> asked;
    for (const Effect& effect : effects_) asked.push_back(std::get<AskNodes>(effect));
    return asked;
  }
  std::size_t Probes(NodeIndex node) {
    return Asked([&] { prober_.Probe(At(0s), node); }).size();
  }

  struct NoRandom : Random {
    std::uint64_t Below(std::uint64_t) override { return 0; }
  } random_;
  Agenda agenda_;
  Outbox outbox_;
  Effects effects_;
  NodeProber prober_{options_, records_, membership_, claims_, random_, agenda_, outbox_};
};

TEST_F(NodeProberTest, OneProbeIsOnItsWayAtATime) {
  EXPECT_EQ(Probes(0), 1u);
  EXPECT_EQ(Probes(0), 0u);
  EXPECT_EQ(Probes(1), 1u) << "to another node";
  prober_.OnProbeOver(0);
  EXPECT_EQ(Probes(0), 1u);
  prober_.Forget(0);
  EXPECT_EQ(Probes(0), 1u) << "the other was sent to another process";
  prober_.OnProbeOver(0);
  records_[0].linked = false;
  EXPECT_EQ(Probes(0), 0u);
}

TEST_F(NodeProberTest, AProbeGoesOutTwoSecondsAfterTheLastOrWhenThereIsMoreToSee) {
  Probes(0);
  EXPECT_EQ(agenda_.Next(), At(2s));
  prober_.LookAgain(0, At(3s));
  EXPECT_EQ(agenda_.Next(), At(2s)) << "it is probed before that";
  prober_.LookAgain(0, At(1s));
  EXPECT_EQ(agenda_.Next(), At(1s));
  prober_.LookSoon(At(0s), 0);
  EXPECT_EQ(agenda_.Next(), At(500ms));
  prober_.Stop(0);
  EXPECT_EQ(agenda_.Next(), std::nullopt);
}

TEST_F(NodeProberTest, ASuspectIsAskedOnceAndAgainWithTheNextProbe) {
  records_[0].suspected = Suspicion::kClock;
  auto asked = Asked([&] { prober_.AskToSuspect(At(0s), 0); });
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(std::get<SuspectOp>(asked[0].op).witness, "me") << "this daemon alone saw its clock";
  EXPECT_EQ(Probes(0), 1u) << "only the probe";
  prober_.OnSuspectOver(0);
  prober_.OnProbeOver(0);
  records_[0].suspected = Suspicion::kOwnWord;
  asked = Asked([&] { prober_.Probe(At(0s), 0); });
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(std::get<SuspectOp>(asked[0].op).witness, "");
  EXPECT_TRUE(std::holds_alternative<ProbeOp>(asked[1].op));
}

TEST_F(NodeProberTest, SettlesWhereItAgreesWithMost) {
  struct Row {
    std::size_t read, differ;
    bool settles;
  };
  for (const Row& row : {Row{1, 0, false}, Row{2, 0, true}, Row{3, 1, true}, Row{3, 2, false}}) {
    for (NodeIndex i = 0; i < 3; ++i) {
      records_[i].ever_read = i < row.read;
      records_[i].settings = i < row.differ ? "max_ttl" : "";
    }
    const auto asked = Asked([&] { prober_.Probe(At(0s), 0); });
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(std::get<ProbeOp>(asked[0].op).settles, row.settles) << row.read << row.differ;
    prober_.OnProbeOver(0);
  }
}

TEST_F(NodeProberTest, ReportsToANodeWhichServersTheOthersAre) {
  for (NodeIndex i = 0; i < 3; ++i) records_[i].facts.node_id = "id" + std::to_string(i);
  records_[1].heard = At(-3s);
  records_[2].other_run = true;
  const auto asked = Asked([&] { prober_.Probe(At(0s), 0); });
  ASSERT_EQ(asked.size(), 1u);
  const auto& claims = std::get<ProbeOp>(asked[0].op).claims;
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[0], (ProbeOp::Claim{"id1", "run1", Duration(3s)}));
  EXPECT_EQ(claims[1], (ProbeOp::Claim{"id2", "run2", std::nullopt})) << "it is disputed";
}

}  // namespace
}  // namespace redlockd::engine
