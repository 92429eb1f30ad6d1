#include "daemon/engine/claim.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/engine/shared_fixture.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using TicketKind = Ticket::Kind;
using Outcome = FenceBlock::Outcome;

// Returns all that was heard, in one line.
std::string TextOf(const Claim::Heard& heard) {
  std::string text;
  const auto add = [&](bool is_so, const char* word) {
    if (is_so) text += std::string(text.empty() ? "" : ", ") + word;
  };
  add(heard.deadline_moved, "moved");
  add(heard.is_endangered, "endangered");
  add(heard.fences == Outcome::kExtended, "extended");
  add(heard.fences == Outcome::kFailed, "failed");
  add(heard.fences == Outcome::kUsedUp, "used up");
  return text;
}

constexpr Verdict kAllVerdicts[] = {
    Verdict::kOk,   Verdict::kBusy,    Verdict::kNotTurn,    Verdict::kNotOwner, Verdict::kPassed,
    Verdict::kSkew, Verdict::kAmnesia, Verdict::kQuarantine, Verdict::kSettings, Verdict::kError};

class ClaimTest : public ClaimFixture {
 protected:
  // The claim is let go, all nodes are up, and no effect is left.
  void StartAnew() {
    if (claim_.lease()) claim_.End();
    for (NodeIndex i = 0; i < 3; ++i) Make(i, NodeIs::kUp);
    now_ += 10s;
  }
  // Nodes 0 and 1 have granted the claim, and all are asked to renew or to heal it. Node 1 has
  // promised it anew, `last` is still to answer, and the other will not.
  void RenewAllBut(NodeIndex last) {
    Grant(NodeSet(0b011));
    now_ += 1s;
    EXPECT_TRUE(claim_.Renew(now_));
    EXPECT_EQ(Questions(), "renew 01, heal 2");
    Hear(TicketKind::kRenew, 1, Verdict::kOk);
    if (last == 0) {
      EXPECT_EQ(TextOf(HearNothing(TicketKind::kHeal, 2)), "");
    } else {
      EXPECT_EQ(TextOf(HearNothing(TicketKind::kRenew, 0)), "");
    }
  }
  // A block of 64 is granted and used, but for `left` fences.
  void UseAllBut(Fence left) {
    Grant(NodeSet(0b111), 64);
    for (Fence used = left; used < 64; ++used) claim_.BeginHold(3s, true);
  }
  // The fence that a node has stored is greater than all before, and not too far ahead.
  Fence Stored() const { return shared_.Clock(now_) + 1000; }
  bool HasLearned() const { return claim_.fences().Proposal(0) == Stored() + 1; }
  bool HasPromised(NodeIndex node) const { return claim_.lease()->Promised(3).test(node); }
};

// --- questions ----------------------------------------------------------------------------------

TEST_F(ClaimTest, EachLifeHasItsOwnOwnerValue) {  // rule A1
  EXPECT_EQ(claim_.lease(), nullptr);
  std::set<std::string> owners;
  for (int life = 0; life < 3; ++life) {
    claim_.Begin(3s);
    EXPECT_FALSE(claim_.IsGranted());
    claim_.AskToTake(now_, NodeSet(0b111),
                     {.purpose = TicketKind::kAttempt, .proposal = 1, .block = 1});
    owners.insert(std::get<AcquireOp>(TakeAsked().at(0).op).owner);
    EXPECT_EQ(claim_.End().may_have(), NodeSet(0b111));
    EXPECT_EQ(claim_.lease(), nullptr);
  }
  EXPECT_EQ(owners, (std::set<std::string>{"me:1:here", "me:2:here", "me:3:here"}));
}

