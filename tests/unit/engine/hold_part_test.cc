#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/hold.h"
#include "tests/unit/engine/shared_fixture.h"

// Tests the class Hold by itself; hold_test.cc has a hold's life in an engine.
namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

// Returns the kinds of the notices, in one line.
std::string TextOf(const std::vector<Notice>& notices) {
  std::string text;
  for (const Notice& notice : notices) {
    if (!text.empty()) text += ", ";
    text += notice.kind == Notice::Kind::kRenewed    ? "renewed"
            : notice.kind == Notice::Kind::kJeopardy ? "jeopardy"
            : notice.kind == Notice::Kind::kSafe     ? "safe"
            : notice.kind == Notice::Kind::kLost     ? "lost"
                                                     : "?";
  }
  return text;
}

// Session 1 uses lock "x", which nodes 0 and 1 have granted for 3 s just now.
class HoldPartTest : public ClaimFixture {
 protected:
  HoldPartTest() { shared_.sessions.Open(1, 1000); }

  // `max_hold`: 0 is none.
  void Begin(bool renewed_events = false, Duration max_hold = 0s, Duration ttl = 3s) {
    End();
    Grant(NodeSet(0b011), 1, ttl);
    start_ = now_;
    shared_.sessions.Add(1, claim_.lock());
    hold_.emplace(shared_, claim_, now_,
                  Hold::Terms{.session = 1,
                              .fence = claim_.BeginHold(ttl, false),
                              .note = "note",
                              .ends_at = max_hold > 0s ? now_ + max_hold : Time::max(),
                              .renewed_events = renewed_events});
    EXPECT_EQ(TextOf(TakeNotices(1)), "") << "the answer to the request says so";
  }
  void End() {
    hold_.reset();
    if (!claim_.lease()) return;
    claim_.End();
    if (shared_.sessions.Uses(1, claim_.lock())) shared_.sessions.Remove(1, claim_.lock());
    shared_.counters = {};
    now_ += 10s;
  }
  // Nodes 0 and 2 promise what they were asked for at `asked`.
  void MoveOn(Time asked) {
    Promise(0, asked);
    Promise(2, asked);
  }

  Time start_;
  std::optional<Hold> hold_;
};

TEST_F(HoldPartTest, LastsAsLongAsTheLeaseButNotLongerThanMaxHold) {
  struct Row {
    Duration max_hold, lasts;
    LossReason reason;
    bool can_gain;
  };
  const Duration all = Until(now_) - now_;
  for (const Row& row : {
           Row{0s, all, LossReason::kDeadline, true},
           Row{1s, 1s, LossReason::kMaxHold, false},
           Row{all, all, LossReason::kMaxHold, false},
           Row{all + 1ns, all, LossReason::kDeadline, true},
           Row{60s, all, LossReason::kDeadline, true},
       }) {
    Begin(false, row.max_hold);
    EXPECT_EQ(hold_->deadline(), start_ + row.lasts);
    EXPECT_EQ(hold_->AtDeadline(), row.reason);
    EXPECT_EQ(hold_->CanGain(), row.can_gain);
  }
}

TEST_F(HoldPartTest, IsRenewedWarnedAndEndedInTimeForItsDeadline) {
  constexpr Duration kNever = 0s;
  struct Row {
    Duration ttl, max_hold;
    // From the start on; a warning only where it was not asked for.
    Duration renewal, warning, end;
  };
  const Duration three = Until(now_) - now_;
  const Duration short_one = Until(now_, 300ms) - now_;
  for (const Row& row : {
           Row{3s, 0s, 1s, three - 1500ms, three - 10ms},
           Row{300ms, 0s, 100ms, short_one - 150ms, short_one - 10ms},
           Row{3s, 2s, 1s, kNever, 2s - 10ms},
           Row{3s, 40ms, 1s, kNever, 35ms},
           Row{3s, 60s, 1s, three - 1500ms, three - 10ms},
       }) {
    Begin(false, row.max_hold, row.ttl);
    const auto due = [this](Duration since) { return claim_.schedule().TakeDue(start_ + since); };
    std::vector<std::pair<Duration, Schedule::Due>> dues = {{row.renewal, Schedule::Due::kRenewal},
                                                            {row.end, Schedule::Due::kEnd}};
    if (row.warning != kNever) dues.emplace_back(row.warning, Schedule::Due::kWarning);
    std::sort(dues.begin(), dues.end());
    for (const auto& [at, what] : dues) {
      EXPECT_EQ(due(at - 1ns), std::nullopt) << at.count();
      EXPECT_EQ(due(at), what) << at.count();
    }
    EXPECT_EQ(due(1h), std::nullopt);
  }
}

