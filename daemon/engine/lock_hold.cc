#include <algorithm>

#include "daemon/engine/lock_parts.h"
#include "daemon/engine/reasons.h"

// From the beginning of a hold to its end: rules C2, C5, C6, C9, D6.
namespace redlockd::engine {

void Lock::LeaseDue(Time now) {
  Lease& lease = *lease_;
  if (lease.warn_at <= now) {
    lease.warn_at = Lease::kNever;
    WarnHolder(true);
  }
  // Before the renewal: what has ended is not asked for.
  if (lease.end_at <= now) {
    lease.end_at = Lease::kNever;
    return EndReached(now);
  }
  if (lease.renew_at <= now) {
    lease.renew_at = Lease::kNever;
    RenewHold(now);
  }
  lease.Arm();
}

void Lock::RenewHold(Time now) {
  if (!hold_) return;  // a lease that lingers is not renewed (rule E4)
  // With max-hold there is nothing to gain beyond its end.
  if (hold_->ends_at && lease_->validity.Deadline() >= hold_->ends_at) return;
  RenewRound(now);
}

void Lock::RenewRound(Time now) {
  Lease& lease = *lease_;
  const NodeSet linked = shared_.nodes.Linked() & ~lease.in_flight;
  NodeSet promised;
  for (NodeIndex i = 0; i < shared_.nodes.size(); ++i) promised.set(i, lease.validity.Promised(i));
  const NodeSet renew = linked & promised;
  BeginRound(now);
  Join(renew);
  const std::size_t call = shared_.renewals.Add(now, renew, lease.attempt, lease.round,
                                                {name_, Owner(lease.attempt), lease.ttl});
  lease.apart = Timing::Apart(call, lease.ttl);
  Heal(now, linked & ~promised & shared_.nodes.Voters());
  if (lease.round_open.none()) WarnHolder(true);
}

void Lock::BeginRound(Time now) {
  Lease& lease = *lease_;
  ++lease.round;
  lease.round_asked = now;
  lease.round_open.reset();
  lease.round_acked.reset();
  lease.renew_at = now + shared_.options.timing.retry_interval;
  lease.Arm();
}

// The nodes are asked in this round.
void Lock::Join(NodeSet nodes) {
  lease_->Sent(nodes);
  lease_->round_open |= nodes;
}

// Nodes that missed or lost the lease get it by the acquire script, since each change of a key's
// owner must raise the fence (rule C6).
void Lock::Heal(Time now, NodeSet nodes) {
  if (nodes.none()) return;
  Lease& lease = *lease_;
  lease.healing |= nodes;
  Join(nodes);
  AskAcquire(now, nodes, lease.top, 1, Queueing::kIgnore);
}

void Lock::Renewed(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  lease.Heard(answer.node, answer.ticket);
  // A server that is listed twice must not promise twice (rule D8), nor one that evicts (rule D5).
  const bool ok = answer.verdict == Verdict::kOk && shared_.nodes.Keeps(answer.node);
  if (ok) {
    Promised(now, answer);
  } else {
    lease.Failed(answer.node, ReasonOf(answer));
  }
  if (lease.phase != Lease::Phase::kLeased) return;
  NoteQueue(now, answer.greatest);
  const bool lost = answer.verdict == Verdict::kNotOwner && shared_.nodes.Votes(answer.node);
  // What lingers is not healed (rule E4), nor what is to be asked for with another ttl (rule C10).
  const bool needed = hold_ || (!waiters_.empty() && waiters_.front()->ttl == lease.ttl);
  if (lost && needed && answer.ticket.round == lease.round) {
    Heal(now, NodeSet().set(answer.node));
  } else {
    PartOfRoundDone(answer, ok);
  }
  GoOn(now);
}

// The node has promised the lease anew, from the time of asking (rule C2).
void Lock::Promised(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  const Duration ttl = lease.TtlOf(answer.ticket.round);
  const auto before = lease.validity.Deadline();
  lease.validity.Ack(answer.node, answer.ticket.asked, ttl,
                     shared_.options.timing.DriftAllowance(ttl));
  lease.Succeeded(answer.node);
  if (lease.phase == Lease::Phase::kLeased && lease.validity.Deadline() != before) SetDeadline(now);
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
  CHECK(lease.phase == Lease::Phase::kLeased);
  const Time lease_end = lease.validity.Deadline().value_or(now);
  if (!hold_) {
    lease.end_at = std::min(lease_end, lease.lingers_until.value_or(lease_end));
    return lease.Arm();
  }
  CHECK(hold_->granted <= now);
  const Time old = hold_->deadline;
  hold_->deadline = hold_->ends_at ? std::min(lease_end, *hold_->ends_at) : lease_end;
  lease.announced = std::max(lease.announced, hold_->deadline);
  const Duration left = std::max(Duration(0), hold_->deadline - now);
  lease.end_at = now + left - Timing::ToldAhead(left);
  if (hold_->deadline < lease_end) {
    lease.warn_at = Lease::kNever;  // max-hold ends it, as was asked for
  } else {
    lease.warn_at = std::max(now, lease_end - Timing::JeopardyRest(lease.ttl));
  }
  if (hold_->deadline == old) return lease.Arm();
  // The next round is due ttl/3 after what the deadline rests on was asked (rule C5).
  const Time asked = lease_end - lease.ttl + shared_.options.timing.DriftAllowance(lease.ttl);
  lease.renew_at = std::max(Timing::Together(asked + Timing::RenewAfter(lease.ttl) - lease.apart),
                            lease.round_asked + shared_.options.timing.retry_interval);
  lease.Arm();
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
                                             .fence = hold_->fence,
                                             .deadline = hold_->deadline,
                                             .reason = reason,
                                             .text = WhyInDanger(kind, reason)});
}

