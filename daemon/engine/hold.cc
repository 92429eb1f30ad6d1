#include "daemon/engine/hold.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {

namespace {

void CountLoss(LossReason reason, Counters& counters) {
  ++counters.lost;
  switch (reason) {
    case LossReason::kNone:
      return;
    case LossReason::kDeadline:
      ++counters.lost_expired;
      return;
    case LossReason::kMaxHold:
      ++counters.lost_max_hold;
      return;
    case LossReason::kDraining:
      ++counters.lost_drain;
      return;
    case LossReason::kBroken:
      ++counters.lost_broken;
      return;
  }
}

}  // namespace

Hold::Hold(Shared& shared, Claim& claim, Time now, Terms terms)
    : shared_(shared),
      claim_(claim),
      counted_(shared.counters.holds),
      granted_(now),
      session_(terms.session),
      task_(terms.task),
      fence_(terms.fence),
      ends_at_(terms.ends_at),
      kept_until_(terms.kept_until),
      note_(std::move(terms.note)),
      renewed_events_(terms.renewed_events),
      wanted_events_(terms.wanted_events),
      audited_(shared.options.audit.Covers(claim.lock())) {
  MoveDeadline(now);
  CHECK(claim_.lease()->Deadline() > now);
}

HoldView Hold::View(Time now) const {
  return {.name = claim_.lock(),
          .session = session_,
          .fence = fence_,
          .granted = granted_,
          .deadline = deadline_,
          .ttl = claim_.lease()->ttl(),
          .votes = claim_.lease()->Votes(now),
          .jeopardy = is_in_jeopardy_,
          .note = note_,
          .mode = claim_.mode()};
}

void Hold::MoveDeadline(Time now) {
  CHECK(granted_ <= now);
  const Time lease_end = claim_.lease()->Deadline().value_or(now);
  const Time old = deadline_;
  deadline_ = std::min(lease_end, ends_at_);
  claim_.PlanHold(now, deadline_, deadline_ != old);
  if (deadline_ == old) return;
  if (deadline_ < old) {  // rule D6: the session hears of it again, with the new deadline
    is_in_jeopardy_ = false;
    has_moved_back_ = true;
    return SetJeopardy(true);
  }
  if (granted_ == now) return;
  ++shared_.counters.renewals;
  shared_.histograms.Of(claim_.lock()).margins.Add(std::max(Duration(0), old - now));
  if (renewed_events_) Notify(Notice::Kind::kRenewed);
  if (lease_end - now > Timing::JeopardyRemainder(claim_.lease()->ttl())) SetJeopardy(false);
}

bool Hold::CanGain() const { return claim_.lease()->Deadline() < ends_at_; }

// With max-hold, a lease that lasts until its end is safe whatever becomes of the next renewal.
void Hold::OnEndangered() {
  if (CanGain()) SetJeopardy(true);
}

void Hold::SetJeopardy(bool jeopardy) {
  if (is_in_jeopardy_ == jeopardy) return;
  is_in_jeopardy_ = jeopardy;
  if (jeopardy) ++shared_.counters.jeopardies;
  Notify(jeopardy ? Notice::Kind::kJeopardy : Notice::Kind::kSafe);
}

void Hold::OnWanted(By by) {
  if (!wanted_events_ || std::exchange(was_wanted_, true)) return;
  shared_.outbox.Notify(
      session_,
      Notice{.kind = Notice::Kind::kWanted, .name = claim_.lock(), .fence = fence_, .by = by});
}

void Hold::Report(Time now, WatchNotice::What what, LossReason reason) const {
  const bool is_over = what != WatchNotice::What::kGranted;
  if (is_over) shared_.histograms.Of(claim_.lock()).holds.Add(now - granted_);
  const WatchNotice notice{.what = what, .fence = fence_, .reason = reason};
  shared_.watches.Report(claim_.lock(), notice, session_);
  if (audited_) Audit(notice);
}

void Hold::Audit(WatchNotice notice) const {
  notice.name = claim_.lock();
  notice.pid = shared_.sessions.PidOf(session_);
  notice.uid = shared_.sessions.UidOf(session_);
  shared_.outbox.Audit(session_, std::move(notice));
}

void Hold::Lose(Time now, LossReason reason) {
  CountLoss(reason, shared_.counters);
  const bool is_broken = reason == LossReason::kBroken;
  if (reason != LossReason::kNone) {
    Notify(is_broken ? Notice::Kind::kBroken : Notice::Kind::kLost, reason);
  }
  Report(now, reason == LossReason::kNone ? WatchNotice::What::kClosed : WatchNotice::What::kLost,
         reason);
  shared_.sessions.Remove(session_, claim_.lock());
  shared_.sessions.Lose(session_, claim_.lock(), {fence_, reason});
}

LossReason Hold::AtDeadline() const {
  return deadline_ == ends_at_ ? LossReason::kMaxHold : LossReason::kDeadline;
}

void Hold::Notify(Notice::Kind kind, LossReason reason) const {
  shared_.outbox.Notify(session_, Notice{.kind = kind,
                                         .name = claim_.lock(),
                                         .fence = fence_,
                                         .deadline = deadline_,
                                         .reason = reason,
                                         .text = WhyInDanger(kind, reason)});
}

// What the nodes last said where they were to promise the lease anew. Nothing where it ended as was
// asked for.
std::string Hold::WhyInDanger(Notice::Kind kind, LossReason reason) const {
  const bool in_danger = kind == Notice::Kind::kJeopardy ||
                         (kind == Notice::Kind::kLost && reason == LossReason::kDeadline);
  return in_danger ? shared_.nodes.report().WhyNotKept(claim_.lease()->Failures()) : "";
}

}  // namespace redlockd::engine
