#include "daemon/engine/set_acquisition.h"

#include <utility>

#include "base/check.h"

namespace redlockd::engine {

bool SetAcquisition::IsUndecided(const Waiter& self, Time now) const {
  if (!self.asked) return true;
  if (attempt_ && self.last_was_split) return true;
  return contention_.IsSplit() && WaitQueue::IsSplit(self, now, shared_.TryPatience());
}

// --- the attempt --------------------------------------------------------------------------------

Acquisition::Turn SetAcquisition::Enter(std::uint32_t uid) {
  CHECK(!attempt_);
  const bool is_next = shared_.gate.LetsIn(observer_, uid);
  if (place_ && is_next) place_->HadTurn();
  place_.reset();
  if (shared_.nodes.records().MetOtherSet() ||
      shared_.nodes.Voters().count() < shared_.majority()) {
    return Acquisition::Turn::kNoQuorum;
  }
  if (is_next) return Acquisition::Turn::kNow;
  place_ = shared_.gate.StandInLine(uid, observer_);
  return Acquisition::Turn::kInLine;
}

SetAcquisition::Outcome SetAcquisition::Begin(Time now, const Waiter& self,
                                              std::vector<SetPlace*> places, bool is_stand,
                                              const Demand& demand) {
  CHECK(!attempt_ && !place_);
  ++shared_.counters.attempts;
  attempt_ = std::make_unique<SetAttempt>(shared_, std::move(places), self.ttl,
                                          shared_.gate.Enter(self.uid));
  if (!is_stand) return Ask(now, demand);
  // An acquire could take what this host has in use (rule C8), and this one without the others.
  attempt_->Stand(now, contention_);
  return Judge(now, demand);
}

SetAcquisition::Outcome SetAcquisition::Ask(Time now, const Demand& demand) {
  const NodeSet nodes = attempt_->AskForAll(now, contention_, demand);
  claims_.Asked(attempt_->number(), attempt_->places().size(), nodes, set_);
  return Judge(now, demand);  // too few may have been left to ask
}

SetAcquisition::Outcome SetAcquisition::OnAnswer(Time now, const std::string& lock,
                                                 const NodeAnswer& answer, const Demand& demand) {
  // What a claim is answered comes for all of its locks.
  if (answer.ticket.kind == Ticket::Kind::kAttempt) return {};
  if (!attempt_ || !attempt_->OnAnswer(lock, answer)) return {};
  const bool is_claim = answer.ticket.kind == Ticket::Kind::kClaim;
  if (is_claim || answer.ticket.kind == Ticket::Kind::kStand) {
    contention_.want().OnPlace(answer.place);
  }
  if (is_claim && answer.verdict == Verdict::kOk) contention_.want().OnVote(answer.node);
  return Judge(now, demand);
}

SetAcquisition::Outcome SetAcquisition::OnSilence(Time now, const std::string& lock,
                                                  const NodeSilence& silence,
                                                  const Demand& demand) {
  if (silence.ticket.kind == Ticket::Kind::kAttempt) return {};
  if (!attempt_ || !attempt_->OnSilence(lock, silence)) return {};
  return Judge(now, demand);
}

SetAcquisition::Outcome SetAcquisition::Judge(Time now, const Demand& demand) {
  switch (attempt_->Judge()) {
    case Attempt::Result::kOpen:
      break;
    case Attempt::Result::kWon:
      return Won(now, demand);
    case Attempt::Result::kTurn:
      contention_.OnQuorum();
      return {.kind = Outcome::Kind::kTurn};
    case Attempt::Result::kAgain:
      return Ask(now, demand);
    case Attempt::Result::kConfirm:
      attempt_->AskToConfirm(now);
      return Judge(now, demand);
    case Attempt::Result::kRefused:
      return Fail(now, true, demand);
    case Attempt::Result::kNoQuorum:
      return Fail(now, false, demand);
  }
  return {};
}

SetAcquisition::Outcome SetAcquisition::Won(Time now, const Demand& demand) {
  for (const SetPlace* place : attempt_->places()) {  // rule C3
    const Lease& lease = *place->claim().lease();
    const auto deadline = lease.Deadline();
    if (deadline && *deadline - now >= Timing::UsefulRemainder(lease.ttl())) continue;
    attempt_->FailVotes("granted them too late for a ttl of " + ToText(lease.ttl()));
    return Fail(now, false, demand);
  }
  contention_.OnQuorum();
  contention_.OnGranted();
  const Attempt& leader = attempt_->leader();
  const bool in_one_round = leader.asks() == Ticket::Kind::kAttempt && leader.first_rounds() == 1;
  ++(in_one_round ? shared_.counters.one_round_grants : shared_.counters.confirmed_grants);
  attempt_->Win(now, contention_.want());
  contention_.want().End();  // its entries leave with the leases
  claims_.AttemptEnded(attempt_->number());
  attempt_.reset();
  shared_.gate.OnGranted();
  return {.kind = Outcome::Kind::kGranted};
}

SetAcquisition::Outcome SetAcquisition::Fail(Time now, bool reached, const Demand& demand) {
  Attempt* leader = attempt_ ? &attempt_->leader() : nullptr;
  return {.kind = Outcome::Kind::kFailed,
          .failed = Pause(now, reached, leader, contention_, demand, shared_)};
}

void SetAcquisition::RollBack(Time now) {
  if (!attempt_) return;
  for (SetPlace* place : attempt_->places()) place->RollBack(now);
  claims_.AttemptEnded(attempt_->number());
  attempt_.reset();
}

// --- the queue ----------------------------------------------------------------------------------

void SetAcquisition::OnHint(Time now, const NodeHint& hint) {
  contention_.OnHint(now, hint, shared_.majority(), shared_.nodes.records().RoundTrip());
}

void SetAcquisition::OnVotersChanged(Time now, bool gained) {
  if (LacksQuorum()) {
    contention_.StopBackingOff();
    observer_.Touch();
  } else if (gained) {
    contention_.OnVoterGained(now, shared_.random);
  }
}

void SetAcquisition::OnSubscribed(Time now, NodeIndex node, bool subscribed) {
  if (contention_.want().Entries().test(node) && shared_.nodes.Votes(node)) {
    contention_.OnSubscribed(now, subscribed, shared_.random);
  }
}

}  // namespace redlockd::engine