TEST_F(ClaimTest, AQuestionToTakeHasAllItsTerms) {
  claim_.Begin(2s);
  claim_.lease()->BeginRound(now_);
  claim_.AskToTake(now_, NodeSet(0b101),
                   {.purpose = TicketKind::kAttempt,
                    .proposal = 17,
                    .block = 64,
                    .queueing = Queueing::kAlways,
                    .stamp = 5,
                    .grace = 50ms,
                    .most_life = 600ms});
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].nodes, NodeSet(0b101));
  EXPECT_EQ(asked[0].ticket.kind, TicketKind::kAttempt);
  EXPECT_EQ(asked[0].ticket.round, 1u);
  EXPECT_EQ(asked[0].ticket.subject, claim_.lease()->attempt());
  EXPECT_EQ(asked[0].ticket.asked, now_);
  const auto& op = std::get<AcquireOp>(asked[0].op);
  EXPECT_EQ(op.lock, "x");
  EXPECT_EQ(op.owner, "me:1:here");
  EXPECT_EQ(op.ttl, Duration(2s));
  EXPECT_EQ(op.proposal, 17);
  EXPECT_EQ(op.block, 64);
  EXPECT_EQ(op.queueing, Queueing::kAlways);
  EXPECT_EQ(op.stamp, 5);
  EXPECT_EQ(op.grace, Duration(50ms));
  EXPECT_EQ(op.most_life, Duration(600ms));
  EXPECT_EQ(claim_.lease()->may_have(), NodeSet(0b101));
}

TEST_F(ClaimTest, AConfirmRoundIsAnotherRound) {  // rule A4
  Ask();
  claim_.AskToConfirm(now_, NodeSet(0b011), 42, 64);
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].nodes, NodeSet(0b011));
  EXPECT_EQ(asked[0].ticket.kind, TicketKind::kConfirm);
  EXPECT_EQ(asked[0].ticket.round, 2u);
  const auto& op = std::get<ConfirmOp>(asked[0].op);
  EXPECT_EQ(op.owner, "me:1:here");
  EXPECT_EQ(op.fence, 42);
  EXPECT_EQ(op.block, 64);
}

TEST_F(ClaimTest, ARenewalAsksEachNodeForWhatItCanGive) {  // rules C5, C6
  struct Row {
    const char* what;
    bool has_promised;
    bool is_idle;
    NodeIs state;
    const char* asked;
  };
  for (const Row& row : {
           Row{"promised", true, true, NodeIs::kUp, "renew 012"},
           Row{"promised, and takes nothing new", true, true, NodeIs::kFull, "renew 012"},
           Row{"promised, and is down", true, true, NodeIs::kDown, "renew 12"},
           Row{"promised, and still to answer", true, false, NodeIs::kUp, "renew 12"},
           Row{"missed the lease", false, true, NodeIs::kUp, "renew 12, heal 0"},
           Row{"missed the lease, and takes nothing new", false, true, NodeIs::kFull, "renew 12"},
           Row{"missed the lease, and is down", false, true, NodeIs::kDown, "renew 12"},
           Row{"missed the lease, and still to answer", false, false, NodeIs::kUp, "renew 12"},
       }) {
    StartAnew();
    Grant(row.has_promised ? NodeSet(0b111) : NodeSet(0b110));
    if (!row.is_idle) {
      claim_.Renew(now_);
      for (const NodeIndex node : {1, 2}) Hear(TicketKind::kRenew, node, Verdict::kOk);
    }
    Make(0, row.state);
    now_ += 1s;
    EXPECT_TRUE(claim_.Renew(now_)) << row.what;
    EXPECT_EQ(Questions(), row.asked) << row.what;
  }
}

TEST_F(ClaimTest, ARenewalThatNoNodeCanBeAskedForIsTriedAgain) {
  Grant();
  for (NodeIndex i = 0; i < 3; ++i) Make(i, NodeIs::kDown);
  EXPECT_FALSE(claim_.Renew(now_));
  EXPECT_EQ(Questions(), "");
  EXPECT_EQ(shared_.agenda.Next(), now_ + shared_.options.timing.retry_interval);
}

TEST_F(ClaimTest, OnlyALeaseThatMayBePassedOnAsksForMoreFences) {  // rule B3
  struct Row {
    Fence left;
    bool has_waiters;
    Duration linger;
    NodeSet down;
    const char* asked;
  };
  for (const Row& row : {
           Row{31, true, 0s, {}, "block 012"},
           Row{31, false, 1s, {}, "block 012"},
           Row{31, false, 0s, {}, ""},
           Row{32, true, 1s, {}, ""},
           Row{0, true, 0s, {}, "block 012"},
           Row{31, true, 0s, 0b001, "block 12"},
           Row{31, true, 0s, 0b011, ""},
       }) {
    StartAnew();
    UseAllBut(row.left);
    for (NodeIndex i = 0; i < 3; ++i) {
      if (row.down.test(i)) Make(i, NodeIs::kDown);
    }
    shared_.options.linger.usual = row.linger;
    claim_.ReserveFences(now_, row.has_waiters);
    EXPECT_EQ(Questions(), row.asked) << row.left << row.has_waiters << row.down;
    claim_.ReserveFences(now_, row.has_waiters);
    EXPECT_EQ(Questions(), "") << "at most one question for fences is out";
  }
}

