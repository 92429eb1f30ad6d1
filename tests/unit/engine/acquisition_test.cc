#include "daemon/engine/acquisition.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/engine/shared_fixture.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using TicketKind = Ticket::Kind;
using Turn = Acquisition::Turn;

std::string TextOf(const Acquisition::Outcome& outcome) {
  switch (outcome.kind) {
    case Acquisition::Outcome::Kind::kOpen:
      return "";
    case Acquisition::Outcome::Kind::kGranted:
      return "granted";
    case Acquisition::Outcome::Kind::kFailed:
      break;
  }
  if (!outcome.failed.reached) return outcome.failed.is_split ? "?" : "unreached";
  return outcome.failed.is_split ? "split" : "refused";
}

// What a node says in a round.
struct Said {
  std::optional<Verdict> verdict;  // none: nothing, for good
  Fence fence = 0;
  const char* owner = "";
};
Said Vote(Fence fence) { return {Verdict::kOk, fence}; }
Said Busy(const char* owner) { return {Verdict::kBusy, 0, owner}; }
Said Other(Verdict verdict) { return {verdict}; }
const Said kSilence{};

// Acquires lock "x" for a user of uid 1000.
class AcquisitionTest : public ClaimFixture, Contention::Observer {
 protected:
  bool LacksQuorum() const {
    const Contention* contention = acquisition_.contention();
    return contention && contention->no_quorum_since();
  }
  // Ends all that was begun, and all pauses.
  void StartAnew() {
    passes_.clear();
    LetGo();
    acquisition_.LeaveQueue(now_, false);
    for (NodeIndex i = 0; i < 3; ++i) Make(i, NodeIs::kUp);
    Pass(60s);
    acquisition_.Stop(now_);
    for (NodeIndex i = 0; i < 3; ++i) Make(i, NodeIs::kUp);
    shared_.counters = {};
    demand_ = kOneWaits;
  }
  Acquisition::Outcome Begin() {
    EXPECT_EQ(acquisition_.Enter(1000), Turn::kNow);
    claim_.Begin(3s);
    return acquisition_.Begin(now_, 1000, demand_);
  }
  void LetGo() {
    acquisition_.End();
    if (claim_.lease()) claim_.End();
  }
  // The node answers the round that is out, and the claim hears of it first, as in a lock.
  Acquisition::Outcome Hear(TicketKind kind, NodeIndex node, const Said& said) {
    NodeAnswer answer = AnswerTo(kind, node, said.verdict.value_or(Verdict::kError), said.fence);
    answer.text = said.owner;
    answer.left = 10s;
    if (said.verdict) return Hear(answer);
    const NodeSilence silence{.node = node, .ticket = answer.ticket, .gone = true};
    claim_.OnSilence(silence);
    return acquisition_.OnSilence(now_, silence, demand_);
  }
  Acquisition::Outcome Hear(const NodeAnswer& answer) {
    claim_.OnAnswer(now_, answer, demand_);
    return acquisition_.OnAnswer(now_, answer, demand_);
  }
  // Returns what comes of the answers of nodes 0, 1, 2, in this order. Only the last decides.
  Acquisition::Outcome HearAll(TicketKind kind, const std::vector<Said>& all) {
    Acquisition::Outcome outcome;
    for (NodeIndex node = 0; node < all.size(); ++node) {
      EXPECT_EQ(TextOf(outcome), "");
      outcome = Hear(kind, node, all[node]);
    }
    return outcome;
  }
  // Two nodes vote for different fences, and the round goes out that confirms 9.
  void Disagree() {
    EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(9)})), "");
    EXPECT_EQ(Questions(), "confirm 012");
  }
  void Call(NodeIndex node) {
    acquisition_.OnHint(now_, {.node = node, .kind = NodeHint::Kind::kFree});
  }
  // Begins and ends an attempt.
  void Fail(const std::vector<Said>& all) {
    Begin();
    EXPECT_EQ(HearAll(TicketKind::kAttempt, all).kind, Acquisition::Outcome::Kind::kFailed);
    LetGo();
    effects_.clear();
  }
  // That many attempts of others, each of another user, are under way.
  void Crowd(std::size_t attempts) {
    for (std::uint32_t uid = 1; uid <= attempts; ++uid) passes_.push_back(shared_.gate.Enter(uid));
  }

  static constexpr Demand kOneWaits{.waiters = 1, .ttl = 3s};
  Acquisition acquisition_{claim_, *this};
  Demand demand_ = kOneWaits;
  unsigned touched_ = 0;
  unsigned out_of_patience_ = 0;
  std::vector<AttemptGate::Pass> passes_;

 private:
  void Touch() override { ++touched_; }
  void OnTurn(Time) override {}
  void OnOutOfPatience(Time) override { ++out_of_patience_; }
};

// --- before the gate ----------------------------------------------------------------------------