TEST_F(HoldPartTest, ADeadlineThatMovesIsNoticedWhereItMatters) {  // rules C9, D6
  enum Move { kStays, kOn, kBack, kGone };
  struct Row {
    const char* what;
    bool renewed_events;
    Duration max_hold;
    bool in_jeopardy;  // before
    Move move;
    Duration heard;  // since the start; a renewal was asked for 1 s after that
    const char* notices;
    Duration deadline;  // since the start
    bool jeopardy;      // afterwards
  };
  const Duration first = Until(now_) - now_;
  const std::vector<Row> rows = {
      {"a minority promised", true, 0s, false, kStays, 1s, "", first, false},
      {"... of one in danger", true, 0s, true, kStays, 1s, "", first, true},
      {"renewed", false, 0s, false, kOn, 1s, "", 1s + first, false},
      {"renewed, and it wants to know", true, 0s, false, kOn, 1s, "renewed", 1s + first, false},
      {"out of danger", false, 0s, true, kOn, 1s, "safe", 1s + first, false},
      {"out of danger, as it wants to know", true, 0s, true, kOn, 1s, "renewed, safe", 1s + first,
       false},
      {"half of the ttl is left", false, 0s, true, kOn, first - 500ms, "", 1s + first, true},
      {"a little more is left", false, 0s, true, kOn, first - 500ms - 1ns, "safe", 1s + first,
       false},
      {"back", false, 0s, false, kBack, 2s, "jeopardy", first, true},
      {"back, in danger", false, 0s, true, kBack, 2s, "jeopardy", first, true},
      {"nothing is left", false, 0s, false, kGone, 2s, "jeopardy", 2s, true},
      {"max-hold is there", true, 2s, false, kOn, 1s, "", 2s, false},
      {"max-hold comes before the lease's end", true, 3500ms, false, kOn, 1s, "renewed", 3500ms,
       false},
      {"... of one in danger", false, 3500ms, true, kOn, 1s, "safe", 3500ms, false},
      {"... though half of the ttl is not", false, 3200ms, true, kOn, 2s, "safe", 3200ms, false},
      {"back, and max-hold is before that", false, 2s, false, kBack, 1500ms, "", 2s, false},
  };
  for (const Row& row : rows) {
    Begin(row.renewed_events, row.max_hold);
    if (row.move == kBack || row.move == kGone) {
      now_ = start_ + 1s;
      MoveOn(now_);
      hold_->MoveDeadline(now_);
      shared_.counters.renewals = 0;
    }
    if (row.in_jeopardy) hold_->OnEndangered();
    effects_.clear();
    now_ = start_ + row.heard;
    switch (row.move) {
      case kStays:
        Promise(0, start_ + 1s);
        break;
      case kOn:
        MoveOn(start_ + 1s);
        break;
      case kGone:
        claim_.lease()->Forget(0);
        [[fallthrough]];
      case kBack:
        claim_.lease()->Forget(2);
        break;
    }
    hold_->MoveDeadline(now_);
    const auto notices = TakeNotices(1);
    EXPECT_EQ(TextOf(notices), row.notices) << row.what;
    for (const Notice& notice : notices) {
      EXPECT_EQ(notice.name, "x") << row.what;
      EXPECT_EQ(notice.fence, kFirst) << row.what;
      EXPECT_EQ(notice.deadline, start_ + row.deadline) << row.what;
    }
    EXPECT_EQ(hold_->deadline(), start_ + row.deadline) << row.what;
    EXPECT_EQ(hold_->View(now_).jeopardy, row.jeopardy) << row.what;
    const bool gains = row.move == kOn && row.max_hold != 2s;
    EXPECT_EQ(shared_.counters.renewals, gains ? 1u : 0u) << row.what;
  }
}

TEST_F(HoldPartTest, ANoticeOfDangerSaysWhatEachNodeSaid) {
  Begin();
  now_ += 1s;
  claim_.Renew(now_);
  HearNothing(Ticket::Kind::kRenew, 0);
  Hear(Ticket::Kind::kRenew, 1, Verdict::kNotOwner);
  Make(2, NodeIs::kDown);
  hold_->OnEndangered();
  const auto notices = TakeNotices(1);
  ASSERT_EQ(TextOf(notices), "jeopardy");
  EXPECT_EQ(notices[0].text,
            "node 1 lost its connection before it answered; node 2 no longer has the lock's key; "
            "node 3 connection refused");
  hold_->OnEndangered();
  EXPECT_EQ(TextOf(TakeNotices(1)), "") << "the session knows";
  EXPECT_EQ(shared_.counters.jeopardies, 1u);
  Make(2, NodeIs::kUp);
  MoveOn(now_ += 1s);
  hold_->MoveDeadline(now_);
  const auto safe = TakeNotices(1);
  ASSERT_EQ(TextOf(safe), "safe");
  EXPECT_EQ(safe[0].text, "");
}