// --- answers ------------------------------------------------------------------------------------

TEST_F(ClaimTest, AnAnswerToARenewalMovesTheDeadlineOrHealsOrEndangers) {  // rules C5, C6
  const Demand held{.is_held = true};
  const Demand same{.waiters = 1, .ttl = 3s};
  const Demand other{.waiters = 1, .ttl = 2s};
  struct Row {
    const char* what;
    Verdict verdict;
    NodeIs state;
    Demand demand;
    const char* heard;
    const char* asked;
  };
  std::vector<Row> rows = {
      {"promised", Verdict::kOk, NodeIs::kUp, held, "moved", ""},
      {"promised, and nobody needs it", Verdict::kOk, NodeIs::kUp, {}, "moved", ""},
      {"promised, and takes nothing new", Verdict::kOk, NodeIs::kFull, held, "moved", ""},
      {"promised, and may have forgotten", Verdict::kOk, NodeIs::kDown, held, "endangered", ""},
      {"lost", Verdict::kNotOwner, NodeIs::kUp, held, "", "heal 0"},
      {"lost, for who waits", Verdict::kNotOwner, NodeIs::kUp, same, "", "heal 0"},
      {"lost, of another ttl", Verdict::kNotOwner, NodeIs::kUp, other, "endangered", ""},
      {"lost, and nobody needs it", Verdict::kNotOwner, NodeIs::kUp, {}, "endangered", ""},
      {"lost, and takes nothing new", Verdict::kNotOwner, NodeIs::kFull, held, "endangered", ""},
      {"lost, and is down", Verdict::kNotOwner, NodeIs::kDown, held, "endangered", ""},
  };
  for (const Verdict verdict : kAllVerdicts) {
    if (verdict == Verdict::kOk || verdict == Verdict::kNotOwner) continue;
    for (const NodeIs state : {NodeIs::kUp, NodeIs::kFull, NodeIs::kDown}) {
      rows.push_back({"another verdict", verdict, state, held, "endangered", ""});
    }
  }
  for (const Row& row : rows) {
    StartAnew();
    RenewAllBut(0);
    Make(0, row.state);
    const Time before = *claim_.lease()->Deadline();
    const auto heard = Hear(TicketKind::kRenew, 0, row.verdict, 0, row.demand);
    EXPECT_EQ(TextOf(heard), row.heard) << row.what;
    EXPECT_EQ(Questions(), row.asked) << row.what;
    EXPECT_EQ(claim_.lease()->Deadline(), heard.deadline_moved ? Until(now_) : before) << row.what;
    EXPECT_EQ(claim_.lease()->Failures().contains(0), !heard.deadline_moved) << row.what;
  }
}