TEST_F(AcquisitionTest, AnAttemptBeginsWithAQuorumAndRoomAtTheGate) {  // rules C12, D8
  struct Row {
    NodeSet up;
    std::size_t others;
    bool is_other_set;
    Turn turn;
  };
  const std::size_t most = shared_.options.attempts;
  for (const Row& row : {
           Row{0b111, 0, false, Turn::kNow},
           Row{0b011, 0, false, Turn::kNow},
           Row{0b001, 0, false, Turn::kNoQuorum},
           Row{0b111, most - 1, false, Turn::kNow},
           Row{0b111, most, false, Turn::kInLine},
           Row{0b001, most, false, Turn::kNoQuorum},
           Row{0b111, 0, true, Turn::kNoQuorum},
       }) {
    StartAnew();
    Crowd(row.others);
    for (NodeIndex i = 0; i < 3; ++i) {
      if (!row.up.test(i)) Make(i, NodeIs::kDown);
    }
    if (row.is_other_set) {
      NodeFacts facts = shared_.nodes.records()[2].facts;
      facts.set = "5:a,b,c,d,e";
      NodeAnswer answer = Answered(2, Verdict::kOk);
      answer.facts = std::make_shared<NodeFacts>(std::move(facts));
      shared_.nodes.OnProbed(now_, answer);
    }
    EXPECT_EQ(acquisition_.Enter(1000), row.turn) << row.up << row.others << row.is_other_set;
  }
}

TEST_F(AcquisitionTest, StandsBeforeTheGateUntilItEntersOrNobodyWaits) {
  Crowd(shared_.options.attempts);
  EXPECT_EQ(acquisition_.StandsBeforeGate(), std::nullopt);
  acquisition_.StandBeforeGate(1000);
  EXPECT_EQ(acquisition_.StandsBeforeGate(), 1000u);
  acquisition_.StandBeforeGate(1001);
  EXPECT_EQ(acquisition_.StandsBeforeGate(), 1001u) << "another user is first in line now";
  EXPECT_EQ(shared_.gate.Next(), nullptr);
  passes_.pop_back();
  EXPECT_NE(shared_.gate.Next(), nullptr);
  EXPECT_EQ(acquisition_.Enter(1001), Turn::kNow);
  EXPECT_EQ(acquisition_.StandsBeforeGate(), std::nullopt);
  acquisition_.StandBeforeGate(1000);
  acquisition_.Stop(now_);
  EXPECT_EQ(acquisition_.StandsBeforeGate(), std::nullopt);
  EXPECT_EQ(shared_.gate.Next(), nullptr);
}

TEST_F(AcquisitionTest, ItsTurnIsOneOfItsUsersTurns) {  // rule C12
  struct Other : AttemptGate::Contender {
    void OnTurn(Time) override {}
  } of_same_user, of_another;
  Crowd(shared_.options.attempts);
  acquisition_.StandBeforeGate(1000);
  const auto same = shared_.gate.StandInLine(1000, of_same_user);
  const auto another = shared_.gate.StandInLine(1001, of_another);
  passes_.pop_back();
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kNow);
  EXPECT_EQ(shared_.gate.Next(), &of_another);
}

TEST_F(AcquisitionTest, AnAttemptIsUnderWayUntilItsPassIsDropped) {  // rule C12
  Begin();
  Crowd(shared_.options.attempts - 1);
  EXPECT_EQ(acquisition_.Enter(1001), Turn::kInLine);
  AttemptGate::Pass pass = acquisition_.End();
  EXPECT_EQ(acquisition_.Enter(1001), Turn::kInLine) << "its release is under way";
  pass.reset();
  EXPECT_EQ(acquisition_.Enter(1001), Turn::kNow);
  EXPECT_EQ(acquisition_.End(), nullptr) << "no attempt is under way";
}

TEST_F(AcquisitionTest, OnlySilenceNarrowsTheGateAndAGrantWidensIt) {  // rule C12
  const std::size_t most = shared_.options.attempts;
  Fail({Vote(7), Other(Verdict::kError), Other(Verdict::kError)});
  Crowd(most - 1);
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kNow);
  passes_.clear();
  Fail({Other(Verdict::kError), Other(Verdict::kError)});  // the third would have had time yet
  Crowd(most - 1);
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kNow);
  passes_.clear();
  Fail({kSilence, kSilence});
  Crowd(most - 4);
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kInLine);
  passes_.pop_back();
  Begin();
  EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)})), "granted");
  Crowd(1);
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kNow);
  Crowd(1);
  EXPECT_EQ(acquisition_.Enter(1000), Turn::kInLine);
}

// --- rounds -------------------------------------------------------------------------------------

