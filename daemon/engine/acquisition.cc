#include "daemon/engine/acquisition.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {

Contention& Acquisition::Contend() {
  if (!contention_) {
    contention_ = std::make_unique<Contention>(shared().options.timing, shared().agenda, observer_);
  }
  return *contention_;
}

void Acquisition::Forget() {
  if (contention_ && !contention_->IsToRemember()) contention_.reset();
}

// --- the attempt --------------------------------------------------------------------------------

Acquisition::Turn Acquisition::Enter(std::uint32_t uid) {
  const bool is_next = shared().gate.LetsIn(observer_, uid);
  if (place_ && is_next) place_->HadTurn();
  place_.reset();
  if (shared().nodes.MetOtherSet() || shared().nodes.Voters().count() < shared().majority()) {
    return Turn::kNoQuorum;
  }
  return is_next ? Turn::kNow : Turn::kInLine;
}

void Acquisition::StandBeforeGate(std::uint32_t uid) {
  place_.reset();
  place_ = shared().gate.StandInLine(uid, observer_);
}

Acquisition::Outcome Acquisition::Begin(Time now, std::uint32_t uid, const Demand& demand) {
  CHECK(!attempt_ && !place_ && claim_.lease());
  ++shared().counters.attempts;
  attempt_ = std::make_unique<Attempt>(shared().gate.Enter(uid));
  return FirstRound(now, demand);
}

Acquisition::Outcome Acquisition::FirstRound(Time now, const Demand& demand) {
  const NodeSet voters = shared().nodes.Voters();
  const Stamp clock = shared().Clock(now);
  const Fence proposal = claim_.fences().Proposal(clock);
  Want& want = Contend().want();
  // A try takes a place in the queue once the votes were split, not before (rules E6.8, E10).
  const Queueing queueing = !demand.first_is_try     ? want.NextRound(now, clock)
                            : demand.first_was_split ? want.NextRoundOfTry(clock)
                                                     : Queueing::kNone;
  const bool is_to_be_handed_off = claim_.linger() > Duration(0) || demand.waiters > 1;
  if (attempt_->first_rounds() == 0 && is_to_be_handed_off) {
    attempt_->AskForBlock(FenceBlock::SizeFrom(clock, proposal, shared().options.timing));
  }
  claim_.lease()->BeginRound(now);
  attempt_->BeginFirstRound(now, shared().options.nodes, voters);
  contention_->OnRound();
  want.OnAsked(voters, queueing);
  const Timing& timing = shared().options.timing;
  const bool is_of_tries = queueing == Queueing::kAlways && demand.tries == demand.waiters;
  claim_.AskToTake(now, voters,
                   {.purpose = Ticket::Kind::kAttempt,
                    .proposal = proposal,
                    .block = attempt_->block(),
                    .queueing = queueing,
                    .stamp = want.stamp(),
                    .want_life = is_of_tries ? timing.TryWantLife(shared().nodes.RoundTrip())
                                             : timing.WantLife()});
  return Judge(now, demand);  // too few may have been left to ask
}

Acquisition::Outcome Acquisition::ConfirmRound(Time now, const Demand& demand) {
  const NodeSet voters = shared().nodes.Voters();
  attempt_->BeginConfirmRound(shared().options.nodes, voters);
  claim_.AskToConfirm(now, voters, attempt_->confirmed(), attempt_->block());
  return Judge(now, demand);
}

Acquisition::Outcome Acquisition::OnAnswer(Time now, const NodeAnswer& answer,
                                           const Demand& demand) {
  const bool is_acquire = answer.ticket.kind == Ticket::Kind::kAttempt;
  if (!is_acquire && answer.ticket.kind != Ticket::Kind::kConfirm) return {};
  const bool ok = answer.verdict == Verdict::kOk;
  if (!attempt_) {  // it comes late
    const bool decided = is_acquire && answer.ticket.round == granted_in_;
    if (ok && decided && contention_ && claim_.IsGranted()) {
      contention_->want().OnVote(answer.node);
      if (demand.waiters == 0) Forget();
    }
    return {};
  }
  if (attempt_->IsInFirstRound() != is_acquire) return {};
  if (answer.ticket.round != claim_.lease()->round()) return {};
  if (is_acquire) {
    if (ok) Contend().want().OnVote(answer.node);
    if (answer.verdict == Verdict::kBusy || answer.verdict == Verdict::kNotTurn) {
      claim_.lease()->OnRefused(answer.node);
    }
  }
  attempt_->OnAnswer(answer, shared().nodes.Votes(answer.node));
  return Judge(now, demand);
}

Acquisition::Outcome Acquisition::OnSilence(Time now, const NodeSilence& silence,
                                            const Demand& demand) {
  const bool is_acquire = silence.ticket.kind == Ticket::Kind::kAttempt;
  if (!attempt_ || attempt_->IsInFirstRound() != is_acquire) return {};
  if (silence.ticket.round != claim_.lease()->round()) return {};
  attempt_->OnSilence(silence);
  return Judge(now, demand);
}

