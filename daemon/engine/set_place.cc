#include "daemon/engine/set_place.h"

#include <utility>

#include "base/check.h"

namespace redlockd::engine {

SetPlace::SetPlace(Shared& shared, Lock& lock, SetInLine& set, const LockRequested& request,
                   Time now)
    : shared_(shared), lock_(&lock), set_(&set), session_(request.session) {
  LockRequested stands_in = request;
  stands_in.wait.reset();  // whether it is a try, and how long it waits, is the set's business
  auto waiter = std::make_unique<Waiter>(
      shared.stand_ins, shared.agenda, stands_in, shared.sessions.UidOf(session_),
      request.ttl.value_or(shared.options.timing.ttl), now, [](Time) { CHECK(false); });
  waiter->set = set_;
  // Also if it is first in line: while it waits for its other locks, this one may get a holder (rule W1).
  if (request.wait != Duration(0) && request.task != TaskId()) {
    waiter->for_holder.emplace(shared.waits_for, lock.holds_, request.task, session_,
                               request.request);
  }
  lock.line_.queue().Add(std::move(waiter));
  shared.sessions.Add(session_, lock.name());
  lock.Touch();
}

std::optional<std::string> SetPlace::WhyNotNow(const Lock& lock, Time now) {
  if (IsOpen(lock.state_) && lock.line_.queue().empty()) return std::nullopt;
  return ToText(engine::WhyBusy(lock.state_), lock.claim_.KeptFor(now));
}

// --- the line -----------------------------------------------------------------------------------

SetPlace::Way SetPlace::way() const {
  CHECK(!aside_ && !lock_->line_.queue().empty());
  if (lock_->line_.queue().First().set != set_) return Way::kLine;
  switch (lock_->state_) {
    case LockState::kHeld:
    case LockState::kLockDelay:
      return Way::kHeld;
    case LockState::kHandOff:
    case LockState::kLingering:
      return Way::kFree;
    case LockState::kAcquiring:
      return Way::kAsked;
    case LockState::kIdle:
    case LockState::kWaiting:
      break;
  }
  return Way::kOpen;
}

Busy SetPlace::WhyBusy() const {
  return way() == Way::kHeld ? engine::WhyBusy(lock_->state_) : Busy::kLineHere;
}

std::string SetPlace::Obstacle() const {
  switch (way()) {
    case Way::kOpen:
    case Way::kFree:
      return {};
    case Way::kLine: {
      const Waiter& first = lock_->line_.queue().First();
      return "first " + std::to_string(first.session) + " " + std::to_string(first.request);
    }
    case Way::kHeld:
      return "held " + std::to_string(lock_->claim_.lease()->attempt()) + " " +
             std::to_string(lock_->holds_.empty() ? 0 : lock_->holds_.First().fence());
    case Way::kAsked:
      break;
  }
  return "asked " + std::to_string(lock_->claim_.lease()->attempt());
}

void SetPlace::StepAside() {
  CHECK(!aside_);
  aside_ = lock_->line_.queue().Take(session_);
  if (aside_->for_holder) aside_->for_holder->PassOver(true);
  ++lock_->passed_over_;
  lock_->Touch();
}

void SetPlace::ComeBack() {
  CHECK(aside_ && lock_->passed_over_ > 0);
  --lock_->passed_over_;
  if (aside_->for_holder) aside_->for_holder->PassOver(false);
  lock_->line_.queue().Return(std::move(aside_));
  lock_->Touch();
}

void SetPlace::Leave() {
  if (aside_) {
    aside_.reset();
    --lock_->passed_over_;
  } else if (const Waiter* waiter = lock_->line_.queue().Find(session_);
             waiter && waiter->set == set_) {
    lock_->line_.queue().Take(session_);
  }
  lock_->Touch();
}

// --- what it meets ------------------------------------------------------------------------------

bool SetPlace::LookHere(Time now) {
  Meet(now, Obstacle(), true);
  return !met_.empty();
}

void SetPlace::NothingHere() {
  if (is_met_here_) met_.clear();
}

void SetPlace::MeetElsewhere(Time now, std::string owner) { Meet(now, std::move(owner), false); }

void SetPlace::Meet(Time now, std::string what, bool is_here) {
  if (met_ == what && is_met_here_ == is_here) return;
  met_ = std::move(what);
  is_met_here_ = is_here;
  met_since_ = now;
}

// --- the lock -----------------------------------------------------------------------------------

void SetPlace::Begin(Duration ttl, const std::string& link) {
  CHECK(!lock_->taker_ && way() == Way::kOpen);
  lock_->claim_.Begin(ttl);
  lock_->registry_.AttemptBegan(lock_->claim_.lease()->attempt(), *lock_);
  lock_->ChangeState(LockState::kAcquiring);
  lock_->taker_ = set_;
  if (link != name()) lock_->link_ = std::make_unique<const std::string>(link);
}

void SetPlace::Win(Time now, Fence first, Fence size, const Want& want) {
  CHECK(lock_->taker_ == set_);
  lock_->taker_ = nullptr;
  lock_->acquisition_.OnGrantedWithOthers(now, first, size, want);
}

void SetPlace::Grant(Time now, bool is_handoff) {
  lock_->Grant(now, lock_->line_.queue().Take(session_), is_handoff);
  lock_->Touch();
}

void SetPlace::RollBack(Time now) {
  CHECK(lock_->taker_ == set_);
  lock_->LetGo(now, false);
  lock_->Touch();
}

void SetPlace::LetGo(Time now) {
  CHECK(way() == Way::kFree);
  lock_->LetGo(now, true);
  lock_->Touch();
}

bool SetPlace::MayHandOn(Time now, Duration ttl) const {
  return lock_->claim_.mode() == Mode::kExclusive &&
         lock_->claim_.OnFree(now, true) == Tenure::Next::kHandOff &&
         lock_->claim_.IsReadyFor(now, ttl);
}

void SetPlace::LeaveQueue(Time now, NodeSet nodes, const std::string& link) const {
  if (nodes.none()) return;
  // With an owner value that has no key.
  const AttemptNumber attempt = ++shared_.last_attempt;
  shared_.releases.Add(now, {.attempt = attempt,
                             .op = {.lock = name(),
                                    .owner = shared_.OwnerOf(attempt),
                                    .leave = true,
                                    .link = link == name() ? std::string() : link},
                             .nodes = nodes,
                             .gone_by = now + shared_.options.timing.WantPenalty()});
}

std::vector<WaitQueue::Leaving> SetPlace::OnAttemptFailed(Time now, const FailedAttempt& failed) {
  return lock_->line_.queue().OnAttemptFailed(now, failed, shared_.TryPatience());
}

std::vector<std::unique_ptr<Waiter>> SetPlace::TakeImpatient(Time now, Time since) {
  return lock_->line_.queue().TakeImpatient(now, since, shared_.options.timing.quorum_wait);
}

}  // namespace redlockd::engine