TEST_F(AcquisitionTest, AFirstRoundAsksForWhatItsWaitersNeed) {  // rules B1, E6.1, E6.6, E6.8, E10
  const Timing& timing = shared_.options.timing;
  const Duration short_life = timing.TryWantLife(shared_.nodes.records().RoundTrip());
  constexpr Demand kTry{.waiters = 1, .tries = 1, .ttl = 3s, .first_is_try = true};
  constexpr Demand kSplitTry{
      .waiters = 1, .tries = 1, .ttl = 3s, .first_is_try = true, .first_was_split = true};
  constexpr Demand kSplitTryAndWait{
      .waiters = 2, .tries = 1, .ttl = 3s, .first_is_try = true, .first_was_split = true};
  const std::vector<Said> none;
  const std::vector<Said> refused = {Busy("a:1:h"), Busy("a:1:h")};
  const std::vector<Said> unreached = {kSilence, kSilence};
  struct Row {
    const char* what;
    Demand demand;
    Duration linger;
    std::vector<Said> before;  // of the attempt before it
    Queueing queueing;
    bool has_stamp;
    Duration most_life;
    Fence block;
  };
  for (const Row& row : {
           Row{"one waits", kOneWaits, 0s, none, Queueing::kIfRefused, true, kNoExpiry, 1},
           Row{"two wait",
               {.waiters = 2, .ttl = 3s},
               0s,
               none,
               Queueing::kIfRefused,
               true,
               kNoExpiry,
               FenceBlock::kFull},
           Row{"it may linger", kOneWaits, 1s, none, Queueing::kIfRefused, true, kNoExpiry,
               FenceBlock::kFull},
           Row{"it was refused", kOneWaits, 0s, refused, Queueing::kAlways, true, kNoExpiry, 1},
           Row{"it was not answered", kOneWaits, 0s, unreached, Queueing::kNone, true, kNoExpiry,
               1},
           Row{"a try", kTry, 0s, none, Queueing::kNone, false, kNoExpiry, 1},
           Row{"a try whose votes were split", kSplitTry, 0s, none, Queueing::kAlways, true,
               short_life, 1},
           Row{"... and others wait", kSplitTryAndWait, 0s, none, Queueing::kAlways, true,
               kNoExpiry, FenceBlock::kFull},
       }) {
    StartAnew();
    if (!row.before.empty()) Fail(row.before);
    demand_ = row.demand;
    shared_.options.linger.usual = row.linger;
    EXPECT_EQ(TextOf(Begin()), "") << row.what;
    const auto asked = TakeAsked();
    ASSERT_EQ(asked.size(), 1u) << row.what;
    EXPECT_EQ(asked[0].nodes, NodeSet(0b111)) << row.what;
    EXPECT_EQ(asked[0].ticket.kind, TicketKind::kAttempt) << row.what;
    const auto& op = std::get<AcquireOp>(asked[0].op);
    EXPECT_EQ(op.ttl, Duration(3s)) << row.what;
    EXPECT_EQ(op.proposal, claim_.fences().Proposal(shared_.Clock(now_))) << row.what;
    EXPECT_EQ(op.queueing, row.queueing) << row.what;
    EXPECT_EQ(op.stamp != 0, row.has_stamp) << row.what;
    EXPECT_EQ(op.grace, shared_.Grace()) << row.what;
    EXPECT_EQ(op.most_life, row.most_life) << row.what;
    EXPECT_EQ(op.block, row.block) << row.what;
  }
}

TEST_F(AcquisitionTest, AFirstRoundIsWonByAMajorityThatAgrees) {  // rules A3, E7, E10
  struct Row {
    const char* what;
    NodeIs first;  // node 0
    std::vector<Said> said;
    const char* outcome;
    const char* asked;
  };
  std::vector<Row> rows = {
      {"a majority agrees", NodeIs::kUp, {Vote(7), Vote(7)}, "granted", ""},
      {"one is silent", NodeIs::kUp, {kSilence, Vote(7), Vote(7)}, "granted", ""},
      {"one refuses", NodeIs::kUp, {Busy("a:1:h"), Vote(7), Vote(7)}, "granted", ""},
      {"a majority disagrees", NodeIs::kUp, {Vote(7), Vote(9)}, "", "confirm 012"},
      {"it is not decided", NodeIs::kUp, {Vote(7), Busy("a:1:h")}, "", ""},
      {"there is a holder", NodeIs::kUp, {Busy("a:1:h"), Busy("a:1:h")}, "refused", ""},
      {"there may be none", NodeIs::kUp, {Busy("a:1:h"), Busy("a:2:h")}, "split", ""},
      {"none after a vote", NodeIs::kUp, {Vote(7), Busy("a:1:h"), Busy("b:1:h")}, "split", ""},
      {"a holder after a vote",
       NodeIs::kUp,
       {Busy("a:1:h"), Vote(7), Busy("a:1:h")},
       "refused",
       ""},
      {"it is the turn of others",
       NodeIs::kUp,
       {Other(Verdict::kNotTurn), Other(Verdict::kNotTurn)},
       "split",
       ""},
      {"most are silent", NodeIs::kUp, {kSilence, kSilence}, "unreached", ""},
      {"one refuses, one is silent", NodeIs::kUp, {Busy("a:1:h"), kSilence}, "", ""},
      {"a vote that does not count",
       NodeIs::kFull,
       {Vote(7), Vote(7), Busy("a:1:h")},
       "split",
       "release 0"},
      {"a vote of a node that is gone",
       NodeIs::kDown,
       {Vote(7), Vote(7), kSilence},
       "unreached",
       "release 0"},
      {"the votes of others count",
       NodeIs::kFull,
       {Vote(7), Vote(7), Vote(7)},
       "granted",
       "release 0"},
  };
  for (const Verdict verdict :
       {Verdict::kNotOwner, Verdict::kPassed, Verdict::kSkew, Verdict::kAmnesia,
        Verdict::kQuarantine, Verdict::kSettings, Verdict::kError}) {
    rows.push_back({"no usable answer", NodeIs::kUp, {Other(verdict), kSilence}, "unreached", ""});
    rows.push_back(
        {"one such", NodeIs::kUp, {Other(verdict), Busy("a:1:h"), Busy("a:1:h")}, "refused", ""});
  }
  for (const Row& row : rows) {
    StartAnew();
    Begin();
    const Time asked = now_;
    effects_.clear();
    Make(0, row.first);
    now_ += 1ms;
    const auto outcome = HearAll(TicketKind::kAttempt, row.said);
    EXPECT_EQ(TextOf(outcome), row.outcome) << row.what;
    EXPECT_EQ(Questions(), row.asked) << row.what;
    const bool failed = outcome.kind == Acquisition::Outcome::Kind::kFailed;
    EXPECT_EQ(acquisition_.IsBackingOff(), failed) << row.what;
    EXPECT_EQ(LacksQuorum(), row.outcome == std::string("unreached")) << row.what;
    if (failed) {
      EXPECT_EQ(outcome.failed.asked, asked) << row.what;
    }
    EXPECT_EQ(claim_.IsGranted(), row.outcome == std::string("granted")) << row.what;
    EXPECT_EQ(shared_.counters.one_round_grants, claim_.IsGranted() ? 1u : 0u) << row.what;
    EXPECT_EQ(shared_.counters.attempts, 1u) << row.what;
    if (claim_.IsGranted()) {
      EXPECT_EQ(claim_.BeginHold(3s, false), 7) << row.what;
    }
  }
}