TEST_F(ClaimTest, AnAnswerToAnAcquireCountsWhereTheNodeVotes) {
  enum Promise { kCounts, kDoesNotCount, kIsReleased };
  struct Row {
    TicketKind purpose;
    Verdict verdict;
    NodeIs state;
    const char* heard;
    Promise promise;
    bool learns;  // the fence that the node has stored
  };
  std::vector<Row> rows = {
      // Nothing is granted yet: there is no deadline to move.
      {TicketKind::kAttempt, Verdict::kOk, NodeIs::kUp, "", kCounts, true},
      {TicketKind::kAttempt, Verdict::kOk, NodeIs::kFull, "", kIsReleased, true},
      {TicketKind::kAttempt, Verdict::kOk, NodeIs::kDown, "", kIsReleased, true},
      {TicketKind::kAttempt, Verdict::kBusy, NodeIs::kUp, "", kDoesNotCount, true},
      {TicketKind::kAttempt, Verdict::kNotTurn, NodeIs::kUp, "", kDoesNotCount, true},
      // The key stays, which may have been promised before.
      {TicketKind::kHeal, Verdict::kOk, NodeIs::kUp, "moved", kCounts, true},
      {TicketKind::kHeal, Verdict::kOk, NodeIs::kFull, "endangered", kDoesNotCount, true},
      {TicketKind::kHeal, Verdict::kOk, NodeIs::kDown, "endangered", kDoesNotCount, true},
      {TicketKind::kHeal, Verdict::kBusy, NodeIs::kUp, "endangered", kDoesNotCount, true},
      {TicketKind::kHeal, Verdict::kNotTurn, NodeIs::kUp, "endangered", kDoesNotCount, true},
  };
  for (const Verdict verdict :
       {Verdict::kNotOwner, Verdict::kPassed, Verdict::kSkew, Verdict::kAmnesia,
        Verdict::kQuarantine, Verdict::kSettings, Verdict::kError}) {
    rows.push_back({TicketKind::kAttempt, verdict, NodeIs::kUp, "", kDoesNotCount, false});
    rows.push_back({TicketKind::kHeal, verdict, NodeIs::kUp, "endangered", kDoesNotCount, false});
  }
  for (const Row& row : rows) {
    const int line = static_cast<int>(&row - rows.data());
    StartAnew();
    if (row.purpose == TicketKind::kAttempt) {
      Ask();
    } else {
      RenewAllBut(2);
    }
    Make(2, row.state);
    ASSERT_FALSE(HasLearned());
    EXPECT_EQ(TextOf(Hear(row.purpose, 2, row.verdict, Stored())), row.heard) << line;
    EXPECT_EQ(HasPromised(2), row.promise == kCounts) << line;
    EXPECT_EQ(Questions(), row.promise == kIsReleased ? "release 2" : "") << line;
    EXPECT_EQ(HasLearned(), row.learns) << line;
    claim_.End();
    // What was learned is of the lock, not of the owner value.
    EXPECT_EQ(HasLearned(), row.learns) << line;
  }
}

TEST_F(ClaimTest, AnOwnGrantThatDoesNotCountTakesTheFormerPromiseWithIt) {  // rule A6
  Ask();
  Hear(TicketKind::kAttempt, 0, Verdict::kOk, kFirst);
  EXPECT_TRUE(HasPromised(0));
  claim_.lease()->BeginRound(now_);
  Make(0, NodeIs::kFull);
  Hear(TicketKind::kAttempt, 0, Verdict::kOk, kFirst);
  EXPECT_FALSE(HasPromised(0));
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(std::get<ReleaseOp>(asked[0].op).owner, "me:1:here");
}

TEST_F(ClaimTest, AnAnswerOfAnEarlierRoundPromisesAndDecidesNothing) {
  RenewAllBut(0);
  NodeAnswer lost = AnswerTo(TicketKind::kRenew, 0, Verdict::kNotOwner);
  --lost.ticket.round;
  EXPECT_EQ(TextOf(claim_.OnAnswer(now_, lost, {.is_held = true})), "");
  EXPECT_EQ(Questions(), "") << "a question that was asked since may have set the key";
  NodeAnswer late = AnswerTo(TicketKind::kRenew, 0, Verdict::kOk);
  --late.ticket.round;
  late.ticket.asked -= 500ms;
  EXPECT_EQ(TextOf(claim_.OnAnswer(now_, late, {.is_held = true})), "moved");
  EXPECT_EQ(claim_.lease()->Deadline(), Until(now_ - 500ms)) << "rule C2: from when it was asked";
  EXPECT_TRUE(claim_.lease()->IsRoundOpen());
}

TEST_F(ClaimTest, AnAnswerToAConfirmRoundPromisesNothing) {  // rule A4
  for (const Verdict verdict : kAllVerdicts) {
    StartAnew();
    Ask();
    claim_.AskToConfirm(now_, NodeSet(0b111), kFirst, 1);
    effects_.clear();
    EXPECT_EQ(TextOf(Hear(TicketKind::kConfirm, 0, verdict, Stored())), "");
    EXPECT_EQ(Questions(), "");
    EXPECT_FALSE(HasPromised(0));
    EXPECT_EQ(HasLearned(), verdict == Verdict::kPassed) << static_cast<int>(verdict);
  }
}

