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
      contention_(shared.options.timing, shared.agenda, *this),
      aside_alarm_(shared.agenda, [this](Time) { Touch(); }) {
  // In one step: of two sets the same is first wherever they meet (rule G2).
  places_.reserve(locks.size());
  for (Lock* lock : locks) places_.emplace_back(shared, *lock, *this, request, now);
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
  if (aside_ || self_.empty()) return false;
  const bool is_here = std::any_of(places_.begin(), places_.end(),
                                   [](const SetPlace& place) { return place.MeetsHere(); });
  return !is_here && (!contention_.BacksOff() || contention_.IsSplit());
}

void LockSet::Touch() {
  if (is_touched_) return;
  is_touched_ = true;
  registry_.Touched(*this);
}

void LockSet::Settle(Time now) {
  is_touched_ = false;
  if (self_.empty()) return End(now);
  if (attempt_) return;  // what was asked decides
  if (aside_) return SettleAside(now);
  const bool is_here = LookHere(now);
  if (is_here && self_.First().is_try) {
    const SetPlace& place = *InTheWay();
    return Refuse(Failure::kBusy, place.name(), ToText(place.WhyBusy(), place.KeptFor(now)));
  }
  if (const auto place = MetForLong(now)) return StandAside(now, *place);
  if (is_here || HandOn(now)) return;
  Contend(now);
}

// --- its session --------------------------------------------------------------------------------

void LockSet::Cancel() {
  Refuse(Failure::kCancelled, places_.front().name(), "cancelled by the client");
}

void LockSet::OnInputEnded(Time now) {
  if (self_.empty()) return;
  self_.First().input_ended = true;
  const bool is_decided_soon = !aside_ && !InTheWay() && IsUndecided(now);
  if (is_decided_soon || self_.First().is_try) return;  // answered by what comes of it
  Refuse(Failure::kCancelled, places_.front().name(), kHalfClosed);
}

void LockSet::OnSessionClosed() {
  if (self_.empty()) return;
  LeaveLines();
  Touch();
}

void LockSet::OnWaitOver(Time now) {
  Waiter& self = self_.First();
  const bool lacks_quorum = contention_.no_quorum_since().has_value();
  const SetPlace* here = InTheWay();
  // As of one lock: not before its first round is decided, nor while it is open who gets them (rule E10).
  if (!here && !aside_ && !lacks_quorum && !gate_place_ && IsUndecided(now)) {
    self.out_of_time = true;
    contention_.StopBackingOff();
    return Touch();
  }
  if (lacks_quorum) {
    return Refuse(Failure::kNoQuorum, places_.front().name(),
                  shared_.nodes.WhyNoQuorum(now, contention_.failures()));
  }
  const bool is_at_gate = gate_place_ && !self.asked;
  const Busy why = here ? here->WhyBusy() : is_at_gate ? Busy::kGate : Busy::kHeldElsewhere;
  const SetPlace& place = here ? *here : places_[aside_.value_or(refused_)];
  Refuse(FailureOf(why, self.is_try), place.name(), ToText(why, place.KeptFor(now)));
}

// A set keeps its place while there is no quorum, but not for longer than quorum_wait; nor do those who wait
// for what becomes of it.
void LockSet::OnOutOfPatience(Time now) {
  const Time since = *contention_.no_quorum_since();
  const std::string why = shared_.nodes.WhyNoQuorum(now, contention_.failures());
  for (SetPlace& place : places_) {
    if (place.IsAside()) continue;
    for (const auto& waiter : place.TakeImpatient(now, since)) {
      shared_.requests.Refuse(*waiter, place.name(), Failure::kNoQuorum, why);
    }
  }
  if (!self_.empty()) {
    contention_.SetPatience(std::max(since, self_.First().since) +
                            shared_.options.timing.quorum_wait);
  }
  Touch();
}

// Its stand-in has left one line; it leaves the others.
// Of a cycle (rule W1) the lock counts that closes it.
void LockSet::OnRefused(Failed failed) {
  CHECK(!self_.empty());
  if (failed.failure != Failure::kDeadlock) failed.name = places_.front().name();
  Refuse(std::move(failed));
}