TEST_F(AcquisitionTest, AConfirmRoundIsWonByAMajorityThatStoresItsFence) {  // rule A4
  const Said ok = Other(Verdict::kOk);
  const Said passed = Other(Verdict::kPassed);
  const Said lost = Other(Verdict::kNotOwner);
  const Said error = Other(Verdict::kError);
  struct Row {
    const char* what;
    std::vector<Said> said;
    const char* outcome;  // of the first two
    const char* asked;
    const char* last_outcome;  // of the third, after which there is no other
  };
  for (const Row& row : {
           Row{"a majority stores it", {ok, ok}, "granted", "", "granted"},
           Row{"one has passed it", {ok, passed, ok}, "granted", "", "granted"},
           Row{"one is silent", {kSilence, ok, ok}, "granted", "", "granted"},
           Row{"it is not decided", {ok, passed}, "", "", ""},
           Row{"most have passed it", {passed, passed}, "", "attempt 012", "split"},
           Row{"most have lost the key", {lost, lost}, "", "attempt 012", "split"},
           Row{"most fail", {error, error}, "", "attempt 012", "unreached"},
           Row{"most are silent", {kSilence, kSilence}, "", "attempt 012", "unreached"},
       }) {
    for (const bool is_last : {false, true}) {
      StartAnew();
      Begin();
      effects_.clear();
      Disagree();
      if (is_last) {
        for (int round = 0; round < 2; ++round) {
          HearAll(TicketKind::kConfirm, {passed, passed});
          EXPECT_EQ(Questions(), "attempt 012");
          Disagree();
        }
      }
      const auto outcome = HearAll(TicketKind::kConfirm, row.said);
      EXPECT_EQ(TextOf(outcome), is_last ? row.last_outcome : row.outcome) << row.what;
      EXPECT_EQ(Questions(), is_last ? "" : row.asked) << row.what;
      EXPECT_EQ(shared_.counters.confirmed_grants, claim_.IsGranted() ? 1u : 0u) << row.what;
      EXPECT_EQ(shared_.counters.attempts, 1u) << row.what;
      if (claim_.IsGranted()) {
        EXPECT_EQ(claim_.BeginHold(3s, false), 9) << row.what;
      }
    }
  }
}

TEST_F(AcquisitionTest, AConfirmRoundAsksForTheFenceAndTheBlockOfTheFirst) {  // rules A4, B1
  demand_.waiters = 2;
  Begin();
  HearAll(TicketKind::kAttempt, {Vote(7), Vote(9)});
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 2u);
  const auto& op = std::get<ConfirmOp>(asked[1].op);
  EXPECT_EQ(op.fence, 9);
  EXPECT_EQ(op.block, FenceBlock::kFull);
}

TEST_F(AcquisitionTest, AnotherFirstRoundAsksForAsManyFencesAsTheFirst) {  // rule B1
  Begin();
  effects_.clear();
  Disagree();
  demand_.waiters = 2;
  HearAll(TicketKind::kConfirm, {Other(Verdict::kPassed), Other(Verdict::kPassed)});
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].ticket.round, 3u);
  EXPECT_EQ(std::get<AcquireOp>(asked[0].op).block, 1);
}