TEST_F(ClaimTest, SilenceEndangersAGrantedOneAndFreesANodeThatIsGone) {
  struct Row {
    const char* what;
    bool gone;
    TicketKind purpose;
    const char* heard;
    bool is_idle;  // afterwards
  };
  for (const Row& row : {
           Row{"it may still answer", false, TicketKind::kRenew, "endangered", false},
           Row{"it will not answer", true, TicketKind::kRenew, "endangered", true},
           Row{"it may still answer", false, TicketKind::kAttempt, "", false},
           Row{"it will not answer", true, TicketKind::kAttempt, "", true},
           Row{"the acquire before it may still be answered", true, TicketKind::kConfirm, "",
               false},
       }) {
    StartAnew();
    if (row.purpose == TicketKind::kRenew) {
      RenewAllBut(0);
    } else {
      Ask();
    }
    const Ticket ticket = AnswerTo(row.purpose, 0, Verdict::kOk).ticket;
    EXPECT_EQ(TextOf(claim_.OnSilence({.node = 0, .ticket = ticket, .gone = row.gone})), row.heard)
        << row.what;
    EXPECT_EQ(claim_.lease()->Idle().test(0), row.is_idle) << row.what;
    EXPECT_EQ(claim_.lease()->Failures().contains(0), claim_.IsGranted()) << row.what;
  }
}

// Nodes 0, 1, 2 answer a question for a block, in this order.
TEST_F(ClaimTest, AMajorityThatAgreesExtendsTheFences) {  // rules B3, B4
  struct Said {
    Verdict verdict;
    Fence fence;  // from the first that follows the block
    const char* heard;
  };
  constexpr Verdict kOk = Verdict::kOk, kBusy = Verdict::kBusy, kError = Verdict::kError;
  struct Row {
    Fence left;
    std::vector<Said> said;
    Fence next;  // from the first of the lease; 0: there is none
  };
  const std::vector<Row> rows = {
      {31, {{kOk, 0, ""}, {kOk, 0, "moved, extended"}, {kOk, 0, ""}}, 33},
      {0, {{kOk, 0, ""}, {kOk, 0, "moved, extended"}, {kOk, 0, ""}}, 64},
      {31, {{kOk, 9, ""}, {kOk, 9, "moved, extended"}, {kOk, 0, ""}}, 73},
      {31, {{kOk, 0, ""}, {kBusy, 0, ""}, {kOk, 0, "moved, extended"}}, 33},
      {31, {{kOk, 0, ""}, {kOk, 9, "moved, failed"}, {kOk, 0, ""}}, 33},
      {0, {{kOk, 0, ""}, {kOk, 9, "moved, used up"}, {kOk, 0, ""}}, 0},
      {31, {{kBusy, 0, ""}, {kBusy, 0, "failed"}, {kOk, 0, "endangered"}}, 33},
      {31, {{kError, 0, ""}, {kError, 0, "failed"}, {kError, 0, "endangered"}}, 33},
      {0, {{kError, 0, ""}, {kOk, 0, ""}, {kError, 0, "endangered, used up"}}, 0},
  };
  for (const Row& row : rows) {
    const auto line = &row - rows.data();
    StartAnew();
    UseAllBut(row.left);
    now_ += 1s;
    claim_.ReserveFences(now_, true);
    ASSERT_EQ(Questions(), "block 012");
    for (NodeIndex node = 0; node < 3; ++node) {
      const Said& said = row.said[node];
      EXPECT_EQ(TextOf(Hear(TicketKind::kBlock, node, said.verdict, kFirst + 64 + said.fence)),
                said.heard)
          << line << " node " << node;
    }
    EXPECT_EQ(claim_.fences().HasNext(), row.next != 0) << line;
    if (row.next != 0) {
      EXPECT_EQ(claim_.BeginHold(3s, true), kFirst + row.next) << line;
    }
  }
}

TEST_F(ClaimTest, SilenceOfMostEndsAQuestionForFences) {
  UseAllBut(0);
  claim_.ReserveFences(now_, true);
  EXPECT_EQ(TextOf(HearNothing(TicketKind::kBlock, 0)), "");
  EXPECT_EQ(TextOf(HearNothing(TicketKind::kBlock, 1)), "used up");
  EXPECT_EQ(TextOf(HearNothing(TicketKind::kBlock, 2)), "endangered");
}

