#include "daemon/engine/lock.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/busy.h"
#include "daemon/engine/lock_kept.h"
#include "daemon/engine/set_in_line.h"

namespace redlockd::engine {
namespace {

using State = LockState;

// Why a wait that is over came to nothing. `was_asked`: the nodes have refused it once.
Busy WhyInVain(State state, bool was_first, bool stands_before_gate, bool was_asked) {
  if (state == State::kHeld || state == State::kLockDelay) return WhyBusy(state);
  if (stands_before_gate && !was_asked) return Busy::kGate;
  return was_first ? Busy::kHeldElsewhere : Busy::kLineHere;
}

// For how long a lock of this state stays taken here after its hold.
Duration KeptFor(State state, const Claim& claim, Time now) {
  return state == State::kLockDelay ? claim.schedule().kept_until() - now : Duration(0);
}

bool IsSplit(const Acquisition& acquisition) {
  return acquisition.contention() && acquisition.contention()->IsSplit();
}

// Who gets it is being decided just now. `first`: of its line.
bool IsContended(const Waiter& first, State state, const Acquisition& acquisition) {
  if (state == State::kHeld || state == State::kLockDelay) return false;
  return first.set ? first.set->IsContended() : !acquisition.IsBackingOff() || IsSplit(acquisition);
}

// Whether it is not known yet if another has the lock that the first in line waits for: no round was
// decided since, or the last ones had no holder in sight.
bool IsUndecided(const Waiter& first, State state, const Acquisition& acquisition, Time now,
                 Duration patience) {
  if (!first.asked) {
    return state == State::kIdle || state == State::kWaiting || state == State::kAcquiring;
  }
  // The round after a split was asked in time, and decides it however late its answers are read.
  if (state == State::kAcquiring && first.last_was_split) return true;
  return IsSplit(acquisition) && WaitQueue::IsSplit(first, now, patience);
}

bool IsTenureOver(Claim& claim, Time now) {
  return claim.tenure().IsOver(now, claim.shared().options.timing);
}

WaitView ViewOf(const Waiter& waiter, const std::string& lock, std::size_t place) {
  return {.name = lock,
          .session = waiter.session,
          .since = waiter.since,
          .until = waiter.set ? waiter.set->until() : waiter.wait_alarm.at(),
          .place = place,
          .note = waiter.note,
          .set = waiter.set ? waiter.set->number() : 0};
}

}  // namespace

Lock::Lock(Shared& shared, Registry& registry, std::string name)
    : shared_(shared),
      registry_(registry),
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
  // What a set has asked for, that decides about.
  const bool acquiring = state_ == State::kAcquiring && !taker_;
  if (acquiring &&
      (queue_.empty() || queue_.First().set || queue_.First().ttl != claim_.lease()->ttl())) {
    LetGo(now, queue_.empty());
  }
  if (IsFree(state_)) Reassign(now);
  if (!claim_.lease()) ChangeState(queue_.empty() ? State::kIdle : State::kWaiting);
  // Rule I5, once since the last grant; where it is kept, only watchers hear of it.
  const bool is_taken = hold_ || state_ == State::kLockDelay;
  if (is_taken && !was_wanted_ && (!queue_.empty() || claim_.tenure().IsWanted())) {
    was_wanted_ = true;
    const By by = queue_.empty() ? By::kElsewhere : By::kHere;
    if (hold_) hold_->OnWanted(by);
    shared_.watches.Report(
        name(),
        {.what = WatchNotice::What::kWanted, .fence = hold_ ? hold_->fence() : 0, .by = by});
  }
  if (queue_.empty()) {
    acquisition_.Stop(now);
  } else if (queue_.First().set) {
    if (!hold_) acquisition_.Stop(now);  // it asks for itself, when it is first in all its lines
    queue_.First().set->Touch();
  } else if (hold_) {
    claim_.ReserveFences(now, true);
  } else if (state_ == State::kWaiting) {
    const Waiter& first = queue_.First();
    const bool may_ask = queue_.tries() > 0 || first.out_of_time || !acquisition_.IsHeldBack();
    if (acquisition_.StandsBeforeGate()) {
      // Its place is that of the user who is first in line here.
      if (acquisition_.StandsBeforeGate() == first.uid) return;
      acquisition_.StandBeforeGate(first.uid);
      queue_.AwaitTurn(now, shared_.options.timing.quorum_wait);
    } else if (may_ask && !acquisition_.IsBackingOff()) {
      OnTurn(now);
    }
  }
  if (MayBeForgotten()) registry_.MayBeIdle(*this);
}

