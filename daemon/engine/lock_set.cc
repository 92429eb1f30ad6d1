#include "daemon/engine/lock_set.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/busy.h"

namespace redlockd::engine {

LockSet::LockSet(Shared& shared, Registry& registry, const LockRequested& request,
                 std::uint64_t number, const std::vector<Lock*>& locks, Time now)
    : shared_(shared),
      registry_(registry),
      session_(request.session),
      request_(request.request),
      number_(number),
      lines_(shared, *this, request, locks, now),
      acquisition_(shared, registry, *this, *this),
      aside_alarm_(shared.agenda, [this](Time) { Touch(); }) {
  Waiter& self = self_.Add(std::make_unique<Waiter>(
      shared.counters.waits, shared.agenda, request, shared.sessions.UidOf(session_),
      request.ttl.value_or(shared.options.timing.ttl), now, [this](Time at) { OnWaitOver(at); }));
  self.input_ended = shared.sessions.InputEnded(session_);
  if (request.wait && !self.is_try) self.wait_alarm.Set(Later(now, *request.wait));
  Touch();
}

std::optional<Time> LockSet::until() const {
  return self_.empty() ? std::nullopt : self_.First().wait_alarm.at();
}

// Of what is in the way here, or of what it stands aside for, nobody knows how long that takes.
bool LockSet::IsContended() const {
  return !self_.empty() && !lines_.Aside() && !lines_.MeetsHere() && acquisition_.IsContended();
}

void LockSet::Touch() {
  if (is_touched_) return;
  is_touched_ = true;
  registry_.Touched(*this);
}

void LockSet::Settle(Time now) {
  is_touched_ = false;
  if (self_.empty()) return End(now);
  if (std::exchange(came_back_, false)) {
    registry_.TaskHasMore(self_.First().task);
    if (self_.empty()) return;  // refused, and touched again
  }
  if (acquisition_.IsUnderWay()) return;  // what was asked decides
  if (lines_.Aside()) return SettleAside(now);
  const Waiter& self = self_.First();
  const bool is_blocked = lines_.LookHere(now);
  if (is_blocked) acquisition_.LeaveGate();
  if (is_blocked && self.is_try) {
    const SetPlace& place = *lines_.Blocked();
    return Refuse(Failure::kBusy, place.name(), ToText(place.WhyBusy(), place.KeptFor(now)));
  }
  aside_alarm_.Clear();
  if (!self.is_try) {  // one that does not wait is answered long before
    if (const auto place = lines_.MetForLong(now)) {
      lines_.StandAside(now, *place, acquisition_.contention().want().Entries());
      return Touch();
    }
    if (const auto next = lines_.NextForLong()) aside_alarm_.Set(*next);
  }
  if (is_blocked) return;
  if (lines_.MayHandOn(now, self.ttl)) return GrantAll(now, true);
  lines_.LetGoFree(now);
  Contend(now);
}

// It comes back when what it met on this host is gone; of an owner elsewhere it asks the nodes.
void LockSet::SettleAside(Time now) {
  const SetPlace& place = *lines_.Aside();
  if (!place.Obstacle().empty()) {
    acquisition_.LeaveGate();
  } else if (place.MeetsHere() || place.way() == SetPlace::Way::kFree) {
    ComeBack();
  } else {
    Contend(now);
  }
}

// With the stamp that it has, and where it was in the lines.
void LockSet::ComeBack() {
  lines_.ComeBack();
  came_back_ = true;
  acquisition_.contention().StopBackingOff();
  Touch();
}

// --- its session --------------------------------------------------------------------------------

bool LockSet::Cancel() {
  if (self_.empty()) return false;  // its wait ended in this very step
  Refuse(Failure::kCancelled, lines_.front().name(), "cancelled by the client");
  return true;
}

// As of one lock: it is not over before its first round is decided, nor while it is open who gets them (rule E10).
bool LockSet::IsUndecidedHere(Time now) const {
  const bool is_blocked = !acquisition_.IsUnderWay() && lines_.Blocked();
  return !is_blocked && !lines_.Aside() && acquisition_.IsUndecided(self_.First(), now);
}

void LockSet::OnInputEnded(Time now) {
  if (self_.empty()) return;
  self_.First().input_ended = true;
  if (IsUndecidedHere(now) || self_.First().is_try) return;  // answered by what comes of it
  Refuse(Failure::kCancelled, lines_.front().name(), kHalfClosed);
}

void LockSet::OnSessionClosed() {
  if (self_.empty()) return;
  Leave();
  Touch();
}

void LockSet::OnWaitOver(Time now) {
  Waiter& self = self_.First();
  if (!acquisition_.LacksQuorum() && !acquisition_.StandsBeforeGate() && IsUndecidedHere(now)) {
    self.out_of_time = true;
    acquisition_.contention().StopBackingOff();
    return Touch();
  }
  if (acquisition_.LacksQuorum()) {
    return Refuse(Failure::kNoQuorum, lines_.front().name(),
                  shared_.nodes.WhyNoQuorum(now, acquisition_.contention().failures()));
  }
  const SetPlace* blocked = acquisition_.IsUnderWay() ? nullptr : lines_.Blocked();
  const bool is_at_gate = acquisition_.StandsBeforeGate() && !self.asked;
  const Busy why = blocked ? blocked->WhyBusy() : is_at_gate ? Busy::kGate : Busy::kHeldElsewhere;
  const SetPlace& place = blocked ? *blocked : lines_.Aside() ? *lines_.Aside() : lines_[refused_];
  Refuse(FailureOf(why, self.is_try), place.name(), ToText(why, place.KeptFor(now)));
}

// A set keeps its place while there is no quorum, but not for longer than quorum_wait; nor do those who wait
// for what becomes of it.
void LockSet::OnOutOfPatience(Time now) {
  const Time since = *acquisition_.contention().no_quorum_since();
  const std::string why = shared_.nodes.WhyNoQuorum(now, acquisition_.contention().failures());
  for (SetPlace* place : lines_.InLine()) {
    for (const auto& waiter : place->TakeImpatient(now, since)) {
      shared_.requests.Refuse(*waiter, place->name(), Failure::kNoQuorum, why);
    }
  }
  if (!self_.empty()) {
    acquisition_.contention().SetPatience(std::max(since, self_.First().since) +
                                          shared_.options.timing.quorum_wait);
  }
  Touch();
}

// Its stand-in has left one line; it leaves the others. Of a cycle (rule W1) the lock counts that closes it.
void LockSet::OnRefused(engine::Failed failed) {
  CHECK(!self_.empty());
  if (failed.failure != Failure::kDeadlock) failed.name = lines_.front().name();
  Refuse(std::move(failed));
}

void LockSet::Refuse(Failure failure, const std::string& lock, std::string text) {
  Refuse({.failure = failure, .name = lock, .text = std::move(text)});
}

void LockSet::Refuse(engine::Failed failed) {
  Leave();
  shared_.requests.Refuse(session_, request_, std::move(failed));
  Touch();
}

// Nobody waits for it any more.
void LockSet::Leave() {
  if (!self_.empty()) self_.TakeFirst();
  lines_.Leave(session_);
}

// It is answered, or nobody is to be: nothing of it stays on the nodes.
void LockSet::End(Time now) {
  acquisition_.RollBack(now);
  acquisition_.LeaveGate();
  Want& want = acquisition_.contention().want();
  lines_.LeaveQueues(now, want.Entries());
  want.End();
  registry_.Over(session_, request_);
}

// --- the nodes ----------------------------------------------------------------------------------

void LockSet::Contend(Time now) {
  if (acquisition_.StandsBeforeGate() || acquisition_.contention().BacksOff()) return;
  const Waiter& self = self_.First();
  if (!lines_.IsHeldBack() || self.is_try || self.out_of_time) OnTurn(now);
}

void LockSet::OnTurn(Time now) {
  // One that came back to a line is before it, since it stands before the gate.
  if (lines_.Blocked()) {
    acquisition_.LeaveGate();
    return Touch();
  }
  Waiter& self = self_.First();
  switch (acquisition_.Enter(self.uid)) {
    case Acquisition::Turn::kNoQuorum:
      return Conclude(now, acquisition_.Fail(now, false, self_.demand(false)));
    case Acquisition::Turn::kInLine:
      return self_.AwaitTurn(now, shared_.options.timing.quorum_wait);
    case Acquisition::Turn::kNow:
      break;
  }
  if (self.is_try) self.wait_alarm.Clear();
  const bool is_stand = lines_.Aside() != nullptr;
  Conclude(now, acquisition_.Begin(now, self, lines_.InLine(), is_stand, self_.demand(false)));
}

void LockSet::OnAnswer(Time now, const std::string& lock, const NodeAnswer& answer) {
  if (self_.empty()) return;  // it ended in this very step, and gives back what it has
  Conclude(now, acquisition_.OnAnswer(now, lock, answer, self_.demand(false)));
}

void LockSet::OnSilence(Time now, const std::string& lock, const NodeSilence& silence) {
  if (self_.empty()) return;
  Conclude(now, acquisition_.OnSilence(now, lock, silence, self_.demand(false)));
}

void LockSet::Conclude(Time now, const SetAcquisition::Outcome& outcome) {
  switch (outcome.kind) {
    case SetAcquisition::Outcome::Kind::kOpen:
      return;
    case SetAcquisition::Outcome::Kind::kGranted:
      return GrantAll(now, false);
    case SetAcquisition::Outcome::Kind::kTurn:  // what it stood aside for is gone
      acquisition_.RollBack(now);
      return ComeBack();
    case SetAcquisition::Outcome::Kind::kFailed:
      return Failed(now, outcome.failed);
  }
}

void LockSet::GrantAll(Time now, bool is_handoff) {
  CHECK(!lines_.Aside());
  self_.TakeFirst();
  for (SetPlace* place : lines_.InLine()) place->Grant(now, is_handoff);
  CHECK(granted_ && granted_->also.size() + 1 == lines_.size());
  shared_.requests.GrantAll(session_, request_, std::move(*granted_));
  Touch();
}

void LockSet::OnGranted(engine::Granted granted) {
  if (!granted_) {
    granted_ = std::move(granted);
    return;
  }
  granted_->also.push_back({.name = std::move(granted.name),
                            .fence = granted.fence,
                            .deadline = granted.deadline,
                            .ttl = granted.ttl,
                            .votes = granted.votes});
}

void LockSet::Failed(Time now, const FailedAttempt& failed) {
  const bool reached = failed.reached;
  const bool is_same =
      lines_.Aside() && reached && acquisition_.attempt().HolderOf(0) == lines_.Aside()->met();
  for (std::size_t i = 0; i < lines_.size() && !lines_.Aside(); ++i) {
    lines_[i].MeetElsewhere(now, reached ? acquisition_.attempt().HolderOf(i) : std::string());
  }
  if (reached && !lines_.Aside()) refused_ = acquisition_.attempt().Refused();
  acquisition_.RollBack(now);
  // Also without a quorum: nothing is known of the owner.
  if (lines_.Aside() && !is_same) ComeBack();
  self_.First().asked = true;
  const auto why = [&](Failure failure) {
    return reached ? WhyEnded(failed, failure)
                   : shared_.nodes.WhyNoQuorum(now, acquisition_.contention().failures());
  };
  for (const auto& [waiter, failure] : self_.OnAttemptFailed(now, failed, shared_.TryPatience())) {
    const SetPlace& place = reached ? lines_[refused_] : lines_.front();
    return Refuse(failure, place.name(), why(failure));
  }
  for (SetPlace* place : lines_.InLine()) {  // those who try are decided by that, too
    for (const auto& [waiter, failure] : place->OnAttemptFailed(now, failed)) {
      shared_.requests.Refuse(*waiter, place->name(), failure, why(failure));
    }
  }
  if (!reached) OnOutOfPatience(now);
  Touch();
}

}  // namespace redlockd::engine