TEST_F(ClaimTest, AnswersSayThatAnotherDaemonWantsIt) {  // rule E2
  struct Row {
    TicketKind purpose;
    Stamp greatest;
    bool wanted;
    bool is_wanted;
  };
  for (const Row& row : {
           Row{TicketKind::kRenew, 0, true, true},
           Row{TicketKind::kRenew, 0, false, false},
           Row{TicketKind::kHeal, 7, false, true},
           Row{TicketKind::kHeal, 0, false, false},
           Row{TicketKind::kAttempt, 7, false, true},
       }) {
    StartAnew();
    Grant();
    NodeAnswer answer = AnswerTo(row.purpose, 0, Verdict::kOk);
    answer.greatest = row.greatest;
    answer.wanted = row.wanted;
    claim_.OnAnswer(now_, answer, {});
    EXPECT_EQ(claim_.tenure().IsWanted(), row.is_wanted);
    EXPECT_EQ(claim_.tenure().HasQueue(), row.is_wanted);
  }
}

TEST_F(ClaimTest, OneThatIsKeptHearsNothingThatChangesIt) {  // rule C9
  for (const Verdict verdict : kAllVerdicts) {
    StartAnew();
    Grant(NodeSet(0b011));
    claim_.BeginHold(3s, false);
    claim_.PlanHold(now_, Until(now_), true);
    const Time end = Until(now_);
    now_ += 1s;
    claim_.Renew(now_);
    Hear(TicketKind::kRenew, 1, Verdict::kOk);
    claim_.Keep(now_, now_);
    EXPECT_TRUE(claim_.IsSecured()) << "nothing beyond what was announced";
    effects_.clear();
    EXPECT_EQ(TextOf(Hear(TicketKind::kRenew, 0, verdict, 0, {.waiters = 1, .ttl = 3s})),
              verdict == Verdict::kOk ? "moved" : "");
    claim_.PlanEnd(now_);
    EXPECT_EQ(TextOf(Hear(TicketKind::kHeal, 2, verdict)), "");
    EXPECT_EQ(Questions(), "") << static_cast<int>(verdict);
    claim_.tenure().OnWanted(now_, true);
    EXPECT_FALSE(claim_.tenure().IsWanted()) << "it is not given away";
    EXPECT_EQ(claim_.schedule().TakeDue(end - 1ns), std::nullopt);
    EXPECT_EQ(claim_.schedule().TakeDue(end), Schedule::Due::kEnd);
  }
}

TEST_F(ClaimTest, OneThatIsKeptForLongerIsAskedForUntilAMajorityPromisesIt) {  // rule I2
  Grant(NodeSet(0b011));
  claim_.BeginHold(3s, false);
  claim_.PlanHold(now_, Until(now_), true);
  const Time until = now_ + 60s;
  claim_.Keep(now_, until);
  EXPECT_EQ(Questions(), "renew 01, heal 2");
  EXPECT_FALSE(claim_.IsSecured());
  Hear(TicketKind::kRenew, 0, Verdict::kOk);
  HearNothing(TicketKind::kRenew, 1);
  Hear(TicketKind::kHeal, 2, Verdict::kBusy);
  EXPECT_FALSE(claim_.IsSecured());
  now_ += shared_.options.timing.retry_interval;
  EXPECT_EQ(claim_.schedule().TakeDue(now_), Schedule::Due::kRenewal);
  claim_.Renew(now_);
  const auto asked = TakeAsked();
  ASSERT_EQ(asked.at(0).nodes, NodeSet(0b011));
  const Duration ttl = std::get<RenewOp>(asked[0].op).ttl;
  EXPECT_GE(now_ + ttl - shared_.options.timing.DriftAllowance(ttl), until);
  EXPECT_EQ(TextOf(Hear(TicketKind::kRenew, 1, Verdict::kOk)), "moved");
  EXPECT_TRUE(claim_.IsSecured());
  claim_.PlanEnd(now_);
  EXPECT_EQ(claim_.schedule().TakeDue(until - 1ns), Schedule::Due::kRenewal);
  EXPECT_EQ(claim_.schedule().TakeDue(until - 1ns), std::nullopt);
  EXPECT_EQ(claim_.schedule().TakeDue(until), Schedule::Due::kEnd);
}

