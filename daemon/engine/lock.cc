#include "daemon/engine/lock.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "daemon/engine/entry.h"
#include "daemon/engine/lock_kept.h"
#include "daemon/engine/set_in_line.h"

namespace redlockd::engine {
namespace {

using State = LockState;

// Who wants it beside those who hold it, if anybody does: not one who may share it with them (rule I5).
std::optional<By> WantedBy(Entry entry, const Tenure& tenure) {
  if (entry != Entry::kNobody && entry != Entry::kBeside) return By::kHere;
  return tenure.IsWanted() ? std::optional(By::kElsewhere) : std::nullopt;
}

bool IsTenureOver(Claim& claim, Time now) {
  return claim.tenure().IsOver(now, claim.shared().options.timing);
}

}  // namespace

Lock::Lock(Shared& shared, Registry& registry, std::string name)
    : shared_(shared),
      registry_(registry),
      line_(claim_, *this),
      claim_(shared, std::move(name), *this),
      acquisition_(claim_, *this) {}

Lock::~Lock() = default;

void Lock::ChangeState(State next) {
  if (next == state_) return;
  CHECK(MayFollow(state_, next));
  if (next == State::kLockDelay) {
    shared_.watches.Report(name(), {.what = WatchNotice::What::kKept});
  } else if (IsLeased(state_) && !IsLeased(next)) {
    shared_.watches.Report(name(), {.what = WatchNotice::What::kReleased});
  }
  state_ = next;
}

void Lock::Touch() {
  if (is_touched_) return;
  is_touched_ = true;
  registry_.Touched(*this);
}

void Lock::Settle(Time now) {
  is_touched_ = false;
  const WaitQueue& queue = line_.queue();
  // What a set has asked for, that decides about.
  const bool acquiring = state_ == State::kAcquiring && !taker_;
  if (acquiring &&
      (queue.empty() || queue.First().set || queue.First().ttl != claim_.lease()->ttl() ||
       queue.First().mode != claim_.mode())) {
    LetGo(now, queue.empty());
  }
  if (IsFree(state_)) Reassign(now);
  Join(now);
  if (!claim_.lease()) ChangeState(queue.empty() ? State::kIdle : State::kWaiting);
  // Rule I5, once since the last grant; where it is kept, only watchers hear of it.
  const bool is_taken = state_ == State::kHeld || state_ == State::kLockDelay;
  const auto by = WantedBy(EntryOf(state_, line_.head(), claim_.mode()), claim_.tenure());
  if (is_taken && !was_wanted_ && by) {
    was_wanted_ = true;
    holds_.ForEach([&by](Hold& hold) { hold.OnWanted(*by); });
    const Fence fence = holds_.empty() ? 0 : holds_.First().fence();
    shared_.watches.Report(name(), {.what = WatchNotice::What::kWanted, .fence = fence, .by = *by});
  }
  switch (EntryOf(state_, line_.head(), claim_.mode())) {
    case Entry::kNobody:
      acquisition_.Stop(now);
      break;
    case Entry::kWithOthers:
      if (holds_.empty()) acquisition_.Stop(now);  // the set asks for itself
      queue.First().set->Touch();
      break;
    case Entry::kAfterHold:
      claim_.ReserveFences(now, true);
      break;
    case Entry::kByNodes:
      if (line_.MayAsk(now)) OnTurn(now);
      break;
    case Entry::kByHandOff:
    case Entry::kAfterRelease:
    case Entry::kBeside:
    case Entry::kLater:
      break;
  }
  if (MayBeForgotten()) registry_.MayBeIdle(*this);
}

// Those who are first in line and may share it with its holds do so.
void Lock::Join(Time now) {
  WaitQueue& queue = line_.queue();
  while (EntryOf(state_, line_.head(), claim_.mode()) == Entry::kBeside) {
    const bool is_admitted = holds_.Admit(now);
    if (is_admitted && claim_.IsReadyBeside(now, queue.First().ttl)) {
      Grant(now, queue.TakeFirst(), true);
      continue;
    }
    if (is_admitted) return;  // the lease is being renewed for it
    const TaskId task = queue.First().task;
    if (line_.FirstWaitsForHolder()) registry_.TaskHasMore(task);
    break;
  }
  if (state_ == State::kHeld) line_.RefuseTries();
}

void Lock::AppendRows(Time now, const RowPlace& from, std::size_t most,
                      std::vector<RowView>& rows) const {
  std::size_t place = 0;
  holds_.ForEach([&](const Hold& hold) {
    const std::size_t at = place++;
    if (from.place > 0 || at < from.hold || rows.size() >= most) return;
    HoldView view = hold.View(now);
    view.place = at;
    rows.emplace_back(std::move(view));
  });
  if (kept_ && from.place == 0) {
    rows.emplace_back(KeptView{name(), kept_->fence, claim_.schedule().kept_until()});
  }
  line_.AppendRows(from.place, most, rows);
}

// --- sessions -----------------------------------------------------------------------------------

void Lock::Unlock(Time now, const UnlockRequested& request, std::shared_ptr<JointAnswer> joint) {
  const Hold* hold = holds_.Find(request.session);
  CHECK(hold);
  const bool is_last = holds_.size() == 1;
  const Fence fence = hold->fence();
  hold->Report(now, WatchNotice::What::kUnlocked);
  const Duration kept = is_last
                            ? std::max({Duration(0), hold->kept_until() - now, claim_.owed() - now})
                            : Duration(0);
  const Asker asker{request.session, request.request, fence, std::move(joint)};
  shared_.sessions.Remove(request.session, name());
  ++shared_.counters.unlocks;
  if (!is_last) {
    holds_.LetGo(now, *hold);
  } else if (kept > Duration(0)) {
    Keep(now, std::nullopt, request.sync ? std::optional(asker) : std::nullopt);
  } else {
    holds_.End(*hold);
    ChangeState(State::kHandOff);
    if (IsTenureOver(claim_, now)) acquisition_.CoolDown(now);
    if (request.sync) LetGo(now, true, asker);
  }
  if (!request.sync || !is_last) {
    asker.Reply(shared_.outbox, Released{.name = name(), .fence = fence, .kept = kept});
  }
  Touch();
}

void Lock::OnSessionClosed(Time now, SessionId session) {
  shared_.sessions.Remove(session, name());
  if (const Hold* hold = holds_.Find(session)) {
    hold->Report(now, WatchNotice::What::kClosed);
    ++shared_.counters.session_ends;
    if (holds_.size() > 1) {
      holds_.LetGo(now, *hold);
    } else if (now < std::max(hold->kept_until(), claim_.owed())) {
      Keep(now, std::nullopt);
    } else {
      // Where a holder died the next gets it at once, and the cooldown comes after that one.
      if (claim_.tenure().OwesCooldown()) {
        acquisition_.CoolDown(now);
      } else if (claim_.mode() == Mode::kExclusive) {
        acquisition_.OweCooldown(IsTenureOver(claim_, now) && shared_.rests.IsDue(now, name()));
      }
      holds_.End(*hold);
      ChangeState(State::kHandOff);
    }
  } else {
    line_.queue().Take(session);
  }
  Touch();
}

// --- from an attempt to a hold ------------------------------------------------------------------

void Lock::OnTurn(Time now) {
  CHECK(state_ == State::kWaiting && !line_.queue().empty());
  Waiter& first = line_.queue().First();
  switch (acquisition_.Enter(first.uid)) {
    case Acquisition::Turn::kNoQuorum:
      return Conclude(now, acquisition_.Fail(now, false, line_.demand()));
    case Acquisition::Turn::kInLine:
      acquisition_.StandBeforeGate(first.uid);
      return line_.queue().AwaitTurn(now, shared_.options.timing.quorum_wait);
    case Acquisition::Turn::kNow:
      break;
  }
  if (first.is_try) first.wait_alarm.Clear();
  claim_.Begin(first.ttl, first.mode);
  registry_.AttemptBegan(claim_.lease()->attempt(), *this);
  ChangeState(State::kAcquiring);
  Conclude(now, acquisition_.Begin(now, first.uid, line_.demand()));
}

void Lock::Conclude(Time now, const Acquisition::Outcome& outcome) {
  switch (outcome.kind) {
    case Acquisition::Outcome::Kind::kOpen:
      return;
    case Acquisition::Outcome::Kind::kGranted:
      return Grant(now, line_.queue().TakeFirst(), false);
    case Acquisition::Outcome::Kind::kFailed:
      if (claim_.lease()) LetGo(now, false);
      return line_.OnAttemptFailed(now, outcome.failed);
  }
}

// The waiter, which has left the line, holds it from now on, with the next fence; or beside others, with theirs.
void Lock::Grant(Time now, std::unique_ptr<Waiter> waiter, bool is_handoff) {
  CHECK(waiter->mode == claim_.mode());
  const bool is_beside = !holds_.empty();
  const Fence fence =
      is_beside ? claim_.BeginBeside(waiter->ttl) : claim_.BeginHold(waiter->ttl, is_handoff);
  shared_.histograms.Of(name()).waits.Add(now - waiter->since);
  ChangeState(State::kHeld);
  if (is_handoff) ++shared_.counters.handoffs;
  const Hold& hold = holds_.Add(std::make_unique<Hold>(
      shared_, claim_, now,
      Hold::Terms{.session = waiter->session,
                  .fence = fence,
                  .note = std::move(waiter->note),
                  .ends_at = waiter->max_hold ? Later(now, *waiter->max_hold) : Time::max(),
                  .kept_until = now + waiter->min_hold,
                  .renewed_events = waiter->renewed_events,
                  .wanted_events = waiter->wanted_events,
                  .task = waiter->task}));
  if (is_beside) holds_.Plan(now);
  was_wanted_ = false;
  shared_.requests.Grant(*waiter, {.name = name(),
                                   .fence = fence,
                                   .deadline = hold.deadline(),
                                   .ttl = claim_.lease()->ttl(),
                                   .votes = claim_.lease()->Votes(now),
                                   .nodes = shared_.options.nodes,
                                   .mode = waiter->mode,
                                   .also = {}});
  hold.Report(now, WatchNotice::What::kGranted);
  // Of those who wait to share it, some may come in beside this one; the others are in nobody's queue (rule F6).
  if (waiter->mode == Mode::kExclusive) line_.RefuseTries();
  if (waiter->mode == Mode::kShared) acquisition_.LeaveQueueAtOnce(now);
  if (waiter->task != TaskId()) {
    waiter->for_holder.reset();
    registry_.TaskHasMore(waiter->task);
  }
  claim_.ReserveFences(now, !line_.queue().empty());
  if (line_.queue().empty()) acquisition_.Forget();
}

// The lease has no hold: it is handed off, or lingers, or is let go.
void Lock::Reassign(Time now) {
  // A set takes it with the other locks that it asks for, or has it let go (rule G2).
  const Entry entry = EntryOf(state_, line_.head(), claim_.mode());
  if (entry == Entry::kWithOthers) return ChangeState(State::kHandOff);
  if (entry == Entry::kAfterRelease) return LetGo(now, true);
  switch (claim_.OnFree(now, entry == Entry::kByHandOff)) {
    case Tenure::Next::kLinger:
      return ChangeState(State::kLingering);
    case Tenure::Next::kHandOff:
      switch (claim_.PrepareHandOff(now, line_.queue().First().ttl)) {
        case Claim::HandOff::kReady:
          return Grant(now, line_.queue().TakeFirst(), true);
        case Claim::HandOff::kPending:
          return ChangeState(State::kHandOff);
        case Claim::HandOff::kImpossible:
          break;
      }
      break;
    case Tenure::Next::kEnd:
      // The next in line has waited for nodes until the tenure was over.
      if (claim_.tenure().HasAskedForNext() && IsTenureOver(claim_, now))
        acquisition_.CoolDown(now);
      break;
  }
  LetGo(now, true);
}

// --- from nodes ---------------------------------------------------------------------------------

void Lock::OnAnswer(Time now, const NodeAnswer& answer) {
  const Demand demand = line_.demand();
  if (answer.greatest > 0) acquisition_.OnQueueSeen(now, answer.greatest);
  TakeNote(now, claim_.OnAnswer(now, answer, demand));
  if (taker_) return taker_->OnAnswer(now, name(), answer);
  Conclude(now, acquisition_.OnAnswer(now, answer, demand));
}

void Lock::OnSilence(Time now, const NodeSilence& silence) {
  TakeNote(now, claim_.OnSilence(silence));
  if (taker_) return taker_->OnSilence(now, name(), silence);
  Conclude(now, acquisition_.OnSilence(now, silence, line_.demand()));
}

// What a node has said of the claim changes what the hold may rely on, or what comes next.
void Lock::TakeNote(Time now, const Claim::Heard& heard) {
  if (heard.deadline_moved) {
    holds_.MoveDeadlines(now);
    if (holds_.empty()) claim_.PlanEnd(now);
    if (claim_.mode() == Mode::kShared) Touch();  // who is next may have waited for that
  }
  if (heard.is_endangered) holds_.ForEach([](Hold& hold) { hold.OnEndangered(); });
  if (kept_ && kept_->unsecured && claim_.IsSecured()) {
    kept_->unsecured.reset();
    kept_->Answer(shared_, Released{name(), kept_->fence, claim_.schedule().kept_until() - now});
  }
  if (heard.fences == FenceBlock::Outcome::kUsedUp && IsFree(state_)) LetGo(now, true);
  if (IsLeased(state_) && claim_.lease()->IsBroken()) {  // rule I4
    if (!holds_.empty()) {
      Keep(now, LossReason::kBroken);
    } else if (!kept_ || now >= claim_.schedule().announced()) {
      if (kept_) kept_->Answer(shared_, Released{name(), kept_->fence});
      LetGo(now, true);
    }
  }
  if (holds_.empty()) Touch();
  if (!was_wanted_ && claim_.tenure().IsWanted()) Touch();  // its holder is to hear of it
}

void Lock::OnPromisesVoid(Time now, NodeIndex node) {
  if (!claim_.lease()) return;
  claim_.lease()->Forget(node);
  TakeNote(now, {.deadline_moved = IsLeased(state_)});
}

void Lock::OnHint(Time now, const NodeHint& hint) {
  switch (hint.kind) {
    case NodeHint::Kind::kFree:
    case NodeHint::Kind::kNext:
      if (line_.head() == Head::kSet) return line_.queue().First().set->OnHint(now, hint);
      return acquisition_.OnHint(now, hint);
    case NodeHint::Kind::kWanted:
      if (!claim_.lease()) return;
      claim_.tenure().OnWanted(now, false);
      return TakeNote(now, {});
    case NodeHint::Kind::kBroken:
      if (!IsLeased(state_) || hint.attempt != claim_.lease()->attempt()) return;
      claim_.lease()->OnBroken(hint.node);
      return TakeNote(now, {});
  }
}

// --- the end of a hold, and of the claim --------------------------------------------------------

void Lock::OnLeaseDue(Time now) {
  while (const auto due = claim_.schedule().TakeDue(now)) {
    switch (*due) {
      case Schedule::Due::kWarning:
        holds_.ForEach([](Hold& hold) { hold.OnEndangered(); });
        break;
      case Schedule::Due::kEnd:
        return OnEnd(now);
      case Schedule::Due::kRenewal:  // a lease that lingers is not renewed (rule E4)
        if (holds_.CanGain() && !claim_.Renew(now)) {
          holds_.ForEach([](Hold& hold) { hold.OnEndangered(); });
        }
        if (kept_ && kept_->unsecured) claim_.Renew(now);
        break;
    }
  }
  claim_.schedule().Arm();
}

// The deadline of a hold is about to come, or the end of a lease without a hold is there.
void Lock::OnEnd(Time now) {
  if (holds_.size() > 1) {
    Time end = Time::max();
    std::vector<Hold*> over;
    holds_.ForEach([&](const Hold& hold) { end = std::min(end, hold.deadline()); });
    holds_.ForEach([&](Hold& hold) {
      if (hold.deadline() == end) over.push_back(&hold);
    });
    for (Hold* hold : over) Lose(now, *hold, hold->AtDeadline());
    return Touch();
  }
  if (!holds_.empty()) {
    Hold& hold = holds_.First();
    const LossReason reason = hold.AtDeadline();
    // It is further off where it moved back (rule D6): the client may not have heard of that.
    if (now < claim_.schedule().announced()) {
      Keep(now, reason);
      return;
    }
    hold.Lose(now, reason);
    holds_.End(hold);
    ChangeState(State::kHandOff);
  }
  if (kept_ && kept_->unsecured) {
    const std::string why = shared_.nodes.report().WhyNotKept(claim_.lease()->Failures());
    shared_.outbox.Warn("lock " + name() + " is free before its min-hold is over: " + why);
    kept_->Answer(shared_, Failed{.failure = Failure::kNoQuorum,
                                  .name = name(),
                                  .fence = kept_->fence,
                                  .text = "too few nodes keep it: " + why});
  }
  if (IsTenureOver(claim_, now)) acquisition_.CoolDown(now);
  LetGo(now, true);
  Touch();
}

void Lock::Lose(Time now, Hold& hold, LossReason reason) {
  if (holds_.size() == 1) {
    Keep(now, reason);
    return;
  }
  claim_.Owe(hold.Announced());
  hold.Lose(now, reason);
  holds_.End(hold);
  holds_.Plan(now);
}

Time Lock::Keep(Time now, std::optional<LossReason> lost, std::optional<Asker> asker) {
  while (holds_.size() > 1) {
    CHECK(lost);
    Hold& other = holds_.First();
    other.Lose(now, *lost);
    holds_.End(other);
  }
  Hold& hold = holds_.First();
  if (lost) {
    hold.Lose(now, *lost);
  } else {
    claim_.schedule().ForgetAnnounced();
  }
  // Who breaks it wants it free. A min-hold may be over where this comes late, as from a drain.
  const Time kept_until = std::max(hold.kept_until(), claim_.owed());
  const bool is_over = lost == LossReason::kBroken || kept_until <= now;
  const Time until = is_over ? Time() : kept_until;
  kept_ = std::make_unique<Kept>(shared_, name(), shared_.sessions.UidOf(hold.session()),
                                 hold.fence(), std::move(asker));
  holds_.End(hold);
  ChangeState(State::kLockDelay);
  claim_.Keep(now, until);
  TakeNote(now, {});
  return claim_.schedule().kept_until();
}

// Has the owner value released everywhere (rule C4).
void Lock::LetGo(Time now, bool leaves_queue, std::optional<Asker> asker) {
  CHECK(holds_.empty());
  const bool awaited = leaves_queue && claim_.tenure().IsWanted();
  const Lease lease = claim_.End();
  registry_.AttemptEnded(lease.attempt());
  kept_.reset();
  ChangeState(line_.queue().empty() ? State::kIdle : State::kWaiting);
  const NodeSet entries = leaves_queue ? acquisition_.LeaveQueue(now, awaited) : NodeSet();
  AttemptGate::Pass pass = taker_ ? std::exchange(taker_, nullptr)->TakePass() : acquisition_.End();
  const auto link = std::move(link_);
  const NodeSet nodes = lease.may_have() | entries;
  if (nodes.none()) return;
  const Duration ttl = lease.longest_ttl();
  shared_.releases.Add(now, {.attempt = lease.attempt(),
                             .op = {.lock = name(),
                                    .owner = shared_.OwnerOf(lease.attempt()),
                                    .leave = entries.any(),
                                    .link = link ? *link : std::string()},
                             .nodes = nodes,
                             .gone_by = now + ttl + shared_.options.timing.DriftAllowance(ttl),
                             .asker = std::move(asker),
                             .pass = std::move(pass),
                             .awaited = awaited});
}

}  // namespace redlockd::engine
