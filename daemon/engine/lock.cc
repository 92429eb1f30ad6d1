#include "daemon/engine/lock.h"

#include <utility>

#include "daemon/engine/lock_parts.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {

Shared::Shared(EngineOptions o, Random& r, NodeTable::Observer& of_nodes,
               ReleaseTable::Observer& of_releases)
    : options(std::move(o)),
      random(r),
      nodes(options, random, agenda, outbox, of_nodes),
      sessions(options.limits),
      gate(options.attempts),
      releases(nodes, sessions, agenda, outbox, of_releases),
      renewals(outbox),
      new_names(options.limits.new_names_per_uid, options.timing.fence_life, random) {}

Lock::Lock(Shared& shared, std::string name)
    : shared_(shared), name_(std::move(name)), linger_(shared.options.linger.Of(name_)) {}

Lock::Contest& Lock::contest() {
  if (!contest_) {
    contest_ = std::make_unique<Contest>(shared_.options.timing, shared_.agenda, *this);
  }
  return *contest_;
}

void Lock::DropContest() {
  if (contest_ && !contest_->IsToRemember()) contest_.reset();
}

Lock::~Lock() {
  if (lease_) shared_.by_attempt.erase(lease_->attempt);
}

bool Lock::Idle() const {
  return waiters_.empty() && !lease_ && !(contest_ && contest_->IsHeldBack());
}

bool Lock::HeldBy(SessionId session, std::optional<Fence> fence) const {
  return hold_ && hold_->session == session && (!fence || *fence == hold_->fence);
}

bool Lock::HeldWith(Fence fence) const { return hold_ && hold_->fence == fence; }

bool Lock::HasLease() const {
  return lease_ && (lease_->phase == Lease::Phase::kLeased || lease_->phase == Lease::Phase::kKept);
}

std::optional<SessionId> Lock::Holder() const {
  if (!hold_) return std::nullopt;
  return hold_->session;
}

Checked Lock::Check() const { return {name_, hold_->fence, hold_->deadline}; }

void Lock::Unlock(Time now, const UnlockRequested& request) {
  const Fence fence = hold_->fence;
  shared_.sessions.Remove(hold_->session, name_);
  hold_.reset();
  ++shared_.counters.unlocks;
  if (TenureOver(now)) Rest(now);
  if (request.sync) {
    LetGo(now, Queue::kLeave, ReleaseTable::Waiter{request.session, request.request, fence});
  } else {
    shared_.outbox.Reply(request.session, request.request, engine::Released{name_, fence});
  }
  Proceed(now);
}

void Lock::SessionClosed(Time now, SessionId session) {
  shared_.sessions.Remove(session, name_);
  if (HeldBy(session, std::nullopt)) {
    // Where a holder died the next gets it at once, and the rest comes behind that one.
    if (lease_->owes_rest) {
      Rest(now);
    } else {
      owes_rest_ = TenureOver(now);
    }
    hold_.reset();
    ++shared_.counters.session_ends;
  } else {
    waiters_.erase(FindWaiter(session));
  }
  Proceed(now);
}

void Lock::SessionDropped(Time now, SessionId session) {
  if (!HeldBy(session, std::nullopt)) return SessionClosed(now, session);
  shared_.sessions.Remove(session, name_);
  ++shared_.counters.lost;
  Keep(session);
}

void Lock::Drain(Time now) {
  while (!waiters_.empty()) Fail(waiters_.begin(), Failure::kDraining, "the daemon is stopping");
  Proceed(now);
}

void Lock::DrainOver() {
  if (!hold_) return;
  const SessionId session = hold_->session;
  Lose(LossReason::kDraining);
  Keep(session);
}

void Lock::Missed(Time now, const NodeSilence& silence) {
  Lease& lease = *lease_;
  const bool confirm = silence.ticket.kind == Ticket::Kind::kConfirm;
  if (silence.gone && !confirm) lease.Heard(silence.node, silence.ticket);
  if (lease.phase == Lease::Phase::kLeased) {
    lease.Failed(silence.node, ReasonOf(silence));
    if (silence.ticket.round == lease.round) CloseInRound(silence.node);
    if (lease.ballot && silence.ticket.round == lease.block_round) {
      lease.ballot->Miss(silence.node, ReasonOf(silence));
      JudgeBlock(now);
    }
    return GoOn(now);
  }
  if (!Acquiring() || silence.ticket.round != lease.round) return;
  lease.ballot->Miss(silence.node, ReasonOf(silence));
  JudgeRound(now);
}

std::optional<HoldView> Lock::ViewHold(Time now) const {
  if (!hold_) return std::nullopt;
  return HoldView{.name = name_,
                  .session = hold_->session,
                  .fence = hold_->fence,
                  .granted = hold_->granted,
                  .deadline = hold_->deadline,
                  .ttl = lease_->ttl,
                  .votes = lease_->validity.Count(now),
                  .jeopardy = hold_->jeopardy,
                  .note = hold_->note};
}

WaitView Lock::ViewWait(const Waiter& waiter, std::size_t place) const {
  return {.name = name_,
          .session = waiter.session,
          .since = waiter.since,
          .until = waiter.wait_alarm.at(),
          .place = place,
          .note = waiter.note};
}

void Lock::ViewWaits(std::vector<WaitView>& views) const {
  std::size_t place = 0;
  for (const auto& waiter : waiters_) views.push_back(ViewWait(*waiter, ++place));
}

void Lock::ViewRows(Time now, std::size_t place, std::size_t most,
                    std::vector<RowView>& rows) const {
  if (hold_ && place == 0) rows.emplace_back(*ViewHold(now));
  std::size_t at = 0;
  for (auto waiter = waiters_.begin(); waiter != waiters_.end() && rows.size() < most; ++waiter) {
    if (++at >= place) rows.emplace_back(ViewWait(**waiter, at));
  }
}

}  // namespace redlockd::engine
