#include "daemon/engine/line.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "daemon/engine/busy.h"
#include "daemon/engine/lock.h"
#include "daemon/engine/set_in_line.h"

namespace redlockd::engine {
namespace {

// Why a wait that is over came to nothing. `was_asked`: the nodes have refused it once.
Busy WhyInVain(LockState state, bool was_first, bool stands_before_gate, bool was_asked) {
  if (state == LockState::kHeld || state == LockState::kLockDelay) return WhyBusy(state);
  if (stands_before_gate && !was_asked) return Busy::kGate;
  return was_first ? Busy::kHeldElsewhere : Busy::kLineHere;
}

bool IsSplit(const Acquisition& acquisition) {
  return acquisition.contention() && acquisition.contention()->IsSplit();
}

WaitView ViewOf(const Waiter& waiter, const std::string& lock, std::size_t place) {
  return {.name = lock,
          .session = waiter.session,
          .since = waiter.since,
          .until = waiter.set ? waiter.set->until() : waiter.wait_alarm.at(),
          .place = place,
          .note = waiter.note,
          .set = waiter.set ? waiter.set->number() : 0,
          .mode = waiter.mode};
}

}  // namespace

Head Line::head() const {
  if (queue_.empty()) return Head::kNobody;
  const Waiter& first = queue_.First();
  if (first.set) return Head::kSet;
  return first.mode == Mode::kShared ? Head::kSharing : Head::kAlone;
}

Demand Line::demand() const { return queue_.demand(!lock_.holds().empty()); }

void Line::AppendRows(std::size_t place, std::size_t most, std::vector<RowView>& rows) const {
  std::size_t at = 0;
  for (const auto& waiter : queue_) {
    if (rows.size() >= most) return;
    if (++at >= place) rows.emplace_back(ViewOf(*waiter, lock_.name(), at));
  }
}

void Line::WaitsForHolder(SessionId session) {
  Waiter& waiter = *queue_.Find(session);
  waiter.for_holder.emplace(shared().waits_for, lock_.holds(), waiter.task, session,
                            waiter.request);
}

bool Line::FirstWaitsForHolder() {
  const Waiter& first = queue_.First();
  if (first.task == TaskId() || first.for_holder) return false;
  WaitsForHolder(first.session);
  return true;
}

// --- from sessions ------------------------------------------------------------------------------

bool Line::Enter(Time now, const LockRequested& request) {
  const bool may_join = request.mode == Mode::kShared && lock_.holds().Admit(now);
  const bool must_wait = !(IsOpen(lock_.state()) || may_join) || !queue_.empty();
  const bool is_try = request.wait == Duration(0);
  const auto refuse = [&](Failure failure, std::string text) {
    shared().requests.Refuse(request.session, request.request,
                             {.failure = failure, .name = lock_.name(), .text = std::move(text)});
    return false;
  };
  if (must_wait && is_try && !IsContended()) {
    return refuse(Failure::kBusy, ToText(WhyBusy(lock_.state()), claim_.KeptFor(now)));
  }
  if (must_wait) {
    if (auto quota = shared().quotas.WhyNoWait(lock_.name())) {
      return refuse(Failure::kLimit, std::move(*quota));
    }
  }
  Waiter& waiter = queue_.Add(std::make_unique<Waiter>(
      shared().counters.waits, shared().agenda, request, shared().sessions.UidOf(request.session),
      request.ttl.value_or(shared().options.timing.ttl), now,
      [this, session = request.session](Time at) { OnWaitOver(at, session); }));
  waiter.input_ended = shared().sessions.InputEnded(request.session);
  // What a try in line waits for ends by itself, but for its turn to ask (rule C12).
  if (is_try && (must_wait || may_join))
    waiter.wait_alarm.Set(Later(now, shared().options.timing.quorum_wait));
  if (request.wait && !is_try) waiter.wait_alarm.Set(Later(now, *request.wait));
  shared().sessions.Add(request.session, lock_.name());
  if (must_wait && !is_try && waiter.input_ended) {
    shared().requests.Refuse(*queue_.Take(waiter.session), lock_.name(), Failure::kCancelled,
                             kHalfClosed);
    return false;
  }
  lock_.Touch();
  if (!must_wait || request.task == TaskId()) return false;
  WaitsForHolder(request.session);
  return true;
}

bool Line::Cancel(SessionId session, RequestId request, Failed why) {
  const Waiter* waiter = queue_.Find(session);
  if (!waiter || waiter->request != request) return false;
  why.name = lock_.name();
  shared().requests.Refuse(*queue_.Take(session), std::move(why));
  lock_.Touch();
  return true;
}

void Line::OnInputEnded(Time now, SessionId session) {
  Waiter* waiter = queue_.Find(session);
  if (!waiter || waiter->set) return;
  waiter->input_ended = true;
  const bool is_first = waiter == &queue_.First();
  const bool is_decided_soon = is_first && (IsFree(lock_.state()) || IsUndecided(*waiter, now));
  if (is_decided_soon || waiter->is_try) return;  // answered by what comes of it
  shared().requests.Refuse(*queue_.Take(session), lock_.name(), Failure::kCancelled, kHalfClosed);
  lock_.Touch();
}

void Line::Drain() {
  while (!queue_.empty()) {
    shared().requests.Refuse(*queue_.TakeFirst(), lock_.name(), Failure::kDraining,
                             "the daemon is stopping");
  }
  lock_.Touch();
}

// --- the ends of waits --------------------------------------------------------------------------

void Line::OnWaitOver(Time now, SessionId session) {
  Waiter& waiter = *queue_.Find(session);
  const Contention* contention = lock_.acquisition().contention();
  const bool lacks_quorum = contention && contention->no_quorum_since();
  const bool stands_before_gate = lock_.acquisition().StandsBeforeGate().has_value();
  // A wait that is shorter than a round, or than a cooldown, does not end before its first round
  // does, nor does one while it is open who gets the lock (rule E10).
  if (&waiter == &queue_.First() && !lacks_quorum && !stands_before_gate &&
      IsUndecided(waiter, now)) {
    waiter.out_of_time = true;
    return lock_.acquisition().StopBackingOff();
  }
  const bool was_first = &waiter == &queue_.First();
  const auto leaving = queue_.Take(waiter.session);
  if (lacks_quorum) {
    shared().requests.Refuse(*leaving, lock_.name(), Failure::kNoQuorum, WhyNoQuorum(now));
  } else {
    const Busy why = WhyInVain(lock_.state(), was_first, stands_before_gate, leaving->asked);
    shared().requests.Refuse(*leaving, lock_.name(), FailureOf(why, leaving->is_try),
                             ToText(why, claim_.KeptFor(now)));
  }
  lock_.Touch();
}

void Line::OnAttemptFailed(Time now, const FailedAttempt& failed) {
  queue_.First().asked = true;
  for (const auto& [waiter, failure] :
       queue_.OnAttemptFailed(now, failed, shared().TryPatience())) {
    shared().requests.Refuse(*waiter, lock_.name(), failure,
                             failed.reached ? WhyEnded(failed, failure) : WhyNoQuorum(now));
  }
  if (!failed.reached) OnOutOfPatience(now);
  lock_.Touch();
}

void Line::OnOutOfPatience(Time now) {
  const Duration patience = shared().options.timing.quorum_wait;
  const Time since = *lock_.acquisition().contention()->no_quorum_since();
  for (const auto& waiter : queue_.TakeImpatient(now, since, patience)) {
    shared().requests.Refuse(*waiter, lock_.name(), Failure::kNoQuorum, WhyNoQuorum(now));
  }
  if (!queue_.empty()) {
    lock_.acquisition().SetPatience(std::max(since, queue_.First().since) + patience);
  }
  lock_.Touch();
}

void Line::RefuseTries() {
  for (const auto& waiter : queue_.TakeTries()) {
    shared().requests.Refuse(*waiter, lock_.name(), Failure::kBusy, ToText(WhyBusy(lock_.state())));
  }
}

bool Line::MayAsk(Time now) {
  Acquisition& acquisition = lock_.acquisition();
  const Waiter& first = queue_.First();
  if (acquisition.StandsBeforeGate()) {
    // Its place is that of the user who is first in line here.
    if (acquisition.StandsBeforeGate() == first.uid) return false;
    acquisition.StandBeforeGate(first.uid);
    queue_.AwaitTurn(now, shared().options.timing.quorum_wait);
    return false;
  }
  const bool is_due = queue_.tries() > 0 || first.out_of_time || !acquisition.IsHeldBack();
  return is_due && !acquisition.IsBackingOff();
}

// Who gets it is being decided just now.
bool Line::IsContended() const {
  const LockState state = lock_.state();
  if (queue_.empty() || state == LockState::kHeld || state == LockState::kLockDelay) return false;
  const Acquisition& acquisition = lock_.acquisition();
  const Waiter& first = queue_.First();
  return first.set ? first.set->IsContended() : !acquisition.IsBackingOff() || IsSplit(acquisition);
}

// Whether it is not known yet if another has the lock that the first in line waits for: no round was
// decided since, or the last ones had no holder in sight.
bool Line::IsUndecided(const Waiter& first, Time now) const {
  const LockState state = lock_.state();
  if (!first.asked) {
    return state == LockState::kIdle || state == LockState::kWaiting ||
           state == LockState::kAcquiring;
  }
  // The round after a split was asked in time, and decides it however late its answers are read.
  if (state == LockState::kAcquiring && first.last_was_split) return true;
  return IsSplit(lock_.acquisition()) && WaitQueue::IsSplit(first, now, shared().TryPatience());
}

std::string Line::WhyNoQuorum(Time now) const {
  return shared().nodes.WhyNoQuorum(now, lock_.acquisition().contention()->failures());
}

}  // namespace redlockd::engine