void LockSet::Refuse(Failure failure, const std::string& lock, std::string text) {
  Refuse({.failure = failure, .name = lock, .text = std::move(text)});
}

void LockSet::Refuse(Failed failed) {
  LeaveLines();
  shared_.requests.Refuse(session_, request_, std::move(failed));
  Touch();
}

void LockSet::LeaveLines() {
  if (!self_.empty()) self_.TakeFirst();
  for (SetPlace& place : places_) {
    place.Leave();
    shared_.sessions.Remove(session_, place.name());
  }
}

// It is answered, or nobody is to be: nothing of it stays on the nodes.
void LockSet::End(Time now) {
  if (attempt_) RollBack(now);
  gate_place_.reset();
  const NodeSet entries = contention_.want().Entries();
  const std::string& link = places_[aside_.value_or(0)].name();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (aside_.value_or(i) == i) places_[i].LeaveQueue(now, entries, link);
  }
  contention_.want().End();
  registry_.Over(*this);
}

// --- what is in its way -------------------------------------------------------------------------

// The first place where something on this host is, as long as nothing is asked of the nodes.
const SetPlace* LockSet::InTheWay() const {
  if (attempt_) return nullptr;
  for (const SetPlace& place : places_) {
    if (!place.IsAside() && !place.Obstacle().empty()) return &place;
  }
  return nullptr;
}

// Whether it is not known yet if another has one of the locks.
bool LockSet::IsUndecided(Time now) const {
  const Waiter& self = self_.First();
  if (!self.asked) return true;
  if (attempt_ && self.last_was_split) return true;
  return contention_.IsSplit() && WaitQueue::IsSplit(self, now, shared_.TryPatience());
}

// It comes back when what it met on this host is gone; of an owner elsewhere it asks the nodes.
void LockSet::SettleAside(Time now) {
  const SetPlace& place = places_[*aside_];
  if (!place.Obstacle().empty()) {
    gate_place_.reset();
  } else if (place.MeetsHere() || place.way() == SetPlace::Way::kFree) {
    ComeBack();
    registry_.TaskHasMore(self_.First().task);
  } else {
    Contend(now);
  }
}

// Returns whether something on this host is in its way. Nothing is kept for it meanwhile (rule G2).
bool LockSet::LookHere(Time now) {
  if (!InTheWay()) {
    for (SetPlace& place : places_) place.NothingHere();
    return false;
  }
  gate_place_.reset();
  for (SetPlace& place : places_) {
    place.LookHere(now);
    if (place.way() == SetPlace::Way::kFree) place.LetGo(now);
  }
  return true;
}

// Rule G5. One that does not wait is answered long before.
std::optional<std::size_t> LockSet::MetForLong(Time now) {
  aside_alarm_.Clear();
  if (self_.First().is_try) return std::nullopt;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto since = places_[i].met_since();
    if (!since) continue;
    const Time until = *since + shared_.options.timing.tenure_max;
    if (now >= until) return i;
    if (until < aside_alarm_.at().value_or(Time::max())) aside_alarm_.Set(until);
  }
  return std::nullopt;
}

// It stays in the line and the queue of that place, and leaves the others.
void LockSet::StandAside(Time now, std::size_t place) {
  aside_ = place;
  const NodeSet entries = contention_.want().Entries();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (i == place) continue;
    places_[i].StepAside();
    places_[i].LeaveQueue(now, entries, places_.front().name());
  }
  Touch();
}

// With the stamp that it has, and where it was in the lines.
void LockSet::ComeBack() {
  for (SetPlace& place : places_) {
    if (place.IsAside()) place.ComeBack();
    place.Forget();
  }
  aside_.reset();
  contention_.StopBackingOff();
  Touch();
}

// --- the locks ----------------------------------------------------------------------------------