TEST_F(ClaimTest, OneThatNoMajorityKeepsEndsWithItsLease) {  // rule I2
  Grant(NodeSet(0b011));
  claim_.BeginHold(3s, false);
  claim_.PlanHold(now_, Until(now_), true);
  const Time end = Until(now_);
  claim_.Keep(now_, now_ + 60s);
  Hear(TicketKind::kRenew, 0, Verdict::kOk);
  HearNothing(TicketKind::kRenew, 1);
  claim_.PlanEnd(now_);
  claim_.schedule().TakeDue(now_ + shared_.options.timing.retry_interval);
  EXPECT_EQ(claim_.schedule().TakeDue(end - 1ns), std::nullopt);
  EXPECT_EQ(claim_.schedule().TakeDue(end), Schedule::Due::kEnd);
}

// --- without a hold -----------------------------------------------------------------------------

TEST_F(ClaimTest, AFreeLeaseIsPassedOnUnlessTheDaemonStops) {  // rules E1, E2
  struct Row {
    bool draining;
    bool has_waiters;
    Duration linger;
    Tenure::Next next;
  };
  for (const Row& row : {
           Row{false, true, 0s, Tenure::Next::kHandOff},
           Row{false, false, 1s, Tenure::Next::kLinger},
           Row{false, false, 0s, Tenure::Next::kEnd},
           Row{true, true, 0s, Tenure::Next::kEnd},
           Row{true, false, 1s, Tenure::Next::kEnd},
       }) {
    StartAnew();
    Grant();
    shared_.draining = row.draining;
    shared_.options.linger.usual = row.linger;
    EXPECT_EQ(claim_.OnFree(now_, row.has_waiters), row.next);
  }
}

TEST_F(ClaimTest, ALeaseLingersForItsTimeAndNoLongerThanItIsPromised) {
  struct Row {
    Duration linger, lasts;
  };
  for (const Row& row : {Row{500ms, 500ms}, Row{9s, Until(now_) - now_}}) {
    StartAnew();
    shared_.options.linger.usual = row.linger;
    shared_.options.timing.tenure_max = 5s;
    Grant();
    const Time start = now_;
    ASSERT_EQ(claim_.OnFree(now_, false), Tenure::Next::kLinger);
    now_ += 100ms;
    ASSERT_EQ(claim_.OnFree(now_, false), Tenure::Next::kLinger) << "it does so already";
    EXPECT_EQ(claim_.schedule().TakeDue(start + row.lasts - 1ns), std::nullopt);
    EXPECT_EQ(claim_.schedule().TakeDue(start + row.lasts), Schedule::Due::kEnd);
  }
}

TEST_F(ClaimTest, AHandOffAsksForWhatTheNextInLineNeeds) {  // rules B2, C10
  using HandOff = Claim::HandOff;
  struct Row {
    const char* what;
    std::function<void()> happens;
    Duration ttl;
    HandOff result;
    const char* asked;
    bool has_asked;
  };
  const auto pass = [this](Duration time) { now_ += time; };
  const auto use_up = [this] { claim_.BeginHold(3s, false); };
  const auto ask = [this] { EXPECT_EQ(claim_.PrepareHandOff(now_, 6s), HandOff::kPending); };
  const auto down = [this](NodeIndex node) { Make(node, NodeIs::kDown); };
  const std::vector<Row> rows = {
      {"all is there", [] {}, 3s, HandOff::kReady, "", false},
      {"half of the ttl is just there", [&] { pass(Until(now_) - now_ - 1500ms); }, 3s,
       HandOff::kReady, "", false},
      {"less is left", [&] { pass(Until(now_) - now_ - 1500ms + 1ns); }, 3s, HandOff::kPending,
       "renew 012", true},
      {"it wants more", [] {}, 6s, HandOff::kPending, "renew 012", true},
      {"no fence is left", use_up, 3s, HandOff::kPending, "block 012", true},
      {"neither is left",
       [&] {
         use_up();
         pass(2s);
       },
       3s, HandOff::kPending, "block 012", true},
      {"it was asked for", ask, 6s, HandOff::kPending, "", true},
      {"it was asked for in vain",
       [&] {
         ask();
         for (NodeIndex i = 0; i < 3; ++i) HearNothing(TicketKind::kRenew, i);
       },
       6s, HandOff::kImpossible, "", true},
      {"fences are on their way",
       [&] {
         use_up();
         claim_.ReserveFences(now_, true);
       },
       3s, HandOff::kPending, "", false},
      {"fences are on their way, and two nodes are idle",
       [&] {
         use_up();
         claim_.ReserveFences(now_, true);
         Hear(TicketKind::kBlock, 0, Verdict::kOk, kFirst + 1);
         Hear(TicketKind::kBlock, 1, Verdict::kBusy);
       },
       3s, HandOff::kPending, "", false},
      {"a minority votes",
       [&] {
         down(0);
         down(1);
       },
       6s, HandOff::kImpossible, "", false},
      {"a majority votes",
       [&] {
         use_up();
         down(0);
       },
       3s, HandOff::kPending, "block 12", true},
      {"a majority is still to answer",
       [&] {
         use_up();
         claim_.Renew(now_);
         Hear(TicketKind::kRenew, 0, Verdict::kOk);
       },
       3s, HandOff::kPending, "", false},
  };
  for (const Row& row : rows) {
    StartAnew();
    Grant();
    row.happens();
    effects_.clear();
    EXPECT_EQ(claim_.PrepareHandOff(now_, row.ttl), row.result) << row.what;
    const auto asked = TakeAsked();
    for (const AskNodes& ask : asked) {
      const auto* renew = std::get_if<RenewOp>(&ask.op);
      EXPECT_EQ(renew ? renew->ttl : std::get<AcquireOp>(ask.op).ttl, row.ttl) << row.what;
      effects_.push_back(ask);
    }
    EXPECT_EQ(Questions(), row.asked) << row.what;
    EXPECT_EQ(claim_.tenure().HasAskedForNext(), row.has_asked) << row.what;
  }
}