TEST_F(AcquisitionTest, RoundsThatTooFewCanBeAskedInFailAtOnce) {
  Begin();
  Hear(TicketKind::kAttempt, 0, Vote(7));
  effects_.clear();
  for (const NodeIndex node : {0, 2}) Make(node, NodeIs::kDown);
  EXPECT_EQ(TextOf(Hear(TicketKind::kAttempt, 1, Vote(9))), "unreached");
  EXPECT_EQ(Questions(), "confirm 1, attempt 1");
}

TEST_F(AcquisitionTest, WithLessThanAQuarterLeftItIsNotGranted) {  // rule C3
  struct Row {
    Duration left;
    const char* outcome;
  };
  for (const Row& row : {Row{750ms, "granted"}, Row{750ms - 1ns, "unreached"}}) {
    StartAnew();
    Begin();
    const Time end = Until(now_);
    NodeAnswer first = AnswerTo(TicketKind::kAttempt, 0, Verdict::kOk, 7);
    NodeAnswer second = AnswerTo(TicketKind::kAttempt, 1, Verdict::kOk, 7);
    now_ = end - row.left;
    EXPECT_EQ(TextOf(Hear(first)), "");
    EXPECT_EQ(TextOf(Hear(second)), row.outcome);
    EXPECT_EQ(claim_.IsGranted(), row.outcome == std::string("granted"));
    if (claim_.IsGranted()) continue;
    EXPECT_EQ(acquisition_.contention()->failures().at(0), "granted it too late for a ttl of 3s");
  }
}

TEST_F(AcquisitionTest, AnswersToOtherQuestionsDecideNothing) {
  struct Row {
    const char* what;
    TicketKind kind;
    unsigned rounds_ago;
  };
  for (const Row& row : {
           Row{"a first round before", TicketKind::kAttempt, 1},
           Row{"another kind of round", TicketKind::kConfirm, 0},
           Row{"a heal", TicketKind::kHeal, 0},
           Row{"a renewal", TicketKind::kRenew, 0},
       }) {
    StartAnew();
    Begin();
    claim_.lease()->BeginRound(now_);  // there is a round before this one
    for (const NodeIndex node : {0, 1, 2}) {
      NodeAnswer answer = AnswerTo(row.kind, node, Verdict::kOk, 7);
      answer.ticket.round -= row.rounds_ago;
      EXPECT_EQ(TextOf(acquisition_.OnAnswer(now_, answer, demand_)), "") << row.what;
      const NodeSilence silence{.node = node, .ticket = answer.ticket, .gone = true};
      EXPECT_EQ(TextOf(acquisition_.OnSilence(now_, silence, demand_)), "") << row.what;
    }
    EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)})), "granted") << row.what;
  }
}

TEST_F(AcquisitionTest, WhatComesAfterTheAttemptDecidesNothing) {
  Begin();
  const NodeAnswer late = AnswerTo(TicketKind::kAttempt, 2, Verdict::kOk, 7);
  HearAll(TicketKind::kAttempt, {Busy("a:1:h"), Busy("a:1:h")});
  acquisition_.End();
  EXPECT_EQ(TextOf(Hear(late)), "");
  EXPECT_EQ(TextOf(acquisition_.OnSilence(now_, {.node = 2, .ticket = late.ticket}, demand_)), "");
}

TEST_F(AcquisitionTest, ANodeThatRefusedDoesNotHaveTheKey) {  // rule C4
  struct Row {
    Verdict verdict;
    bool may_have;
  };
  for (const Row& row : {
           Row{Verdict::kOk, true},
           Row{Verdict::kBusy, false},
           Row{Verdict::kNotTurn, false},
           Row{Verdict::kError, true},
           Row{Verdict::kQuarantine, true},
       }) {
    StartAnew();
    Begin();
    Hear(TicketKind::kAttempt, 0, {row.verdict, 7, "a:1:h"});
    EXPECT_EQ(claim_.lease()->may_have().test(0), row.may_have) << static_cast<int>(row.verdict);
    EXPECT_TRUE(claim_.lease()->may_have().test(1)) << "it has not answered";
  }
}

// --- stands -------------------------------------------------------------------------------------

// Far from its turn, as it was told of each node.
class StandTest : public AcquisitionTest {
 protected:
  StandTest() { BecomeFar(); }
  void BecomeFar() {
    // It may have stayed out of the queue: then the first round lets it in.
    for (int round = 0; round < 2; ++round) {
      Begin();
      for (const NodeIndex node : {0, 1}) {
        NodeAnswer answer = AnswerTo(TicketKind::kAttempt, node, Verdict::kBusy);
        answer.text = "a:1:h";
        answer.left = 10s;
        answer.place = round == 0 ? 1 : 9;
        Hear(answer);
      }
      LetGo();
    }
    effects_.clear();
  }
};