void Lock::AppendRows(Time now, std::size_t place, std::size_t most,
                      std::vector<RowView>& rows) const {
  if (hold_ && place == 0) rows.emplace_back(hold_->View(now));
  if (kept_ && place == 0) {
    rows.emplace_back(KeptView{name(), kept_->fence, claim_.schedule().kept_until()});
  }
  std::size_t at = 0;
  for (const auto& waiter : queue_) {
    if (rows.size() >= most) return;
    if (++at >= place) rows.emplace_back(ViewOf(*waiter, name(), at));
  }
}

// --- sessions -----------------------------------------------------------------------------------

void Lock::Request(Time now, const LockRequested& request) {
  const bool must_wait = !IsOpen(state_) || !queue_.empty();
  const bool is_try = request.wait == Duration(0);
  const bool is_contended = !queue_.empty() && IsContended(queue_.First(), state_, acquisition_);
  if (must_wait && is_try && !is_contended) {
    return shared_.requests.Refuse(request.session, request.request,
                                   {.failure = Failure::kBusy,
                                    .name = name(),
                                    .text = ToText(WhyBusy(state_), KeptFor(state_, claim_, now))});
  }
  if (must_wait) {
    if (auto quota = shared_.quotas.WhyNoWait(name())) {
      return shared_.requests.Refuse(
          request.session, request.request,
          {.failure = Failure::kLimit, .name = name(), .text = std::move(*quota)});
    }
  }
  Waiter& waiter = queue_.Add(std::make_unique<Waiter>(
      shared_.counters.waits, shared_.agenda, request, shared_.sessions.UidOf(request.session),
      request.ttl.value_or(shared_.options.timing.ttl), now,
      [this, session = request.session](Time at) { OnWaitOver(at, session); }));
  waiter.input_ended = shared_.sessions.InputEnded(request.session);
  // What a try in line waits for ends by itself, but for its turn to ask (rule C12).
  if (is_try && must_wait) waiter.wait_alarm.Set(Later(now, shared_.options.timing.quorum_wait));
  if (request.wait && !is_try) waiter.wait_alarm.Set(Later(now, *request.wait));
  shared_.sessions.Add(request.session, name());
  if (must_wait && !is_try && waiter.input_ended) {
    shared_.requests.Refuse(*queue_.Take(waiter.session), name(), Failure::kCancelled, kHalfClosed);
    return;
  }
  Touch();
  if (!must_wait || request.task == TaskId()) return;
  waiter.for_holder.emplace(shared_.waits_for, *this, request.task, request.session,
                            request.request);
  registry_.TaskHasMore(request.task);
}

void Lock::Unlock(Time now, const UnlockRequested& request, std::shared_ptr<JointAnswer> joint) {
  CHECK(hold_ && hold_->session() == request.session);
  const Fence fence = hold_->fence();
  hold_->Report(now, WatchNotice::What::kUnlocked);
  const Duration kept = std::max(Duration(0), hold_->kept_until() - now);
  const Asker asker{request.session, request.request, fence, std::move(joint)};
  shared_.sessions.Remove(request.session, name());
  ++shared_.counters.unlocks;
  if (kept > Duration(0)) {
    Keep(now, std::nullopt, request.sync ? std::optional(asker) : std::nullopt);
  } else {
    hold_.reset();
    ChangeState(State::kHandOff);
    if (IsTenureOver(claim_, now)) acquisition_.CoolDown(now);
    if (request.sync) LetGo(now, true, asker);
  }
  if (!request.sync) {
    asker.Reply(shared_.outbox, Released{.name = name(), .fence = fence, .kept = kept});
  }
  Touch();
}

