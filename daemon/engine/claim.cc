#include "daemon/engine/claim.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/owner_value.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {

Claim::Claim(Shared& shared, std::string lock, Schedule::Observer& observer)
    : shared_(shared), lock_(std::move(lock)), observer_(observer) {}

// --- from the beginning to the end --------------------------------------------------------------

void Claim::Begin(Duration ttl, Mode mode) {
  CHECK(!life_);
  life_.reset(new Life{.lease = {shared_.options.nodes, ++shared_.last_attempt, ttl},
                       .schedule = {shared_.agenda, observer_}});
  phase_ = Phase::kAttempt;
  mode_ = mode;
  tenure_ = Tenure(mode);
}

void Claim::AskToTake(Time now, NodeSet nodes, const Take& take) {
  if (take.purpose != Ticket::Kind::kStand) lease()->AskedToTake(nodes);
  const Ticket ticket{take.purpose, lease()->round(), lease()->attempt(), now};
  if (mode_ == Mode::kShared) {
    return shared_.outbox.Ask(nodes, ticket,
                              ShareOp{.lock = lock_,
                                      .owner = shared_.OwnerOf(lease()->attempt()),
                                      .ttl = lease()->ttl(),
                                      .proposal = take.proposal,
                                      .queueing = take.queueing,
                                      .stamp = take.stamp,
                                      .grace = take.grace,
                                      .most_life = take.most_life});
  }
  shared_.outbox.Ask(nodes, ticket,
                     AcquireOp{.lock = lock_,
                               .owner = shared_.OwnerOf(lease()->attempt()),
                               .ttl = lease()->ttl(),
                               .proposal = take.proposal,
                               .block = take.block,
                               .queueing = take.queueing,
                               .stamp = take.stamp,
                               .grace = take.grace,
                               .most_life = take.most_life});
}

void Claim::AskToConfirm(Time now, NodeSet nodes, Fence fence, Fence block) {
  lease()->NextRound();
  const Ticket ticket{Ticket::Kind::kConfirm, lease()->round(), lease()->attempt(), now};
  const std::string owner = shared_.OwnerOf(lease()->attempt());
  if (mode_ == Mode::kShared)
    return shared_.outbox.Ask(nodes, ticket, RaiseOp{lock_, owner, fence});
  shared_.outbox.Ask(nodes, ticket, ConfirmOp{lock_, owner, fence, block});
}

void Claim::OnGranted(Time now, Fence first, Fence size, bool owes_cooldown) {
  CHECK(life_ && phase_ == Phase::kAttempt);
  phase_ = Phase::kGranted;
  fences_.Begin(first, size);
  tenure_.OnGranted(now, owes_cooldown);
}

void Claim::Keep(Time now, Time until) {
  CHECK(IsGranted());
  phase_ = Phase::kKept;
  tenure_.Stop();
  schedule().Keep(std::max(until, schedule().announced()));
  PlanEnd(now);
  if (!IsSecured()) Renew(now);
}

bool Claim::IsSecured() const {
  CHECK(life_ && phase_ == Phase::kKept);
  const Time until = schedule().kept_until();
  return until == schedule().announced() || lease()->Deadline() >= until;
}

Duration Claim::KeptFor(Time now) const {
  return life_ && phase_ == Phase::kKept ? schedule().kept_until() - now : Duration(0);
}

Lease Claim::End() {
  CHECK(life_);
  fences_.End();
  const std::unique_ptr<Life> life = std::move(life_);
  return std::move(life->lease);
}

// --- while it is granted ------------------------------------------------------------------------

Fence Claim::BeginHold(Duration ttl, bool is_handoff) {
  CHECK(IsGranted());
  lease()->ChangeTtl(ttl);
  schedule().ForgetAnnounced();
  tenure_.OnHold(is_handoff);
  return mode_ == Mode::kShared ? fences_.Next() : fences_.TakeNext();
}

void Claim::PlanHold(Time now, Time end, bool moved) {
  CHECK(IsGranted());
  const Time lease_end = lease()->Deadline().value_or(now);
  schedule().OnHoldEnd(now, end, lease_end, lease()->ttl(), end == lease_end);
  if (moved) schedule().RenewAt(lease()->NextRenewal(now, shared_.options.timing));
}

void Claim::PlanHolds(Time now, Time end, bool depends) {
  const Time lease_end = lease()->Deadline().value_or(now);
  schedule().OnHoldEnd(now, std::min(end, lease_end), lease_end, lease()->ttl(), depends);
}

void Claim::PlanEnd(Time now) {
  CHECK(life_ && phase_ != Phase::kAttempt);
  const Time deadline = lease()->Deadline().value_or(now);
  if (phase_ == Phase::kKept) {
    const Time end = std::min(deadline, schedule().kept_until());
    return schedule().EndAt(std::max(end, schedule().announced()));
  }
  schedule().EndAt(std::min(deadline, tenure_.lingers_until()));
}