TEST_F(HoldPartTest, WhatTheLeaseOutlastsIsNotInDanger) {
  Begin(false, 2s);
  hold_->OnEndangered();
  EXPECT_EQ(TextOf(TakeNotices(1)), "");
  EXPECT_FALSE(hold_->View(now_).jeopardy);
  EXPECT_EQ(shared_.counters.jeopardies, 0u);
}

TEST_F(HoldPartTest, ALossIsNoticedAndRememberedForTheSession) {
  struct Row {
    LossReason reason;
    const char* notices;
    const char* text;
  };
  for (const Row& row : {
           Row{LossReason::kNone, "", ""},
           Row{LossReason::kDeadline, "lost", "node 3 connection refused"},
           Row{LossReason::kMaxHold, "lost", ""},
           Row{LossReason::kDraining, "lost", ""},
       }) {
    Begin();
    Make(2, NodeIs::kDown);
    hold_->Lose(now_, row.reason);
    const auto notices = TakeNotices(1);
    EXPECT_EQ(TextOf(notices), row.notices);
    if (!notices.empty()) {
      EXPECT_EQ(notices[0].reason, row.reason);
      EXPECT_EQ(notices[0].fence, kFirst);
      EXPECT_EQ(notices[0].deadline, Until(start_));
      EXPECT_EQ(notices[0].text, row.text);
    }
    EXPECT_EQ(shared_.counters.lost, 1u);
    EXPECT_FALSE(shared_.sessions.Uses(1, "x"));
    const auto loss = shared_.sessions.TakeLoss(1, "x", kFirst);
    ASSERT_TRUE(loss);
    EXPECT_EQ(loss->reason, row.reason);
    Make(2, NodeIs::kUp);
  }
}

TEST_F(HoldPartTest, IsShownAsItIsAndCountedWhileItLives) {
  Begin(false, 10s);
  EXPECT_EQ(shared_.counters.holds, 1u);
  now_ += 500ms;
  Promise(2, now_);
  hold_->OnEndangered();
  const HoldView view = hold_->View(now_);
  EXPECT_EQ(view.name, "x");
  EXPECT_EQ(view.session, 1u);
  EXPECT_EQ(view.fence, kFirst);
  EXPECT_EQ(view.granted, start_);
  EXPECT_EQ(view.deadline, Until(start_));
  EXPECT_EQ(view.ttl, Duration(3s));
  EXPECT_EQ(view.votes, 3u);
  EXPECT_TRUE(view.jeopardy);
  EXPECT_EQ(view.note, "note");
  EXPECT_EQ(hold_->View(Until(start_)).votes, 1u) << "two promises are over";
  hold_.reset();
  EXPECT_EQ(shared_.counters.holds, 0u);
}

// --- misuse -------------------------------------------------------------------------------------

using HoldPartDeathTest = HoldPartTest;

TEST_F(HoldPartDeathTest, NoHoldBeginsWithoutALeaseThatIsGrantedAndLasts) {
  const auto begin = [this](Time at) {
    Hold hold(shared_, claim_, at, {.session = 1, .fence = kFirst, .note = ""});
  };
  Ask();
  EXPECT_DEATH(begin(now_), "CHECK\\(IsGranted\\(\\)\\)");
  claim_.End();
  Grant();
  EXPECT_DEATH(begin(Until(now_)), "Deadline\\(\\) > now");
  for (const NodeIndex node : {0, 1}) claim_.lease()->Forget(node);
  EXPECT_DEATH(begin(now_), "Deadline\\(\\) > now") << "too few nodes promise it";
}

TEST_F(HoldPartDeathTest, NoTimePassesBackwards) {
  Begin();
  EXPECT_DEATH(hold_->MoveDeadline(start_ - 1ns), "CHECK\\(granted_ <= now\\)");
}

TEST_F(HoldPartDeathTest, NoHoldIsLostTwice) {
  Begin();
  hold_->Lose(now_, LossReason::kDeadline);
  EXPECT_DEATH(hold_->Lose(now_, LossReason::kDeadline), "CHECK\\(lock != s.locks.end");
}

}  // namespace
}  // namespace redlockd::engine