// Where all of them are here, and nobody holds one, no node is asked; else none is kept.
bool LockSet::HandOn(Time now) {
  const Duration ttl = self_.First().ttl;
  const bool are_all_here = std::all_of(places_.begin(), places_.end(), [&](const SetPlace& place) {
    return place.way() == SetPlace::Way::kFree && place.MayHandOn(now, ttl);
  });
  if (are_all_here) {
    GrantAll(now, true);
    return true;
  }
  for (SetPlace& place : places_) {
    if (place.way() == SetPlace::Way::kFree) place.LetGo(now);
  }
  return false;
}

// Asks the nodes, or waits until it may.
void LockSet::Contend(Time now) {
  if (gate_place_ || contention_.BacksOff()) return;
  const bool is_held_back = std::any_of(places_.begin(), places_.end(), [](const SetPlace& place) {
    return !place.IsAside() && place.acquisition().IsHeldBack();
  });
  const Waiter& self = self_.First();
  if (!is_held_back || self.is_try || self.out_of_time) OnTurn(now);
}

void LockSet::OnTurn(Time now) {
  CHECK(!attempt_ && !InTheWay());
  Waiter& self = self_.First();
  const bool is_next = shared_.gate.LetsIn(*this, self.uid);
  if (gate_place_ && is_next) gate_place_->HadTurn();
  gate_place_.reset();
  if (shared_.nodes.MetOtherSet() || shared_.nodes.Voters().count() < shared_.majority()) {
    return Fail(now, false);
  }
  if (!is_next) {
    gate_place_ = shared_.gate.StandInLine(self.uid, *this);
    return self_.AwaitTurn(now, shared_.options.timing.quorum_wait);
  }
  if (self.is_try) self.wait_alarm.Clear();
  ++shared_.counters.attempts;
  std::vector<SetPlace*> asked;
  for (SetPlace& place : places_) {
    if (!place.IsAside()) asked.push_back(&place);
  }
  attempt_ = std::make_unique<SetAttempt>(shared_, std::move(asked), self.ttl,
                                          shared_.gate.Enter(self.uid));
  if (!aside_) return Ask(now);
  // It could get no key with an acquire: not the others, which this host may have in use (rule C8), nor this one
  // without them.
  attempt_->Stand(now, contention_);
  Judge(now);
}

void LockSet::Ask(Time now) {
  const NodeSet nodes = attempt_->AskForAll(now, contention_, self_.demand(false));
  registry_.Asked(attempt_->number(), places_.size(), nodes, *this);
  Judge(now);  // too few may have been left to ask
}

void LockSet::Judge(Time now) {
  switch (attempt_->Judge()) {
    case Attempt::Result::kOpen:
      return;
    case Attempt::Result::kWon:
      return Won(now);
    case Attempt::Result::kTurn:  // what it stood aside for is gone
      contention_.OnQuorum();
      RollBack(now);
      return ComeBack();
    case Attempt::Result::kAgain:
      return Ask(now);
    case Attempt::Result::kConfirm:
      attempt_->AskToConfirm(now);
      return Judge(now);
    case Attempt::Result::kRefused:
      return Fail(now, true);
    case Attempt::Result::kNoQuorum:
      return Fail(now, false);
  }
}

void LockSet::Won(Time now) {
  const Duration ttl = self_.First().ttl;
  for (const SetPlace& place : places_) {  // rule C3
    const auto deadline = place.claim().lease()->Deadline();
    if (deadline && *deadline - now >= Timing::UsefulRemainder(ttl)) continue;
    attempt_->FailVotes("granted them too late for a ttl of " + ToText(ttl));
    return Fail(now, false);
  }
  contention_.OnQuorum();
  contention_.OnGranted();
  Attempt& leader = attempt_->leader();
  const bool in_one_round = leader.asks() == Ticket::Kind::kAttempt && leader.first_rounds() == 1;
  ++(in_one_round ? shared_.counters.one_round_grants : shared_.counters.confirmed_grants);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    places_[i].Win(now, attempt_->FirstOf(i), attempt_->SizeOf(i), contention_.want());
  }
  contention_.want().End();  // its entries leave with the leases
  registry_.AttemptEnded(attempt_->number());
  attempt_.reset();
  shared_.gate.OnGranted();
  GrantAll(now, false);
}