Acquisition::Outcome Acquisition::Judge(Time now, const Demand& demand) {
  const Attempt::Result result = attempt_->Judge();
  switch (result) {
    case Attempt::Result::kOpen:
      break;
    case Attempt::Result::kWon:
      return Won(now, demand);
    case Attempt::Result::kConfirm:
      return ConfirmRound(now, demand);
    case Attempt::Result::kAgain:
      return FirstRound(now, demand);
    case Attempt::Result::kRefused:
    case Attempt::Result::kNoQuorum:
      return Fail(now, result == Attempt::Result::kRefused, demand);
  }
  return {};
}

Acquisition::Outcome Acquisition::Won(Time now, const Demand& demand) {
  const Lease& lease = *claim_.lease();
  const auto deadline = lease.Deadline();
  if (!deadline || *deadline - now < Timing::UsefulRemainder(lease.ttl())) {  // rule C3
    attempt_->ballot().FailVotes("granted it too late for a ttl of " + ToText(lease.ttl()));
    return Fail(now, false, demand);
  }
  Contend().OnQuorum();
  Contend().OnGranted();
  ++(lease.round() == 1 ? shared().counters.one_round_grants : shared().counters.confirmed_grants);
  granted_in_ = lease.round();
  claim_.OnGranted(now, attempt_->ballot().Agreed(), attempt_->block(),
                   std::exchange(owes_cooldown_, false));
  attempt_.reset();
  shared().gate.OnGranted();
  return {.kind = Outcome::Kind::kGranted};
}

Acquisition::Outcome Acquisition::Fail(Time now, bool reached, const Demand& demand) {
  CHECK(attempt_ || !reached);
  Contention& contention = Contend();
  const Ballot* ballot = attempt_ ? &attempt_->ballot() : nullptr;
  if (!reached && ballot && ballot->Missed().any()) shared().gate.OnUnanswered();
  const unsigned splits = contention.splits();
  const Duration pause = contention.OnFailed(now, reached, ballot, demand,
                                             {.nodes = shared().options.nodes,
                                              .round_trip = shared().nodes.RoundTrip(),
                                              .random = shared().random});
  if (contention.splits() > splits) ++shared().counters.split_votes;
  contention.BackOff(now + pause);
  return {.kind = Outcome::Kind::kFailed,
          .failed = {.reached = reached,
                     .is_split = reached && ballot->Holder().empty(),
                     .asked = attempt_ ? attempt_->asked() : now,
                     .next = pause}};
}

AttemptGate::Pass Acquisition::End() {
  AttemptGate::Pass pass = attempt_ ? attempt_->TakePass() : nullptr;
  attempt_.reset();
  return pass;
}

// --- pauses and the queue -----------------------------------------------------------------------

// A client that polls the nodes gets a turn (rule E1). Others in the queue get theirs without it.
void Acquisition::CoolDown(Time now) {
  if (claim_.tenure().HasQueue()) return;
  Contend().CoolDown(now + shared().options.timing.Cooldown());
}

void Acquisition::StopBackingOff() {
  if (contention_) contention_->StopBackingOff();
  observer_.Touch();
}

void Acquisition::OnReleased() {
  if (!contention_) return;
  contention_->OnReleased();
  observer_.Touch();  // also where nobody waits: it may be forgotten now
}

// A hint: it is this daemon's turn there. A majority of them, and it is worth a round.
void Acquisition::OnFreed(NodeIndex node) {
  if (contention_ && contention_->OnFreed(node, shared().majority())) StopBackingOff();
}

void Acquisition::OnVotersChanged() {
  if (LacksQuorum()) StopBackingOff();
}

void Acquisition::OnQueueSeen(Time now, Stamp greatest) {
  Contend().want().OnSeen(greatest, shared().Clock(now));
}

NodeSet Acquisition::LeaveQueue(Time now, bool is_awaited) {
  if (is_awaited) Contend().AwaitRelease(now + shared().options.timing.retry_interval);
  if (!contention_) return {};
  const NodeSet entries = contention_->want().Entries();
  contention_->want().End();
  return entries;
}

void Acquisition::Stop(Time now) {
  place_.reset();
  if (!contention_) return;
  if (!claim_.lease() && contention_->want().Entries().any()) {
    // Its entries go, with an owner value that has no key.
    const AttemptNumber attempt = ++shared().last_attempt;
    shared().releases.Add(now, {.attempt = attempt,
                                .op = {claim_.lock(), shared().OwnerOf(attempt), true},
                                .nodes = LeaveQueue(now, false),
                                .gone_by = now + shared().options.timing.WantLife()});
  }
  contention_->Stop();
  Forget();
}

}  // namespace redlockd::engine