TEST_F(StandTest, AsksForItsPlaceAndSetsNoKey) {  // rule E8.3
  EXPECT_EQ(TextOf(Begin()), "");
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].ticket.kind, TicketKind::kStand);
  EXPECT_EQ(asked[0].nodes, NodeSet(0b111));
  const auto& op = std::get<AcquireOp>(asked[0].op);
  EXPECT_EQ(op.queueing, Queueing::kStand);
  EXPECT_NE(op.stamp, 0);
  EXPECT_EQ(op.grace, shared_.Grace());
  EXPECT_TRUE(claim_.lease()->may_have().none());
  EXPECT_EQ(TextOf(HearAll(TicketKind::kStand, {Busy("a:1:h"), Busy("a:1:h")})), "refused");
  EXPECT_TRUE(claim_.lease()->may_have().none()) << "there is nothing to release";
}

TEST_F(StandTest, AttemptsWhereItWouldGetIt) {  // rule E8.3
  struct Row {
    const char* what;
    std::vector<Said> said;
    const char* outcome;
    const char* asked;
  };
  const Said turn = Other(Verdict::kTurn), not_turn = Other(Verdict::kNotTurn);
  for (const Row& row : {
           Row{"a majority would vote", {turn, turn}, "", "attempt 012"},
           Row{"it is the third that decides", {turn, Busy("a:1:h"), turn}, "", "attempt 012"},
           Row{"a minority would", {turn, not_turn, not_turn}, "refused", ""},
           Row{"too few answer", {turn, kSilence, kSilence}, "unreached", ""},
           Row{"votes that nobody asked for", {Vote(7), Vote(7)}, "unreached", ""},
       }) {
    StartAnew();
    BecomeFar();
    Begin();
    effects_.clear();
    EXPECT_EQ(TextOf(HearAll(TicketKind::kStand, row.said)), row.outcome) << row.what;
    EXPECT_EQ(Questions(), row.asked) << row.what;
  }
}

TEST_F(StandTest, AGrantAfterItIsOneOfOneRound) {
  Begin();
  HearAll(TicketKind::kStand, {Other(Verdict::kTurn), Other(Verdict::kTurn)});
  EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)})), "granted");
  EXPECT_EQ(shared_.counters.one_round_grants, 1u);
}

TEST_F(StandTest, WhoIsInHasteMakesAnAttempt) {  // rules E6.8, E10
  for (const Demand& demand : {
           Demand{.waiters = 1, .ttl = 3s, .first_in_haste = true},
           Demand{.waiters = 2, .tries = 1, .ttl = 3s},
           Demand{.waiters = 1, .tries = 1, .ttl = 3s, .first_is_try = true},
       }) {
    demand_ = demand;
    Begin();
    EXPECT_EQ(Questions(), "attempt 012");
    LetGo();
  }
}

TEST_F(StandTest, DecidesNothingForOneWhoseHasteBeganWhileItWasOut) {  // rules E6.8, E10
  for (const Demand& in_haste : {
           Demand{.waiters = 1, .ttl = 3s, .first_in_haste = true},
           Demand{.waiters = 2, .tries = 1, .ttl = 3s},
       }) {
    StartAnew();
    BecomeFar();
    Begin();
    EXPECT_EQ(Questions(), "stand 012");
    demand_ = in_haste;
    const Said not_turn = Other(Verdict::kNotTurn);
    EXPECT_EQ(TextOf(HearAll(TicketKind::kStand, {not_turn, not_turn})), "");
    EXPECT_EQ(Questions(), "attempt 012");
  }
}

TEST_F(StandTest, WhoIsCalledMakesAnAttempt) {  // rules E8.7, E8.9
  Call(1);
  Begin();
  EXPECT_EQ(Questions(), "attempt 012");
  LetGo();
  acquisition_.OnHint(now_, {.node = 0, .kind = NodeHint::Kind::kNext, .rest = 3ms});
  Begin();
  EXPECT_EQ(Questions(), "attempt 012");
  LetGo();
  Begin();
  EXPECT_EQ(Questions(), "stand 012");
}

TEST_F(StandTest, AnAnswerOfAnotherRoundSaysNothing) {
  Begin();
  const NodeAnswer late = AnswerTo(TicketKind::kStand, 2, Verdict::kTurn);
  HearAll(TicketKind::kStand, {Other(Verdict::kTurn), Other(Verdict::kTurn)});
  effects_.clear();
  EXPECT_EQ(TextOf(Hear(late)), "");
  EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Busy("a:1:h"), Busy("a:1:h")})), "refused");
}

TEST_F(StandTest, ComesAgainWithinASecondWhereANodeIsBack) {  // rule E8.10
  Begin();
  HearAll(TicketKind::kStand, {Busy("a:1:h"), Busy("a:1:h")});
  LetGo();
  acquisition_.OnVotersChanged(now_, false);
  acquisition_.OnSubscribed(now_, 3, true);  // it has no entry there
  EXPECT_EQ(touched_, 0u);
  acquisition_.OnSubscribed(now_, 1, false);
  Pass(10ms);
  EXPECT_EQ(touched_, 1u) << "at once where it hears no more";
}

// --- pauses and the queue -----------------------------------------------------------------------