void LockSet::GrantAll(Time now, bool is_handoff) {
  CHECK(!aside_);
  self_.TakeFirst();
  for (SetPlace& place : places_) place.Grant(now, is_handoff);
  CHECK(granted_ && granted_->also.size() + 1 == places_.size());
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

void LockSet::Fail(Time now, bool reached) {
  const FailedAttempt failed =
      Acquisition::Pause(now, reached, attempt_ ? &attempt_->leader() : nullptr, contention_,
                         self_.demand(false), shared_);
  const bool is_same = aside_ && reached && attempt_->HolderOf(0) == places_[*aside_].met();
  for (std::size_t i = 0; i < places_.size() && !aside_; ++i) {
    places_[i].MeetElsewhere(now, reached ? attempt_->HolderOf(i) : std::string());
  }
  if (reached && !aside_) refused_ = attempt_->Refused();
  if (attempt_) RollBack(now);
  if (aside_ && !is_same) ComeBack();  // also without a quorum: nothing is known of the owner
  self_.First().asked = true;
  const std::string why =
      reached ? std::string() : shared_.nodes.WhyNoQuorum(now, contention_.failures());
  for (const auto& [waiter, failure] : self_.OnAttemptFailed(now, failed, shared_.TryPatience())) {
    const SetPlace& place = reached ? places_[refused_] : places_.front();
    return Refuse(failure, place.name(), reached ? WhyEnded(failed, failure) : why);
  }
  for (SetPlace& place : places_) {
    if (place.IsAside()) continue;
    for (const auto& [waiter, failure] : place.OnAttemptFailed(now, failed)) {
      shared_.requests.Refuse(*waiter, place.name(), failure,
                              reached ? WhyEnded(failed, failure) : why);
    }
  }
  if (!reached) OnOutOfPatience(now);
  Touch();
}

// Has the owner values released on all nodes (rule C4).
void LockSet::RollBack(Time now) {
  for (SetPlace* place : attempt_->places()) place->RollBack(now);
  registry_.AttemptEnded(attempt_->number());
  attempt_.reset();
}

// --- from nodes ---------------------------------------------------------------------------------

void LockSet::OnClaimAnswer(Time now, const NodeAnswer& answer) {
  if (!attempt_->OnAnswer({}, answer)) return;
  contention_.want().OnPlace(answer.place);
  if (answer.verdict == Verdict::kOk) contention_.want().OnVote(answer.node);
  Judge(now);
}

void LockSet::OnClaimSilence(Time now, const NodeSilence& silence) {
  if (attempt_->OnSilence({}, silence)) Judge(now);
}

// What a claim is answered comes for all of its locks.
void LockSet::OnAnswer(Time now, const std::string& lock, const NodeAnswer& answer) {
  if (answer.ticket.kind == Ticket::Kind::kAttempt || !attempt_->OnAnswer(lock, answer)) return;
  if (answer.ticket.kind == Ticket::Kind::kStand) contention_.want().OnPlace(answer.place);
  Judge(now);
}

void LockSet::OnSilence(Time now, const std::string& lock, const NodeSilence& silence) {
  if (silence.ticket.kind == Ticket::Kind::kAttempt) return;
  if (attempt_->OnSilence(lock, silence)) Judge(now);
}

void LockSet::OnHint(Time now, const NodeHint& hint) {
  contention_.OnHint(now, hint, shared_.majority(), shared_.nodes.RoundTrip());
}

void LockSet::OnVotersChanged(Time now, bool gained) {
  if (contention_.no_quorum_since()) {
    contention_.StopBackingOff();
    return Touch();
  }
  if (gained) contention_.OnVoterGained(now, shared_.random);
}

void LockSet::OnSubscribed(Time now, NodeIndex node, bool subscribed) {
  if (contention_.want().Entries().test(node) && shared_.nodes.Votes(node)) {
    contention_.OnSubscribed(now, subscribed, shared_.random);
  }
}

}  // namespace redlockd::engine
