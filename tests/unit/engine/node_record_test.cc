#include "daemon/engine/node_record.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "tests/unit/engine/node_parts.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using Suspicion = NodeRecord::Suspicion;

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

TEST(NodeRecordTest, ALongRoundTripIsForgottenSlowly) {
  NodeRecord record;
  record.TakeRoundTrip(2ms);
  EXPECT_EQ(record.slow_trip, Duration(2ms));
  record.TakeRoundTrip(66ms);
  record.TakeRoundTrip(2ms);
  EXPECT_EQ(record.round_trip, Duration(2ms));
  EXPECT_EQ(record.slow_trip, Duration(65ms)) << "1/64 of what lies between is forgotten";
  for (int i = 0; i < 500; ++i) record.TakeRoundTrip(2ms);
  EXPECT_LT(record.slow_trip, Duration(3ms));
  record.TakeRoundTrip(30s);
  EXPECT_EQ(record.slow_trip, Timing::kLongestGrace / 3) << "more is of no use";
}

TEST(NodeRecordsTest, TakeTheSlowestOfThoseThatVote) {  // rule E8.2
  NodeRecords records(3);
  EXPECT_EQ(records.SlowTrip(), Duration(0));
  const Duration trips[] = {9ms, 20ms, 50ms};
  for (NodeIndex i = 0; i < 3; ++i) records[i].slow_trip = trips[i];
  for (NodeIndex i = 0; i < 2; ++i) records[i].state = NodeState::kUp;
  EXPECT_EQ(records.SlowTrip(), Duration(20ms));
}

TEST(NodeRecordsTest, AllSendHintsWhereEachThatVotesDoes) {  // rule E8.3
  NodeRecords records(3);
  EXPECT_TRUE(records.AllSendHints()) << "none votes";
  for (NodeIndex i = 0; i < 2; ++i) records[i].state = NodeState::kUp;
  records[0].subscribed = true;
  EXPECT_FALSE(records.AllSendHints());
  records[1].subscribed = true;
  EXPECT_TRUE(records.AllSendHints());
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

}  // namespace
}  // namespace redlockd::engine