bool Lock::Cancel(SessionId session, RequestId request, Failed why) {
  const Waiter* waiter = queue_.Find(session);
  if (!waiter || waiter->request != request) return false;
  why.name = name();
  shared_.requests.Refuse(*queue_.Take(session), std::move(why));
  Touch();
  return true;
}

void Lock::OnInputEnded(Time now, SessionId session) {
  Waiter* waiter = queue_.Find(session);
  if (!waiter || waiter->set) return;
  waiter->input_ended = true;
  const bool is_first = waiter == &queue_.First();
  const bool is_decided_soon =
      is_first &&
      (IsFree(state_) || IsUndecided(*waiter, state_, acquisition_, now, shared_.TryPatience()));
  if (is_decided_soon || waiter->is_try) return;  // answered by what comes of it
  shared_.requests.Refuse(*queue_.Take(session), name(), Failure::kCancelled, kHalfClosed);
  Touch();
}

void Lock::OnSessionClosed(Time now, SessionId session) {
  shared_.sessions.Remove(session, name());
  if (hold_ && hold_->session() == session) {
    hold_->Report(now, WatchNotice::What::kClosed);
    ++shared_.counters.session_ends;
    if (now < hold_->kept_until()) {
      Keep(now, std::nullopt);
    } else {
      // Where a holder died the next gets it at once, and the cooldown comes after that one.
      if (claim_.tenure().OwesCooldown()) {
        acquisition_.CoolDown(now);
      } else {
        acquisition_.OweCooldown(IsTenureOver(claim_, now) && shared_.rests.IsDue(now, name()));
      }
      hold_.reset();
      ChangeState(State::kHandOff);
    }
  } else {
    queue_.Take(session);
  }
  Touch();
}

void Lock::Drain() {
  while (!queue_.empty()) {
    shared_.requests.Refuse(*queue_.TakeFirst(), name(), Failure::kDraining,
                            "the daemon is stopping");
  }
  Touch();
}

// --- waits --------------------------------------------------------------------------------------

void Lock::OnWaitOver(Time now, SessionId session) {
  Waiter& waiter = *queue_.Find(session);
  const Contention* contention = acquisition_.contention();
  const bool lacks_quorum = contention && contention->no_quorum_since();
  const bool stands_before_gate = acquisition_.StandsBeforeGate().has_value();
  // A wait that is shorter than a round, or than a cooldown, does not end before its first round
  // does, nor does one while it is open who gets the lock (rule E10).
  if (&waiter == &queue_.First() && !lacks_quorum && !stands_before_gate &&
      IsUndecided(waiter, state_, acquisition_, now, shared_.TryPatience())) {
    waiter.out_of_time = true;
    return acquisition_.StopBackingOff();
  }
  const bool was_first = &waiter == &queue_.First();
  const auto leaving = queue_.Take(waiter.session);
  if (lacks_quorum) {
    shared_.requests.Refuse(*leaving, name(), Failure::kNoQuorum,
                            shared_.nodes.WhyNoQuorum(now, acquisition_.contention()->failures()));
  } else {
    const Busy why = WhyInVain(state_, was_first, stands_before_gate, leaving->asked);
    shared_.requests.Refuse(*leaving, name(), FailureOf(why, leaving->is_try),
                            ToText(why, KeptFor(state_, claim_, now)));
  }
  Touch();
}

// A waiter keeps its place while there is no quorum, but not for longer than quorum_wait.
void Lock::OnOutOfPatience(Time now) {
  const Duration patience = shared_.options.timing.quorum_wait;
  const Time since = *acquisition_.contention()->no_quorum_since();
  for (const auto& waiter : queue_.TakeImpatient(now, since, patience)) {
    shared_.requests.Refuse(*waiter, name(), Failure::kNoQuorum,
                            shared_.nodes.WhyNoQuorum(now, acquisition_.contention()->failures()));
  }
  if (!queue_.empty()) acquisition_.SetPatience(std::max(since, queue_.First().since) + patience);
  Touch();
}

// --- from an attempt to a hold ------------------------------------------------------------------