bool Claim::Renew(Time now) {
  if (phase_ == Phase::kKept) {
    lease()->ChangeTtl(shared_.options.timing.TtlFor(schedule().kept_until() - now));
  }
  const NodeSet linked = shared_.nodes.Linked() & lease()->Idle();
  const NodeSet promised = lease()->Promised(shared_.nodes.size());
  const NodeSet renew = linked & promised;
  lease()->BeginRound(now);
  unwanted_on_ = 0;
  schedule().RenewAt(now + shared_.options.timing.retry_interval);
  lease()->Asked(renew);
  lease()->Join(renew);
  shared_.outbox.Ask(renew, Ticket{Ticket::Kind::kRenew, lease()->round(), lease()->attempt(), now},
                     RenewOp{lock_, shared_.OwnerOf(lease()->attempt()), lease()->ttl()});
  lease()->SetApart(shared_.renewals.Next(lease()->ttl()));
  Heal(now, linked & ~promised & shared_.nodes.Voters());
  return lease()->IsRoundOpen();
}

// Nodes that missed or lost the lease get it by the acquire script, since each change of a key's
// owner must raise the fence (rule C6).
void Claim::Heal(Time now, NodeSet nodes) {
  if (nodes.none()) return;
  lease()->Join(nodes);
  AskToTake(now, nodes, {.purpose = Ticket::Kind::kHeal, .proposal = fences_.last(), .block = 1});
}

void Claim::ReserveFences(Time now, bool has_waiters) {
  if (mode_ == Mode::kShared || !fences_.IsHalfUsed()) return;
  if (has_waiters || shared_.options.linger.Of(lock_) > Duration(0)) AskBlock(now);
}

// It also counts as a round of renewals (rule B3).
void Claim::AskBlock(Time now) {
  const NodeSet nodes = shared_.nodes.Voters() & lease()->Idle();
  if (fences_.IsAsking() || nodes.count() < shared_.majority()) return;
  const Fence proposal = fences_.NextProposal();
  const Fence size = FenceBlock::SizeFrom(shared_.Clock(now), proposal, shared_.options.timing);
  lease()->BeginRound(now);
  schedule().RenewAt(now + shared_.options.timing.retry_interval);
  lease()->Join(nodes);
  fences_.Ask(lease()->round(), shared_.options.nodes, nodes, size);
  AskToTake(now, nodes, {.purpose = Ticket::Kind::kBlock, .proposal = proposal, .block = size});
}

Tenure::Next Claim::OnFree(Time now, bool has_waiters) {
  CHECK(IsGranted());
  if (shared_.draining) return Tenure::Next::kEnd;
  const Timing& timing = shared_.options.timing;
  const Duration linger = shared_.options.linger.Of(lock_);
  const Tenure::Next next = tenure_.OnFree(now, timing, linger, has_waiters);
  if (next == Tenure::Next::kLinger && tenure_.Linger(now, timing, linger)) PlanEnd(now);
  return next;
}

bool Claim::IsReadyFor(Time now, Duration ttl) const {
  return fences_.HasNext() && lease()->Deadline().value_or(now) - now >= ttl / 2;
}

Claim::HandOff Claim::PrepareHandOff(Time now, Duration ttl) {
  if (IsReadyFor(now, ttl)) return HandOff::kReady;
  const bool has_fence = fences_.HasNext();
  tenure_.StopLingering();
  PlanEnd(now);
  if (fences_.IsAsking()) return HandOff::kPending;  // what is out may do
  if (tenure_.HasAskedForNext()) {
    return lease()->IsRoundOpen() ? HandOff::kPending : HandOff::kImpossible;
  }
  const NodeSet voters = shared_.nodes.Voters() & ~lease()->broken();
  if (voters.count() < shared_.majority()) return HandOff::kImpossible;
  // Until some of them have answered.
  if ((voters & lease()->Idle()).count() < shared_.majority()) return HandOff::kPending;
  tenure_.AskForNext();
  lease()->ChangeTtl(ttl);
  if (has_fence) {
    Renew(now);
  } else {
    AskBlock(now);
  }
  return HandOff::kPending;
}

// --- while it is shared -------------------------------------------------------------------------

bool Claim::Admits(Time now) const {
  return mode_ == Mode::kShared && IsGranted() && !shared_.draining && tenure_.MayGoOn(now);
}

bool Claim::IsReadyBeside(Time now, Duration ttl) {
  const Time deadline = lease()->Deadline().value_or(now);
  if (deadline > now && deadline - now >= ttl / 2) return true;
  lease()->ChangeTtl(std::max(ttl, lease()->ttl()));
  // Once: if it comes to nothing, the lease is renewed for its holds in any case.
  if (!tenure_.HasAskedForNext() && !lease()->IsRoundOpen()) {
    tenure_.AskForNext();
    Renew(now);
  }
  return false;
}

Fence Claim::BeginBeside(Duration ttl) {
  CHECK(IsGranted() && mode_ == Mode::kShared);
  lease()->ChangeTtl(std::max(ttl, lease()->ttl()));
  tenure_.OnHold(true);
  return fences_.Next();
}

void Claim::Owe(Time until) {
  CHECK(IsGranted());
  life_->owed = std::max(life_->owed, until);
}

// --- what nodes say -----------------------------------------------------------------------------

