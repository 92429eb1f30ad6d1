#include "daemon/engine/claim.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/owner_value.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {

Claim::Claim(Shared& shared, std::string lock, Lease::User& user)
    : shared_(shared), lock_(std::move(lock)), user_(user) {}

// --- from the beginning to the end --------------------------------------------------------------

void Claim::Begin(Duration ttl) {
  CHECK(!lease_);
  lease_ = std::make_unique<Lease>(shared_.options.nodes, ++shared_.last_attempt, ttl,
                                   shared_.agenda, user_);
  phase_ = Phase::kAttempt;
  tenure_ = Tenure();
}

void Claim::AskToTake(Time now, NodeSet nodes, const Take& take) {
  lease_->AskedToTake(nodes);
  shared_.outbox.Ask(nodes, Ticket{take.purpose, lease_->round(), lease_->attempt(), now},
                     AcquireOp{.lock = lock_,
                               .owner = shared_.OwnerOf(lease_->attempt()),
                               .ttl = lease_->ttl(),
                               .proposal = take.proposal,
                               .block = take.block,
                               .queueing = take.queueing,
                               .stamp = take.stamp,
                               .want_life = take.want_life});
}

void Claim::AskToConfirm(Time now, NodeSet nodes, Fence fence, Fence block) {
  lease_->NextRound();
  shared_.outbox.Ask(nodes, Ticket{Ticket::Kind::kConfirm, lease_->round(), lease_->attempt(), now},
                     ConfirmOp{lock_, shared_.OwnerOf(lease_->attempt()), fence, block});
}

void Claim::OnGranted(Time now, Fence first, Fence size, bool owes_cooldown) {
  CHECK(lease_ && phase_ == Phase::kAttempt);
  phase_ = Phase::kGranted;
  fences_.Begin(first, size);
  tenure_.Granted(now, owes_cooldown);
}

void Claim::Keep() {
  CHECK(IsGranted());
  phase_ = Phase::kKept;
  tenure_.Stop();
  lease_->Keep();
}

std::unique_ptr<Lease> Claim::End() {
  CHECK(lease_);
  fences_.End();
  return std::move(lease_);
}

// --- while it is granted ------------------------------------------------------------------------

Fence Claim::BeginHold(Duration ttl, bool is_handoff) {
  CHECK(IsGranted());
  lease_->ChangeTtl(ttl);
  lease_->BeginHold();
  tenure_.OnHold(is_handoff);
  return fences_.TakeNext();
}

void Claim::PlanHold(Time now, Time end, bool moved) {
  CHECK(IsGranted());
  lease_->OnHoldEnd(now, end);
  if (moved) lease_->PlanRenewal(now, shared_.options.timing);
}

void Claim::PlanEnd(Time now) {
  CHECK(IsGranted());
  lease_->EndAt(std::min(lease_->Deadline().value_or(now), tenure_.lingers_until()));
}

bool Claim::Renew(Time now) {
  const NodeSet linked = shared_.nodes.Linked() & lease_->Idle();
  const NodeSet promised = lease_->Promised(shared_.nodes.size());
  const NodeSet renew = linked & promised;
  BeginRenewal(now);
  lease_->AskedToRenew(renew);
  lease_->Join(renew);
  shared_.outbox.Ask(renew, Ticket{Ticket::Kind::kRenew, lease_->round(), lease_->attempt(), now},
                     RenewOp{lock_, shared_.OwnerOf(lease_->attempt()), lease_->ttl()});
  lease_->SetApart(shared_.renewals.Next(lease_->ttl()));
  Heal(now, linked & ~promised & shared_.nodes.Voters());
  return lease_->IsRoundOpen();
}

void Claim::BeginRenewal(Time now) {
  lease_->BeginRound(now);
  lease_->RenewAt(now + shared_.options.timing.retry_interval);
}

// Nodes that missed or lost the lease get it by the acquire script, since each change of a key's
// owner must raise the fence (rule C6).
void Claim::Heal(Time now, NodeSet nodes) {
  if (nodes.none()) return;
  lease_->Join(nodes);
  AskToTake(now, nodes, {.purpose = Ticket::Kind::kHeal, .proposal = fences_.last(), .block = 1});
}

void Claim::ReserveFences(Time now, bool has_waiters) {
  if (!fences_.IsHalfUsed()) return;
  if (has_waiters || linger() > Duration(0)) AskBlock(now);
}

// A round of renewals like any other, too (rule B3).
void Claim::AskBlock(Time now) {
  const NodeSet nodes = shared_.nodes.Voters() & lease_->Idle();
  if (fences_.IsAsking() || nodes.count() < shared_.majority()) return;
  const Fence proposal = fences_.NextProposal();
  const Fence size = FenceBlock::SizeFrom(shared_.Clock(now), proposal, shared_.options.timing);
  BeginRenewal(now);
  lease_->Join(nodes);
  fences_.Ask(lease_->round(), shared_.options.nodes, nodes, size);
  AskToTake(now, nodes, {.purpose = Ticket::Kind::kBlock, .proposal = proposal, .block = size});
}

Tenure::Next Claim::OnFree(Time now, bool has_waiters) {
  CHECK(IsGranted());
  if (shared_.draining) return Tenure::Next::kEnd;
  return tenure_.OnFree(now, shared_.options.timing, linger(), has_waiters);
}