void Lock::OnTurn(Time now) {
  CHECK(state_ == State::kWaiting && !queue_.empty());
  Waiter& first = queue_.First();
  switch (acquisition_.Enter(first.uid)) {
    case Acquisition::Turn::kNoQuorum:
      return Conclude(now, acquisition_.Fail(now, false, queue_.demand(false)));
    case Acquisition::Turn::kInLine:
      acquisition_.StandBeforeGate(first.uid);
      return queue_.AwaitTurn(now, shared_.options.timing.quorum_wait);
    case Acquisition::Turn::kNow:
      break;
  }
  if (first.is_try) first.wait_alarm.Clear();
  claim_.Begin(first.ttl);
  registry_.AttemptBegan(claim_.lease()->attempt(), *this);
  ChangeState(State::kAcquiring);
  Conclude(now, acquisition_.Begin(now, first.uid, queue_.demand(false)));
}

void Lock::Conclude(Time now, const Acquisition::Outcome& outcome) {
  if (outcome.kind == Acquisition::Outcome::Kind::kOpen) return;
  if (outcome.kind == Acquisition::Outcome::Kind::kGranted) {
    return Grant(now, queue_.TakeFirst(), false);
  }
  const FailedAttempt& failed = outcome.failed;
  if (claim_.lease()) LetGo(now, false);
  queue_.First().asked = true;
  for (const auto& [waiter, failure] : queue_.OnAttemptFailed(now, failed, shared_.TryPatience())) {
    shared_.requests.Refuse(
        *waiter, name(), failure,
        failed.reached ? WhyEnded(failed, failure)
                       : shared_.nodes.WhyNoQuorum(now, acquisition_.contention()->failures()));
  }
  if (!failed.reached) OnOutOfPatience(now);
  Touch();
}

// The waiter, which has left the line, holds it from now on, with the next fence.
void Lock::Grant(Time now, std::unique_ptr<Waiter> waiter, bool is_handoff) {
  CHECK(!hold_);
  const Fence fence = claim_.BeginHold(waiter->ttl, is_handoff);
  shared_.histograms.Of(name()).waits.Add(now - waiter->since);
  ChangeState(State::kHeld);
  if (is_handoff) ++shared_.counters.handoffs;
  hold_ = std::make_unique<Hold>(
      shared_, claim_, now,
      Hold::Terms{.session = waiter->session,
                  .fence = fence,
                  .note = std::move(waiter->note),
                  .ends_at = waiter->max_hold ? Later(now, *waiter->max_hold) : Time::max(),
                  .kept_until = now + waiter->min_hold,
                  .renewed_events = waiter->renewed_events,
                  .wanted_events = waiter->wanted_events,
                  .task = waiter->task});
  was_wanted_ = false;
  shared_.requests.Grant(*waiter, {.name = name(),
                                   .fence = fence,
                                   .deadline = hold_->deadline(),
                                   .ttl = claim_.lease()->ttl(),
                                   .votes = claim_.lease()->Votes(now),
                                   .nodes = shared_.options.nodes,
                                   .also = {}});
  hold_->Report(now, WatchNotice::What::kGranted);
  for (const auto& other : queue_.TakeTries()) {
    shared_.requests.Refuse(*other, name(), Failure::kBusy, ToText(WhyBusy(state_)));
  }
  if (waiter->task != TaskId()) {
    waiter->for_holder.reset();
    registry_.TaskHasMore(waiter->task);
  }
  claim_.ReserveFences(now, !queue_.empty());
  if (queue_.empty()) acquisition_.Forget();
}