// --- misuse -------------------------------------------------------------------------------------

using ClaimDeathTest = ClaimTest;

TEST_F(ClaimDeathTest, WithoutAnOwnerValueNothingIsPossible) {
  EXPECT_DEATH(claim_.End(), "CHECK\\(life_\\)");
  EXPECT_DEATH(claim_.schedule(), "CHECK\\(life_\\)");
  EXPECT_DEATH(claim_.OnAnswer(now_, Answered(0, Verdict::kOk), {}), "CHECK\\(life_ && ");
  EXPECT_DEATH(claim_.OnGranted(now_, 1, 1, false), "CHECK\\(life_ && ");
}

TEST_F(ClaimDeathTest, OnlyAGrantedOneIsUsed) {
  Ask();
  EXPECT_DEATH(claim_.Keep(now_, now_), "CHECK\\(IsGranted\\(\\)\\)");
  EXPECT_DEATH(claim_.BeginHold(3s, false), "CHECK\\(IsGranted\\(\\)\\)");
  EXPECT_DEATH(claim_.PlanHold(now_, now_, true), "CHECK\\(IsGranted\\(\\)\\)");
  EXPECT_DEATH(claim_.PlanEnd(now_), "CHECK\\(life_ && phase_ != Phase::kAttempt\\)");
  EXPECT_DEATH(claim_.OnFree(now_, true), "CHECK\\(IsGranted\\(\\)\\)");
}

TEST_F(ClaimDeathTest, NothingHappensTwice) {
  Grant();
  EXPECT_DEATH(claim_.Begin(3s), "CHECK\\(!life_\\)");
  EXPECT_DEATH(claim_.OnGranted(now_, 1, 1, false), "phase_ == Phase::kAttempt");
  claim_.BeginHold(3s, false);
  EXPECT_DEATH(claim_.BeginHold(3s, false), "CHECK\\(HasNext\\(\\)\\)") << "one fence";
}

TEST_F(ClaimDeathTest, AnAnswerIsToAQuestionOfThisClaim) {
  Grant();
  NodeAnswer of_another = AnswerTo(TicketKind::kRenew, 0, Verdict::kOk);
  ++of_another.ticket.subject;
  EXPECT_DEATH(claim_.OnAnswer(now_, of_another, {}), "answer.ticket.subject");
  for (const TicketKind kind : {TicketKind::kRelease, TicketKind::kQuery, TicketKind::kProbe}) {
    EXPECT_DEATH(Hear(kind, 0, Verdict::kOk), "CHECK\\(false\\)");
  }
}

}  // namespace
}  // namespace redlockd::engine
