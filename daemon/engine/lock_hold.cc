#include <algorithm>

#include "daemon/engine/lock_parts.h"

// From the grant to the end of a hold: rules C2, C5, C6, C9, D6.
namespace redlockd::engine {

void Lock::RenewRound(Time now) {
  Lease& lease = *lease_;
  // With max-hold there is nothing to gain beyond its end.
  if (hold_->ends_at && lease.validity.Deadline() >= hold_->ends_at) return;
  ++lease.round;
  lease.round_asked = now;
  lease.round_open.reset();
  lease.round_acked.reset();
  lease.renew_alarm.Set(now + shared_.options.timing.retry_interval);

  const NodeSet linked = shared_.nodes.Linked() & ~lease.in_flight;
  NodeSet promised;
  for (NodeIndex i = 0; i < shared_.nodes.size(); ++i) promised.set(i, lease.validity.Promised(i));
  const NodeSet renew = linked & promised;
  lease.Sent(renew);
  lease.round_open |= renew;
  shared_.outbox.Ask(renew, Ticket{Ticket::Kind::kRenew, lease.round, lease.attempt, now},
                     RenewOp{name_, lease.owner, lease.ttl});
  Heal(now, linked & ~promised & shared_.nodes.Voters());
  if (lease.round_open.none()) WarnHolder(true);
}

// Nodes that missed or lost the lease get it by the acquire script, since each change of a key's
// owner must raise the fence (rule C6).
void Lock::Heal(Time now, NodeSet nodes) {
  Lease& lease = *lease_;
  lease.may_have |= nodes;
  lease.Sent(nodes);
  lease.round_open |= nodes;
  shared_.outbox.Ask(nodes, Ticket{Ticket::Kind::kAcquire, lease.round, lease.attempt, now},
                     AcquireOp{name_, lease.owner, lease.ttl, lease.fence});
}

void Lock::Renewed(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  lease.Heard(answer.node, answer.ticket);
  // A server that is listed twice must not promise twice (rule D8), nor one that evicts (rule D5).
  const bool ok = answer.verdict == Verdict::kOk && shared_.nodes.Votes(answer.node);
  if (ok) Promised(now, answer);
  if (lease.phase != Lease::Phase::kHeld) return;
  if (answer.verdict == Verdict::kNotOwner && answer.ticket.round == lease.round &&
      shared_.nodes.Votes(answer.node)) {
    return Heal(now, NodeSet().set(answer.node));
  }
  PartOfRoundDone(answer, ok);
}

// The node has promised the lease anew, from the time of asking (rule C2).
void Lock::Promised(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  lease.validity.Ack(answer.node, answer.ticket.asked, lease.ttl, lease.drift_allowance);
  if (lease.phase == Lease::Phase::kHeld) SetDeadline(now);
}

void Lock::PartOfRoundDone(const NodeAnswer& answer, bool acked) {
  Lease& lease = *lease_;
  if (answer.ticket.round != lease.round) return;
  if (acked) lease.round_acked.set(answer.node);
  CloseInRound(answer.node);
}

void Lock::CloseInRound(NodeIndex node) {
  Lease& lease = *lease_;
  if (!lease.round_open.test(node)) return;
  lease.round_open.reset(node);
  const std::size_t m = Majority(shared_.options.nodes);
  if (lease.round_open.none() && lease.round_acked.count() < m) WarnHolder(true);
}

// Takes over what the nodes' promises add up to.
void Lock::SetDeadline(Time now) {
  Lease& lease = *lease_;
  const Time old = hold_->deadline;
  const Time lease_end = lease.validity.Deadline().value_or(now);
  hold_->deadline = hold_->ends_at ? std::min(lease_end, *hold_->ends_at) : lease_end;
  lease.announced = std::max(lease.announced, hold_->deadline);
  const Duration left = std::max(Duration(0), hold_->deadline - now);
  lease.end_alarm.Set(now + left - Timing::ToldAhead(left));
  if (hold_->deadline < lease_end) {
    lease.warn_alarm.Clear();  // max-hold ends it, as was asked for
  } else {
    lease.warn_alarm.Set(std::max(now, lease_end - Timing::JeopardyRest(lease.ttl)));
  }
  if (hold_->deadline == old) return;
  // The next round is due ttl/3 after what the deadline rests on was asked (rule C5).
  const Time asked = lease_end - lease.ttl + lease.drift_allowance;
  lease.renew_alarm.Set(std::max(asked + Timing::RenewAfter(lease.ttl),
                                 lease.round_asked + shared_.options.timing.retry_interval));
  if (hold_->deadline < old) {  // rule D6: told again, with the new deadline
    hold_->jeopardy = false;
    return WarnHolder(true);
  }
  if (hold_->granted == now) return;
  ++shared_.counters.renewals;
  if (hold_->renewed_events) TellHolder(Notice::Kind::kRenewed);
  if (lease_end - now > Timing::JeopardyRest(lease.ttl)) WarnHolder(false);
}

void Lock::WarnHolder(bool jeopardy) {
  if (!hold_ || hold_->jeopardy == jeopardy) return;
  hold_->jeopardy = jeopardy;
  if (jeopardy) ++shared_.counters.jeopardies;
  TellHolder(jeopardy ? Notice::Kind::kJeopardy : Notice::Kind::kSafe);
}

void Lock::TellHolder(Notice::Kind kind, LossReason reason) const {
  shared_.outbox.Tell(hold_->session, Notice{.kind = kind,
                                             .name = name_,
                                             .fence = lease_->fence,
                                             .deadline = hold_->deadline,
                                             .reason = reason});
}

void Lock::ClockStepped(Time now, NodeIndex node) {
  if (!lease_) return;
  lease_->validity.Forget(node);
  if (hold_) SetDeadline(now);
}

// The first time it is about to come, and the hold ends; the second time it is there.
void Lock::DeadlineReached(Time now) {
  if (hold_) {
    Lose(hold_->deadline == hold_->ends_at ? LossReason::kMaxHold : LossReason::kDeadline);
    // Or it is further off: it moved back (rule D6), but the client may not have heard of that.
    if (now < lease_->announced) return Keep();
  }
  LetGo(now);
  Proceed(now);
}

// The hold ends without the client.
void Lock::Lose(LossReason reason) {
  ++shared_.counters.lost;
  TellHolder(Notice::Kind::kLost, reason);
  shared_.sessions.Remove(hold_->session, name_);
  shared_.sessions.Lose(hold_->session, name_, {lease_->fence, reason});
  hold_.reset();
}

// The hold ended before a deadline that was announced, and not by its client: what was announced is
// kept. No renewal, no release, nothing new on this lock until then (rule C9).
void Lock::Keep() {
  hold_.reset();
  lease_->phase = Lease::Phase::kKept;
  lease_->renew_alarm.Clear();
  lease_->warn_alarm.Clear();
  lease_->end_alarm.Set(lease_->announced);
}

void Lock::VotersChanged(Time now) {
  if (!no_quorum_since_ || lease_ || !attempt_alarm_.at()) return;
  attempt_alarm_.Clear();
  Attempt(now);
}

}  // namespace redlockd::engine
