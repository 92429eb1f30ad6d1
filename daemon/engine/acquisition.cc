#include "daemon/engine/acquisition.h"

#include <utility>

#include "base/check.h"
#include "daemon/engine/owner_value.h"

namespace redlockd::engine {
Contention& Acquisition::Contend() {
  if (!contention_) {
    contention_ = std::make_unique<Contention>(claim_.shared().options.timing,
                                               claim_.shared().agenda, observer_);
  }
  return *contention_;
}

void Acquisition::Forget() {
  if (contention_ && !contention_->IsToRemember()) contention_.reset();
}

// --- the attempt --------------------------------------------------------------------------------

Acquisition::Turn Acquisition::Enter(std::uint32_t uid) {
  const bool is_next = claim_.shared().gate.LetsIn(observer_, uid);
  if (place_ && is_next) place_->HadTurn();
  place_.reset();
  if (claim_.shared().nodes.records().MetOtherSet() ||
      claim_.shared().nodes.Voters().count() < claim_.shared().majority()) {
    return Turn::kNoQuorum;
  }
  return is_next ? Turn::kNow : Turn::kInLine;
}

void Acquisition::StandBeforeGate(std::uint32_t uid) {
  place_.reset();
  place_ = claim_.shared().gate.StandInLine(uid, observer_);
}

Acquisition::Outcome Acquisition::Begin(Time now, std::uint32_t uid, const Demand& demand) {
  CHECK(!attempt_ && !place_ && claim_.lease());
  ++claim_.shared().counters.attempts;
  attempt_ = std::make_unique<Attempt>(claim_.shared().gate.Enter(uid), claim_.mode());
  return NextRound(now, demand);
}

Acquisition::Outcome Acquisition::NextRound(Time now, const Demand& demand) {
  rounds_.AskNext(now, *attempt_, Contend(), demand);
  return Judge(now, demand);  // too few may have been left to ask
}

Acquisition::Outcome Acquisition::OnAnswer(Time now, const NodeAnswer& answer,
                                           const Demand& demand) {
  const Ticket::Kind kind = answer.ticket.kind;
  const bool is_acquire = kind == Ticket::Kind::kAttempt;
  const bool is_stand = kind == Ticket::Kind::kStand;
  if (!is_acquire && !is_stand && kind != Ticket::Kind::kConfirm) return {};
  if (answer.verdict == Verdict::kBusy && IsOfPlainClient(answer.text)) {
    claim_.shared().rests.MeetPlainClient(claim_.lock());
  }
  const bool ok = answer.verdict == Verdict::kOk;
  if (!attempt_) {  // it comes late
    const bool decided = is_acquire && answer.ticket.round == granted_in_;
    if (ok && decided && contention_ && claim_.IsGranted()) {
      contention_->want().OnVote(answer.node);
      if (demand.waiters == 0) Forget();
    }
    return {};
  }
  if (attempt_->asks() != kind) return {};
  if (answer.ticket.round != claim_.lease()->round()) return {};
  if (is_acquire || is_stand) Contend().want().OnPlace(answer.place);
  if (is_acquire) {
    if (ok) Contend().want().OnVote(answer.node);
    if (answer.verdict == Verdict::kBusy || answer.verdict == Verdict::kNotTurn) {
      claim_.lease()->OnRefused(answer.node);
    }
  }
  attempt_->OnAnswer(answer, claim_.shared().nodes.Votes(answer.node));
  return Judge(now, demand);
}

Acquisition::Outcome Acquisition::OnSilence(Time now, const NodeSilence& silence,
                                            const Demand& demand) {
  if (!attempt_ || attempt_->asks() != silence.ticket.kind) return {};
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
    case Attempt::Result::kTurn:
    case Attempt::Result::kAgain:
      return NextRound(now, demand);
    case Attempt::Result::kConfirm:
      rounds_.AskToConfirm(now, *attempt_);
      return Judge(now, demand);
    case Attempt::Result::kRefused:
      // A stand decides nothing for one whose haste began while it was out.
      if (attempt_->asks() == Ticket::Kind::kStand && Rounds::IsInHaste(demand)) {
        return NextRound(now, demand);
      }
      return Fail(now, true, demand);
    case Attempt::Result::kNoQuorum:
      return Fail(now, false, demand);
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
  const bool in_one_round =
      attempt_->asks() == Ticket::Kind::kAttempt && attempt_->first_rounds() == 1;
  ++(in_one_round ? claim_.shared().counters.one_round_grants
                  : claim_.shared().counters.confirmed_grants);
  granted_in_ = lease.round();
  // The next one that this host has for itself owes the cooldown (rule F9).
  const bool is_shared = claim_.mode() == Mode::kShared;
  claim_.OnGranted(now, attempt_->Won(), attempt_->block(),
                   !is_shared && std::exchange(owes_cooldown_, false));
  attempt_.reset();
  claim_.shared().gate.OnGranted();
  return {.kind = Outcome::Kind::kGranted};
}

Acquisition::Outcome Acquisition::Fail(Time now, bool reached, const Demand& demand) {
  return {.kind = Outcome::Kind::kFailed,
          .failed = Pause(now, reached, attempt_.get(), Contend(), demand, claim_.shared())};
}

FailedAttempt Pause(Time now, bool reached, Attempt* attempt, Contention& contention,
                    const Demand& demand, Shared& shared) {
  CHECK(attempt || !reached);
  const Ballot* ballot = attempt ? &attempt->ballot() : nullptr;
  if (!reached && ballot && ballot->Missed().any()) shared.gate.OnUnanswered();
  const unsigned splits = contention.splits();
  const bool is_stand = attempt && attempt->asks() == Ticket::Kind::kStand;
  const Duration pause = contention.OnFailed(now, reached, ballot, demand,
                                             {.nodes = shared.options.nodes,
                                              .round_trip = shared.nodes.records().RoundTrip(),
                                              .hears = shared.nodes.records().AllSendHints(),
                                              .is_stand = is_stand,
                                              .random = shared.random});
  if (contention.splits() > splits) ++shared.counters.split_votes;
  contention.BackOff(now + pause);
  return {.reached = reached,
          .is_split = reached && !is_stand && ballot->Holder().empty(),
          .asked = attempt ? attempt->asked() : now,
          .next = pause};
}

// Late votes count as those of an attempt of its own.
void Acquisition::OnGrantedWithOthers(Time now, Fence first, Fence size, const Want& want) {
  granted_in_ = claim_.lease()->round();
  claim_.OnGranted(now, first, size, std::exchange(owes_cooldown_, false));
  if (want.Entries().any()) Contend().want().TakeEntriesOf(want);
}

AttemptGate::Pass Acquisition::End() {
  AttemptGate::Pass pass = attempt_ ? attempt_->TakePass() : nullptr;
  attempt_.reset();
  return pass;
}

// --- pauses and the queue -----------------------------------------------------------------------

// A client that polls the nodes gets a turn (rule E1). Others in the queue get theirs without it.
void Acquisition::CoolDown(Time now) {
  if (claim_.tenure().HasQueue() || !claim_.shared().rests.IsDue(now, claim_.lock())) return;
  claim_.shared().rests.Begin(now, claim_.lock());
  Contend().CoolDown(now + claim_.shared().options.timing.Cooldown());
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

void Acquisition::OnHint(Time now, const NodeHint& hint) {
  if (!contention_) return;
  contention_->OnHint(now, hint, claim_.shared().majority(),
                      claim_.shared().nodes.records().RoundTrip());
}

void Acquisition::OnVotersChanged(Time now, bool gained) {
  if (contention_ && contention_->no_quorum_since()) return StopBackingOff();
  if (gained && contention_) contention_->OnVoterGained(now, claim_.shared().random);
}

void Acquisition::OnSubscribed(Time now, NodeIndex node, bool subscribed) {
  if (!contention_ || !contention_->want().Entries().test(node)) return;
  if (claim_.shared().nodes.Votes(node))
    contention_->OnSubscribed(now, subscribed, claim_.shared().random);
}

void Acquisition::OnQueueSeen(Time now, Stamp greatest) {
  Contend().want().OnSeen(greatest, claim_.shared().Clock(now));
}

NodeSet Acquisition::LeaveQueue(Time now, bool is_awaited) {
  if (is_awaited) Contend().AwaitRelease(now + claim_.shared().options.timing.retry_interval);
  if (!contention_) return {};
  const NodeSet entries = contention_->want().Entries();
  contention_->want().End();
  return entries;
}

void Acquisition::LeaveQueueAtOnce(Time now) {
  if (!contention_ || contention_->want().Entries().none()) return;
  const AttemptNumber attempt = ++claim_.shared().last_attempt;
  claim_.shared().releases.Add(now,
                               {.attempt = attempt,
                                .op = {claim_.lock(), claim_.shared().OwnerOf(attempt), true},
                                .nodes = LeaveQueue(now, false),
                                .gone_by = now + claim_.shared().options.timing.WantPenalty()});
}

void Acquisition::Stop(Time now) {
  place_.reset();
  if (!contention_) return;
  if (!claim_.lease()) LeaveQueueAtOnce(now);
  contention_->Stop(now, claim_.shared().Clock(now));
  Forget();
}

}  // namespace redlockd::engine