Claim::Heard Claim::OnAnswer(Time now, const NodeAnswer& answer, const Demand& demand) {
  CHECK(life_ && answer.ticket.subject == lease()->attempt());
  Heard heard;
  // Of one that is shared, others who want to share it are no hindrance: its renewals tell of the rest.
  if (answer.greatest > 0 && mode_ == Mode::kExclusive) tenure_.OnWanted(now, true);
  switch (answer.ticket.kind) {
    case Ticket::Kind::kConfirm:
      if (answer.verdict == Verdict::kPassed) {
        fences_.Learn(shared_.Clock(now), answer.fence, shared_.options.timing);
      }
      break;
    case Ticket::Kind::kStand:
      fences_.LearnFrom(shared_.Clock(now), answer, shared_.options.timing);
      break;
    case Ticket::Kind::kRenew:
      OnRenewed(now, answer, demand, heard);
      break;
    case Ticket::Kind::kAttempt:
    case Ticket::Kind::kHeal:
    case Ticket::Kind::kBlock:
      OnTaken(now, answer, heard);
      break;
    default:
      CHECK(false);
  }
  return heard;
}

void Claim::OnTaken(Time now, const NodeAnswer& answer, Heard& heard) {
  const NodeIndex node = answer.node;
  lease()->OnHeard(node, answer.ticket.round);
  fences_.LearnFrom(shared_.Clock(now), answer, shared_.options.timing);
  const bool votes = shared_.nodes.Votes(node);
  const bool ok = answer.verdict == Verdict::kOk;
  if (ok && !votes && phase_ == Phase::kAttempt) {
    // It set the key, but does not count (rule A6: "its grant is released"); then neither does what
    // it promised in an earlier round of this attempt. Once the lease is granted the key stays:
    // what was promised counts.
    lease()->Forget(node);
    shared_.outbox.Ask(NodeSet().set(node), Ticket{Ticket::Kind::kRelease, 0, 0, now},
                       ReleaseOp{.lock = lock_, .owner = shared_.OwnerOf(lease()->attempt())});
  }
  if (ok && votes && lease()->OnPromise(answer, shared_.options.timing)) {
    heard.deadline_moved = phase_ != Phase::kAttempt;
  }
  if (!IsGranted() || answer.ticket.kind == Ticket::Kind::kAttempt) return;
  if (ok && votes && answer.ticket.kind == Ticket::Kind::kHeal) ++shared_.counters.heals;
  heard.is_endangered = lease()->CloseInRound(node, answer.ticket.round, ok && votes);
  if (answer.ticket.kind == Ticket::Kind::kBlock && fences_.IsAskedIn(answer.ticket.round)) {
    heard.fences = fences_.OnAnswer(answer, votes);
  }
}

void Claim::OnRenewed(Time now, const NodeAnswer& answer, const Demand& demand, Heard& heard) {
  const NodeIndex node = answer.node;
  lease()->OnHeard(node, answer.ticket.round);
  // A server that is listed twice must not promise twice (rule D8), nor one that evicts (rule D5).
  const bool ok = answer.verdict == Verdict::kOk && shared_.nodes.Keeps(node);
  if (ok) {
    heard.deadline_moved = lease()->OnPromise(answer, shared_.options.timing);
  } else {
    lease()->OnFailed(node, ReasonOf(answer));
  }
  if (answer.broken) lease()->OnBroken(node);
  if (!IsGranted()) return;
  if (answer.wanted) {
    tenure_.OnWanted(now, true);
  } else if (ok && mode_ == Mode::kShared && answer.ticket.round == lease()->round()) {
    if (++unwanted_on_ == shared_.majority()) tenure_.OnUnwanted(answer.ticket.asked);
  }
  const bool lost = answer.verdict == Verdict::kNotOwner && shared_.nodes.Votes(node) &&
                    !lease()->broken().test(node);
  // What lingers is not healed (rule E4), nor what is to be asked for with another ttl (rule C10).
  const bool needed = demand.is_held ||
                      (demand.waiters > 0 && demand.ttl == lease()->ttl() && demand.mode == mode_);
  if (lost && needed && answer.ticket.round == lease()->round()) {
    Heal(now, NodeSet().set(node));
  } else {
    heard.is_endangered = lease()->CloseInRound(node, answer.ticket.round, ok);
  }
}

Claim::Heard Claim::OnSilence(const NodeSilence& silence) {
  Heard heard;
  const std::uint32_t round = silence.ticket.round;
  if (silence.ticket.kind == Ticket::Kind::kStand) return heard;
  const bool is_confirm = silence.ticket.kind == Ticket::Kind::kConfirm;
  if (silence.gone && !is_confirm) lease()->OnHeard(silence.node, round);
  if (!IsGranted()) return heard;
  lease()->OnFailed(silence.node, ReasonOf(silence));
  heard.is_endangered = lease()->CloseInRound(silence.node, round, false);
  const bool is_block = silence.ticket.kind == Ticket::Kind::kBlock;
  if (is_block && fences_.IsAskedIn(round)) heard.fences = fences_.OnSilence(silence);
  return heard;
}

}  // namespace redlockd::engine