// The lease has no hold: it is handed off, or lingers, or is let go.
void Lock::Reassign(Time now) {
  // A set takes it with the other locks that it asks for, or has it let go (rule G2).
  if (!queue_.empty() && queue_.First().set) return ChangeState(State::kHandOff);
  switch (claim_.OnFree(now, !queue_.empty())) {
    case Tenure::Next::kLinger:
      return ChangeState(State::kLingering);
    case Tenure::Next::kHandOff:
      switch (claim_.PrepareHandOff(now, queue_.First().ttl)) {
        case Claim::HandOff::kReady:
          return Grant(now, queue_.TakeFirst(), true);
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
  const Demand demand = queue_.demand(hold_ != nullptr);
  if (answer.greatest > 0) acquisition_.OnQueueSeen(now, answer.greatest);
  TakeNote(now, claim_.OnAnswer(now, answer, demand));
  if (taker_) return taker_->OnAnswer(now, name(), answer);
  Conclude(now, acquisition_.OnAnswer(now, answer, demand));
}

void Lock::OnSilence(Time now, const NodeSilence& silence) {
  TakeNote(now, claim_.OnSilence(silence));
  if (taker_) return taker_->OnSilence(now, name(), silence);
  Conclude(now, acquisition_.OnSilence(now, silence, queue_.demand(hold_ != nullptr)));
}

// What a node has said of the claim changes what the hold may rely on, or what comes next.
void Lock::TakeNote(Time now, const Claim::Heard& heard) {
  if (heard.deadline_moved && hold_) hold_->MoveDeadline(now);
  if (heard.deadline_moved && !hold_) claim_.PlanEnd(now);
  if (heard.is_endangered && hold_) hold_->OnEndangered();
  if (kept_ && kept_->unsecured && claim_.IsSecured()) {
    kept_->unsecured.reset();
    kept_->Answer(shared_, Released{name(), kept_->fence, claim_.schedule().kept_until() - now});
  }
  if (heard.fences == FenceBlock::Outcome::kUsedUp && IsFree(state_)) LetGo(now, true);
  if (IsLeased(state_) && claim_.lease()->IsBroken()) {  // rule I4
    if (hold_) {
      Keep(now, LossReason::kBroken);
    } else if (!kept_ || now >= claim_.schedule().announced()) {
      if (kept_) kept_->Answer(shared_, Released{name(), kept_->fence});
      LetGo(now, true);
    }
  }
  if (!hold_) Touch();
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
      if (!queue_.empty() && queue_.First().set) return queue_.First().set->OnHint(now, hint);
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
        if (hold_) hold_->OnEndangered();
        break;
      case Schedule::Due::kEnd:
        return OnEnd(now);
      case Schedule::Due::kRenewal:  // a lease that lingers is not renewed (rule E4)
        if (hold_ && hold_->CanGain() && !claim_.Renew(now)) hold_->OnEndangered();
        if (kept_ && kept_->unsecured) claim_.Renew(now);
        break;
    }
  }
  claim_.schedule().Arm();
}

// The deadline of a hold is about to come, or the end of a lease without a hold is there.
void Lock::OnEnd(Time now) {
  if (hold_) {
    const LossReason reason = hold_->AtDeadline();
    // It is further off where it moved back (rule D6): the client may not have heard of that.
    if (now < claim_.schedule().announced()) {
      Keep(now, reason);
      return;
    }
    hold_->Lose(now, reason);
    hold_.reset();
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

Time Lock::Keep(Time now, std::optional<LossReason> lost, std::optional<Asker> asker) {
  if (lost) {
    hold_->Lose(now, *lost);
  } else {
    claim_.schedule().ForgetAnnounced();
  }
  // Who breaks it wants it free. A min-hold may be over where this comes late, as from a drain.
  const bool is_over = lost == LossReason::kBroken || hold_->kept_until() <= now;
  const Time until = is_over ? Time() : hold_->kept_until();
  kept_ = std::make_unique<Kept>(shared_, name(), shared_.sessions.UidOf(hold_->session()),
                                 hold_->fence(), std::move(asker));
  hold_.reset();
  ChangeState(State::kLockDelay);
  claim_.Keep(now, until);
  TakeNote(now, {});
  return claim_.schedule().kept_until();
}

// Has the owner value released everywhere (rule C4).
void Lock::LetGo(Time now, bool leaves_queue, std::optional<Asker> asker) {
  CHECK(!hold_);
  const bool awaited = leaves_queue && claim_.tenure().IsWanted();
  const Lease lease = claim_.End();
  registry_.AttemptEnded(lease.attempt());
  kept_.reset();
  ChangeState(queue_.empty() ? State::kIdle : State::kWaiting);
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
