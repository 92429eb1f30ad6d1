#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/lock_parts.h"
#include "daemon/engine/quorum.h"

// From the end of a hold to the next hold of the same lease, or to the lease's end: rules B2, B3,
// C10, E1, E2, E6.3, E6.7.
namespace redlockd::engine {

// There is a lease, and nobody has it.
bool Lock::Passing() const { return lease_ && lease_->phase == Lease::Phase::kLeased && !hold_; }

bool Lock::TenureOver(Time now) const {
  const auto since = lease_->passed_on_since;
  return lease_->owes_rest || (since && now - *since >= shared_.options.timing.tenure_max);
}

// Who polls the nodes for it gets a turn (rule E1). Others in the queue get theirs without it.
void Lock::Rest(Time now) {
  if (lease_->is_queued_for) return;
  contest().rest_alarm.Set(now + shared_.options.timing.Rest());
}

bool Lock::MayPassOn(Time now) const {
  if (shared_.draining || TenureOver(now)) return false;
  if (!lease_->wanted_since) return !waiters_.empty() || linger_ > Duration(0);
  return !waiters_.empty() && lease_->handoffs_while_wanted < Timing::kHandoffsWhileWanted &&
         now - *lease_->wanted_since < Timing::kHandoffTimeWhileWanted;
}

void Lock::PassOn(Time now) {
  Lease& lease = *lease_;
  if (MayPassOn(now)) {
    if (!lease.passed_on_since) lease.passed_on_since = now;
    return waiters_.empty() ? Linger(now) : HandOn(now);
  }
  if (lease.asked_to_pass_on && TenureOver(now)) Rest(now);
  LetGo(now, Queue::kLeave);
}

// It stays leased for the next taker on this host, and is not renewed meanwhile (rule E4).
void Lock::Linger(Time now) {
  Lease& lease = *lease_;
  if (lease.lingers_until) return;
  lease.lingers_until =
      std::min(now + linger_, *lease.passed_on_since + shared_.options.timing.tenure_max);
  SetDeadline(now);
}

// The next in line gets it, once there is a fence for it and time enough (rules B2, C10).
void Lock::HandOn(Time now) {
  Lease& lease = *lease_;
  const Duration ttl = waiters_.front()->ttl;
  const bool has_fence = lease.next <= lease.top;
  if (has_fence && lease.validity.Deadline().value_or(now) - now >= ttl / 2) {
    ++shared_.counters.handoffs;
    if (lease.wanted_since) ++lease.handoffs_while_wanted;
    return Give(now);
  }
  lease.lingers_until.reset();
  SetDeadline(now);
  if (lease.ballot) return;  // what is out may do
  if (lease.asked_to_pass_on) {
    if (lease.round_open.none()) LetGo(now, Queue::kLeave);
    return;
  }
  const std::size_t m = Majority(shared_.options.nodes);
  const NodeSet voters = shared_.nodes.Voters();
  if (voters.count() < m) return LetGo(now, Queue::kLeave);
  if ((voters & ~lease.in_flight).count() < m) return;  // until some of them have answered
  lease.asked_to_pass_on = true;
  lease.ChangeTtl(ttl);
  has_fence ? RenewRound(now) : AskBlock(now);
}

// The first in line holds it from now on, with the next fence.
void Lock::Give(Time now) {
  Lease& lease = *lease_;
  CHECK(!hold_ && !waiters_.empty() && lease.phase == Lease::Phase::kLeased);
  CHECK(lease.next <= lease.top);
  const std::unique_ptr<Waiter> waiter = std::move(waiters_.front());
  waiters_.pop_front();
  lease.ChangeTtl(waiter->ttl);
  lease.lingers_until.reset();
  lease.asked_to_pass_on = false;
  lease.announced = Time();
  hold_ = std::make_unique<Hold>(shared_.holds);
  hold_->session = waiter->session;
  hold_->fence = lease.next++;
  hold_->note = std::move(waiter->note);
  hold_->granted = now;
  if (waiter->max_hold) hold_->ends_at = Later(now, *waiter->max_hold);
  hold_->renewed_events = waiter->renewed_events;
  SetDeadline(now);
  CHECK(lease.validity.Deadline() > now);
  ++shared_.counters.grants;
  shared_.outbox.Reply(waiter->session, waiter->request,
                       Granted{.name = name_,
                               .fence = hold_->fence,
                               .deadline = hold_->deadline,
                               .ttl = lease.ttl,
                               .votes = lease.validity.Count(now),
                               .nodes = shared_.options.nodes});
  EndTries();
  AskBlockAhead(now);
  if (waiters_.empty()) DropContest();
}

// When half of the block is gone, if somebody is to get more of it (rule B3).
void Lock::AskBlockAhead(Time now) {
  const bool is_to_be_passed_on = linger_ > Duration(0) || !waiters_.empty();
  if (is_to_be_passed_on && lease_->top - lease_->next + 1 < kBlock / 2) AskBlock(now);
}

// Reserves more fences for this lease. A round of renewals like any other, too.
void Lock::AskBlock(Time now) {
  Lease& lease = *lease_;
  const NodeSet nodes = shared_.nodes.Voters() & ~lease.in_flight;
  if (lease.ballot || nodes.count() < Majority(shared_.options.nodes)) return;
  const Fence proposal = std::max(lease.top, known_fence_) + 1;
  lease.block = BlockFrom(now, proposal);
  BeginRound(now);
  Join(nodes);
  lease.block_round = lease.round;
  lease.ballot = std::make_unique<Ballot>(shared_.options.nodes, nodes);
  AskAcquire(now, nodes, proposal, lease.block, Queueing::kIgnore);
}

// A block that nodes do not agree on is not fought for: there mostly are fences left, and what was
// learned makes the next proposal a good one.
void Lock::JudgeBlock(Time now) {
  Lease& lease = *lease_;
  const Ballot::Result result = lease.ballot->Judge();
  if (result == Ballot::Result::kOpen) return;
  const bool agreed = result == Ballot::Result::kAgreed;
  const Fence first = agreed ? lease.ballot->Agreed() : 0;
  lease.ballot.reset();
  if (agreed) {
    if (first != lease.top + 1) lease.next = first;  // what is left of the old is dropped (rule B4)
    lease.top = first + lease.block - 1;
    known_fence_ = std::max(known_fence_, lease.top);
  } else if (Passing() && lease.next > lease.top) {
    LetGo(now, Queue::kLeave);
  }
}

void Lock::GoOn(Time now) {
  if (!lease_ || Passing()) Proceed(now);
}

// --- what other daemons want --------------------------------------------------------------------

void Lock::NoteWanted(Time now) {
  lease_->wanted = true;
  if (lease_->phase == Lease::Phase::kLeased && !lease_->wanted_since) lease_->wanted_since = now;
}

void Lock::NoteQueue(Time now, Stamp greatest) {
  if (greatest == 0) return;
  Saw(now, greatest);
  lease_->is_queued_for = true;
  NoteWanted(now);
}

void Lock::Wanted(Time now) {
  if (!lease_) return;
  NoteWanted(now);
  GoOn(now);
}

void Lock::Saw(Time now, Stamp greatest) {
  contest().want.Saw(greatest, shared_.nodes.SetClock(now).value_or(0));
}

// A hint: it is this daemon's turn there. A majority of them, and it is worth a round.
void Lock::Freed(Time now, NodeIndex node) {
  if (!contest_) return;
  contest_->freed.set(node);
  if (contest_->freed.count() >= Majority(shared_.options.nodes)) StopBackingOff(now);
}

void Lock::Released(Time now) {
  if (!contest_) return;
  contest_->release_alarm.Clear();
  Proceed(now);  // also where nobody waits: it may be forgotten now
}

void Lock::StopBackingOff(Time now) {
  contest().attempt_alarm.Clear();
  Proceed(now);
}

// --- the end ------------------------------------------------------------------------------------

void Lock::LetGo(Time now, Queue queue, std::optional<ReleaseTable::Waiter> waiter) {
  CHECK(lease_ && !hold_);
  const std::unique_ptr<Lease> lease = std::move(lease_);
  shared_.by_attempt.erase(lease->attempt);
  // Behind what the releases tell of the others who want it, whoever asks next (rule E6.7).
  const bool awaited = queue == Queue::kLeave && lease->wanted_since;
  if (awaited) contest().release_alarm.Set(now + shared_.options.timing.retry_interval);
  NodeSet nodes = lease->may_have;
  const bool leave = queue == Queue::kLeave && contest_ && contest_->want.Entries().any();
  if (leave) nodes |= contest_->want.Entries();
  if (queue == Queue::kLeave && contest_) contest_->want.End();
  if (nodes.none()) return;
  const Duration drift_allowance = shared_.options.timing.DriftAllowance(lease->longest_ttl);
  shared_.releases.Add(now, {.attempt = lease->attempt,
                             .op = {name_, Owner(lease->attempt), leave},
                             .nodes = nodes,
                             .gone_by = now + lease->longest_ttl + drift_allowance,
                             .waiter = waiter,
                             .pass = std::move(lease->pass),
                             .awaited = awaited});
}

// Nobody here wants it any more: its entries go, with an owner value that has no key.
void Lock::LeaveQueue(Time now) {
  if (!contest_ || contest_->want.Entries().none()) return;
  const AttemptNumber attempt = ++shared_.last_attempt;
  shared_.releases.Add(now, {.attempt = attempt,
                             .op = {name_, Owner(attempt), true},
                             .nodes = contest().want.Entries(),
                             .gone_by = now + shared_.options.timing.WantLife()});
  contest().want.End();
}

}  // namespace redlockd::engine