TEST_F(AcquisitionTest, AnAttemptThatCouldNotBeMadeIsPausedAfter) {
  const auto outcome = acquisition_.Fail(now_, false, demand_);
  EXPECT_EQ(TextOf(outcome), "unreached");
  EXPECT_EQ(outcome.failed.asked, now_);
  EXPECT_TRUE(acquisition_.IsBackingOff());
  Pass(outcome.failed.next - 1ns);
  EXPECT_EQ(touched_, 0u);
  Pass(1ns);
  EXPECT_EQ(touched_, 1u);
  EXPECT_FALSE(acquisition_.IsBackingOff());
  EXPECT_TRUE(LacksQuorum());
}

TEST_F(AcquisitionTest, VotersEndAPauseOnlyWhereTheyWereMissing) {
  Fail({Busy("a:1:h"), Busy("a:1:h")});
  acquisition_.OnVotersChanged(now_, false);
  EXPECT_TRUE(acquisition_.IsBackingOff());
  acquisition_.StopBackingOff();
  Fail({kSilence, kSilence});
  acquisition_.OnVotersChanged(now_, false);
  EXPECT_FALSE(acquisition_.IsBackingOff());
}

TEST_F(AcquisitionTest, HintsOfAMajorityEndAPause) {  // rule E5
  Call(0);
  EXPECT_EQ(touched_, 0u) << "it did not ask";
  Fail({Busy("a:1:h"), Busy("a:1:h")});
  Call(0);
  Call(0);
  EXPECT_TRUE(acquisition_.IsBackingOff());
  Call(1);
  Pass(0s);
  EXPECT_FALSE(acquisition_.IsBackingOff());
  EXPECT_EQ(touched_, 1u);
  Fail({Busy("a:1:h"), Busy("a:1:h")});
  Call(1);
  EXPECT_TRUE(acquisition_.IsBackingOff()) << "a hint before the last round does not count";
}

TEST_F(AcquisitionTest, SplitVotesAreCountedAndAHolderInSightEndsThem) {  // rule E7
  const std::vector<Said> split = {Busy("a:1:h"), Busy("b:1:h")};
  Fail(split);
  Fail(split);
  Fail({kSilence, kSilence});
  EXPECT_TRUE(acquisition_.contention()->IsSplit());
  EXPECT_EQ(shared_.counters.split_votes, 2u);
  Fail({Busy("a:1:h"), Busy("a:1:h")});
  EXPECT_FALSE(acquisition_.contention()->IsSplit());
  EXPECT_EQ(shared_.counters.split_votes, 2u);
}

TEST_F(AcquisitionTest, AGrantEndsWhatFailedBefore) {
  Fail({Busy("a:1:h"), Busy("b:1:h")});
  Fail({kSilence, kSilence});
  Fail({Busy("a:1:h"), Busy("b:1:h")});
  Fail({kSilence, kSilence});
  acquisition_.SetPatience(now_ + 500ms);
  EXPECT_TRUE(LacksQuorum());
  Begin();
  EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)})), "granted");
  EXPECT_FALSE(LacksQuorum());
  EXPECT_FALSE(acquisition_.contention()->IsSplit());
  Pass(1s);
  EXPECT_EQ(out_of_patience_, 0u);
}

TEST_F(AcquisitionTest, CoolsDownUnlessOthersInTheQueueGetTheirTurnAnyway) {  // rule E1
  struct Row {
    bool is_wanted, has_queue, cools_down;
  };
  for (const Row& row : {Row{false, false, true}, Row{true, false, true}, Row{true, true, false}}) {
    StartAnew();
    Grant();
    if (row.is_wanted) claim_.tenure().OnWanted(now_, row.has_queue);
    acquisition_.CoolDown(now_);
    EXPECT_EQ(acquisition_.IsHeldBack(), row.cools_down);
    Pass(shared_.options.timing.Cooldown() - 1ns);
    EXPECT_EQ(acquisition_.IsHeldBack(), row.cools_down);
    Pass(1ns);
    EXPECT_FALSE(acquisition_.IsHeldBack());
  }
}

TEST_F(AcquisitionTest, RestsAgainSoonOnlyOnceItHasMetAClientThatPolls) {  // rule E1
  const auto rests = [&] {
    Grant();
    acquisition_.CoolDown(now_);
    const bool is_held_back = acquisition_.IsHeldBack();
    Pass(shared_.options.timing.Cooldown());
    LetGo();
    return is_held_back;
  };
  EXPECT_TRUE(rests());
  EXPECT_FALSE(rests());
  Fail({Busy("other:1:h"), Busy("redlockd:kept:other:1:h")});
  EXPECT_FALSE(rests());
  Fail({Busy("a value of its own"), Busy("a value of its own")});
  EXPECT_TRUE(rests());
  EXPECT_TRUE(rests());
}

TEST_F(AcquisitionTest, OneTenureOwesTheCooldown) {  // rule E1
  acquisition_.OweCooldown(true);
  for (const bool owes : {true, false}) {
    Begin();
    EXPECT_EQ(TextOf(HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)})), "granted");
    EXPECT_EQ(claim_.tenure().OwesCooldown(), owes);
    LetGo();
  }
}