// What the nodes last said where they were to promise the lease anew. Nothing where it ended as was
// asked for.
std::string Lock::WhyInDanger(Notice::Kind kind, LossReason reason) const {
  const bool in_danger = kind == Notice::Kind::kJeopardy ||
                         (kind == Notice::Kind::kLost && reason == LossReason::kDeadline);
  if (!in_danger) return {};
  return shared_.nodes.WhyNotKept(lease_->failures ? *lease_->failures : NodeFailures());
}

void Lock::PromisesVoid(Time now, NodeIndex node) {
  if (!lease_) return;
  lease_->validity.Forget(node);
  if (lease_->phase == Lease::Phase::kLeased) SetDeadline(now);
}

// The deadline of a hold: the first time it is about to come, and the hold ends; the second time it
// is there. Or the end of a lease that has no hold.
void Lock::EndReached(Time now) {
  if (hold_) {
    const SessionId session = hold_->session;
    Lose(hold_->deadline == hold_->ends_at ? LossReason::kMaxHold : LossReason::kDeadline);
    // Or it is further off: it moved back (rule D6), but the client may not have heard of that.
    if (now < lease_->announced) return Keep(session);
  }
  if (TenureOver(now)) Rest(now);
  LetGo(now, Queue::kLeave);
  Proceed(now);
}

// The hold ends without the client.
void Lock::Lose(LossReason reason) {
  ++shared_.counters.lost;
  TellHolder(Notice::Kind::kLost, reason);
  shared_.sessions.Remove(hold_->session, name_);
  shared_.sessions.Lose(hold_->session, name_, {hold_->fence, reason});
  hold_.reset();
}

// The hold ended before a deadline that was announced, and not by its client: what was announced is
// kept. No renewal, no release, nothing new on this lock until then (rule C9); and its user is not
// to have it for nothing.
void Lock::Keep(SessionId session) {
  hold_.reset();
  lease_->kept = std::make_unique<Lease::Kept>(shared_, session);
  lease_->Enter(Lease::Phase::kKept);
  lease_->renew_at = lease_->warn_at = Lease::kNever;
  lease_->end_at = lease_->announced;
  lease_->Arm();
}

void Lock::VotersChanged(Time now) {
  if (contest_ && contest_->no_quorum_since) StopBackingOff(now);
}

}  // namespace redlockd::engine