Claim::HandOff Claim::PrepareHandOff(Time now, Duration ttl) {
  const bool has_fence = fences_.HasNext();
  if (has_fence && lease_->Deadline().value_or(now) - now >= ttl / 2) return HandOff::kReady;
  tenure_.StopLingering();
  PlanEnd(now);
  if (fences_.IsAsking()) return HandOff::kPending;  // what is out may do
  if (tenure_.HasAskedForNext()) {
    return lease_->IsRoundOpen() ? HandOff::kPending : HandOff::kImpossible;
  }
  const NodeSet voters = shared_.nodes.Voters();
  if (voters.count() < shared_.majority()) return HandOff::kImpossible;
  // Until some of them have answered.
  if ((voters & lease_->Idle()).count() < shared_.majority()) return HandOff::kPending;
  tenure_.AskForNext();
  lease_->ChangeTtl(ttl);
  has_fence ? static_cast<void>(Renew(now)) : AskBlock(now);
  return HandOff::kPending;
}

void Claim::Linger(Time now) {
  if (tenure_.Linger(now, shared_.options.timing, linger())) PlanEnd(now);
}

// --- what nodes say -----------------------------------------------------------------------------

Claim::Heard Claim::OnAnswer(Time now, const NodeAnswer& answer, const Demand& demand) {
  Heard heard;
  switch (answer.ticket.kind) {
    case Ticket::Kind::kConfirm:
      if (answer.verdict == Verdict::kPassed) {
        fences_.Learn(shared_.Clock(now), answer.fence, shared_.options.timing);
      }
      break;
    case Ticket::Kind::kRenew:
      OnRenewed(now, answer, demand, heard);
      break;
    default:
      OnTaken(now, answer, heard);
  }
  return heard;
}

void Claim::OnTaken(Time now, const NodeAnswer& answer, Heard& heard) {
  const NodeIndex node = answer.node;
  lease_->Heard(node, answer.ticket.round);
  if (answer.greatest > 0) OnWanted(now, true);
  const bool votes = shared_.nodes.Votes(node);
  const bool ok = answer.verdict == Verdict::kOk;
  if (ok && !votes && phase_ == Phase::kAttempt) {
    // It set the key, but does not count (rule A6: "its grant is released"); then neither does what
    // it promised in an earlier round of this attempt. Once the lease is granted the key stays:
    // what was promised counts.
    lease_->Forget(node);
    shared_.outbox.Ask(NodeSet().set(node), Ticket{Ticket::Kind::kRelease, 0, 0, now},
                       ReleaseOp{.lock = lock_, .owner = shared_.OwnerOf(lease_->attempt())});
  }
  if (ok || answer.verdict == Verdict::kBusy || answer.verdict == Verdict::kNotTurn) {
    fences_.Learn(shared_.Clock(now), answer.fence, shared_.options.timing);
  }
  if (ok && votes) OnPromise(answer, heard);
  if (!IsGranted() || answer.ticket.kind == Ticket::Kind::kAttempt) return;
  if (ok && answer.ticket.kind == Ticket::Kind::kHeal) ++shared_.counters.heals;
  heard.is_endangered = lease_->CloseInRound(node, answer.ticket.round, ok && votes);
  if (answer.ticket.kind == Ticket::Kind::kBlock && fences_.IsAskedIn(answer.ticket.round)) {
    OnBlock(fences_.OnAnswer(answer, votes), heard);
  }
}

void Claim::OnBlock(FenceBlock::Outcome outcome, Heard& heard) {
  heard.is_out_of_fences = outcome == FenceBlock::Outcome::kFailed && !fences_.HasNext();
}

void Claim::OnRenewed(Time now, const NodeAnswer& answer, const Demand& demand, Heard& heard) {
  const NodeIndex node = answer.node;
  lease_->Heard(node, answer.ticket.round);
  // A server that is listed twice must not promise twice (rule D8), nor one that evicts (rule D5).
  const bool ok = answer.verdict == Verdict::kOk && shared_.nodes.Keeps(node);
  ok ? OnPromise(answer, heard) : lease_->OnFailed(node, ReasonOf(answer));
  if (!IsGranted()) return;
  if (answer.wanted) OnWanted(now, true);
  const bool lost = answer.verdict == Verdict::kNotOwner && shared_.nodes.Votes(node);
  // What lingers is not healed (rule E4), nor what is to be asked for with another ttl (rule C10).
  const bool needed = demand.is_held || (demand.waiters > 0 && demand.ttl == lease_->ttl());
  if (lost && needed && answer.ticket.round == lease_->round()) {
    Heal(now, NodeSet().set(node));
  } else {
    heard.is_endangered = lease_->CloseInRound(node, answer.ticket.round, ok);
  }
}

// The node has promised the lease anew, from the time of asking (rule C2).
void Claim::OnPromise(const NodeAnswer& answer, Heard& heard) {
  const auto before = lease_->Deadline();
  lease_->OnPromise(answer, shared_.options.timing);
  if (IsGranted() && lease_->Deadline() != before) heard.deadline_moved = true;
}

Claim::Heard Claim::OnSilence(const NodeSilence& silence) {
  Heard heard;
  const std::uint32_t round = silence.ticket.round;
  const bool is_confirm = silence.ticket.kind == Ticket::Kind::kConfirm;
  if (silence.gone && !is_confirm) lease_->Heard(silence.node, round);
  if (!IsGranted()) return heard;
  lease_->OnFailed(silence.node, ReasonOf(silence));
  heard.is_endangered = lease_->CloseInRound(silence.node, round, false);
  if (fences_.IsAskedIn(round)) OnBlock(fences_.OnSilence(silence), heard);
  return heard;
}

}  // namespace redlockd::engine