TEST_F(AcquisitionTest, LeavesTheQueueWhereItMayHaveAnEntry) {  // rules E6.2, E6.3, E6.7
  struct Row {
    const char* what;
    std::vector<Said> said;
    bool again;  // another round is asked after it
    NodeSet entries;
  };
  for (const Row& row : {
           Row{"nobody has answered", {}, false, 0b111},
           Row{"they voted", {Vote(7), Vote(7)}, false, 0b100},
           Row{"one voted", {Vote(7), Busy("a:1:h"), Busy("a:1:h")}, false, 0b110},
           Row{"a later round registers everywhere",
               {Vote(7), Busy("a:1:h"), Busy("a:1:h")},
               true,
               0b111},
       }) {
    for (const bool is_awaited : {false, true}) {
      StartAnew();
      Begin();
      HearAll(TicketKind::kAttempt, row.said);
      if (row.again) {
        LetGo();
        Begin();
      }
      EXPECT_EQ(acquisition_.LeaveQueue(now_, is_awaited), row.entries) << row.what;
      EXPECT_EQ(acquisition_.LeaveQueue(now_, false), NodeSet()) << "it has left";
      EXPECT_EQ(acquisition_.IsHeldBack(), is_awaited);
      acquisition_.OnReleased();
      EXPECT_FALSE(acquisition_.IsHeldBack());
    }
  }
}

TEST_F(AcquisitionTest, EntriesGoWhenNobodyWaits) {  // rule E6.3
  Fail({Vote(7), Busy("a:1:h"), Busy("a:1:h")});
  acquisition_.Stop(now_);
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].nodes, NodeSet(0b110));
  EXPECT_EQ(asked[0].ticket.kind, TicketKind::kRelease);
  const auto& op = std::get<ReleaseOp>(asked[0].op);
  EXPECT_EQ(op.lock, "x");
  EXPECT_EQ(op.owner, "me:2:here") << "of no attempt";
  EXPECT_TRUE(op.leave);
  EXPECT_FALSE(acquisition_.IsBackingOff());
  EXPECT_EQ(acquisition_.contention(), nullptr) << "nothing is to be remembered";
  acquisition_.Stop(now_);
  EXPECT_EQ(Questions(), "");
}

TEST_F(AcquisitionTest, EntriesStayWithTheLease) {  // rule E6.3
  Begin();
  HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)});
  effects_.clear();
  acquisition_.Stop(now_);
  EXPECT_EQ(Questions(), "");
  EXPECT_EQ(acquisition_.LeaveQueue(now_, false), NodeSet(0b100));
}

TEST_F(AcquisitionTest, IsForgottenWhenTheLastVoteOfAGrantHasComeAndNobodyWaits) {
  for (const std::size_t waiters : {0, 1}) {
    StartAnew();
    Begin();
    const NodeAnswer last = AnswerTo(TicketKind::kAttempt, 2, Verdict::kOk, 7);
    HearAll(TicketKind::kAttempt, {Vote(7), Vote(7)});
    demand_ = {.is_held = true, .waiters = waiters};
    acquisition_.Forget();
    EXPECT_NE(acquisition_.contention(), nullptr) << "node 2 may have an entry";
    EXPECT_EQ(TextOf(Hear(last)), "");
    EXPECT_EQ(acquisition_.contention() == nullptr, waiters == 0);
  }
}

TEST_F(AcquisitionTest, ItsStampIsGreaterThanThoseOfOthers) {  // rule E6.1
  const Stamp ahead = shared_.Clock(now_) + 1'000'000;
  acquisition_.OnQueueSeen(now_, ahead);
  Begin();
  EXPECT_EQ(std::get<AcquireOp>(TakeAsked().at(0).op).stamp, ahead + 1);
}

TEST_F(AcquisitionTest, LosesPatienceInItsTime) {
  acquisition_.Fail(now_, false, demand_);
  acquisition_.SetPatience(now_ + 500ms);
  Pass(500ms - 1ns);
  EXPECT_EQ(out_of_patience_, 0u);
  Pass(1ns);
  EXPECT_EQ(out_of_patience_, 1u);
}

// --- misuse -------------------------------------------------------------------------------------

using AcquisitionDeathTest = AcquisitionTest;

TEST_F(AcquisitionDeathTest, AnAttemptBeginsWithAnOwnerValueThatIsThere) {
  EXPECT_DEATH(acquisition_.Begin(now_, 1000, demand_), "CHECK\\(!attempt_ && !place_ && ");
}

TEST_F(AcquisitionDeathTest, OneAttemptIsUnderWayAtATime) {  // rule C11
  Begin();
  EXPECT_DEATH(acquisition_.Begin(now_, 1000, demand_), "CHECK\\(!attempt_ && !place_ && ");
}

TEST_F(AcquisitionDeathTest, NoAttemptBeginsBeforeTheGate) {  // rule C12
  acquisition_.StandBeforeGate(1000);
  claim_.Begin(3s);
  EXPECT_DEATH(acquisition_.Begin(now_, 1000, demand_), "CHECK\\(!attempt_ && !place_ && ");
}

}  // namespace
}  // namespace redlockd::engine
