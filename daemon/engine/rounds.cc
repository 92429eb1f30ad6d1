#include "daemon/engine/rounds.h"

namespace redlockd::engine {

void Rounds::AskNext(Time now, Attempt& attempt, Contention& contention, const Demand& demand) {
  const Queueing queueing =
      QueueingOf(now, shared().Clock(now), contention.want(), demand, !attempt.HasAsked());
  if (queueing == Queueing::kStand) {
    Stand(now, attempt, contention);
  } else {
    First(now, queueing, attempt, contention, demand);
  }
}

Queueing Rounds::QueueingOf(Time now, Stamp clock, Want& want, const Demand& demand,
                            bool may_stand) {
  // A try takes a place in the queue once the votes were split, not before (rules E6.8, E10).
  if (demand.first_is_try) {
    return demand.first_was_split ? want.NextRoundOfTry(clock) : Queueing::kNone;
  }
  return want.NextRound(now, clock, may_stand && !IsInHaste(demand));
}

// A try's is fresh for a moment only (rule E10).
Duration Rounds::MostLife(Queueing queueing, const Demand& demand, const Shared& shared) {
  const bool is_of_tries = queueing == Queueing::kAlways && demand.tries == demand.waiters;
  if (!is_of_tries) return kNoExpiry;
  return shared.options.timing.TryWantLife(shared.nodes.records().RoundTrip());
}

// No key comes of it.
void Rounds::Stand(Time now, Attempt& attempt, Contention& contention) {
  const NodeSet voters = shared().nodes.Voters();
  claim_.lease()->BeginRound(now);
  attempt.BeginStand(now, shared().options.nodes, voters);
  contention.OnRound();
  contention.want().OnAsked(voters, Queueing::kStand);
  claim_.AskToTake(now, voters,
                   {.purpose = Ticket::Kind::kStand,
                    .proposal = 0,
                    .block = 1,
                    .queueing = Queueing::kStand,
                    .stamp = contention.want().stamp(),
                    .grace = shared().Grace()});
}

void Rounds::First(Time now, Queueing queueing, Attempt& attempt, Contention& contention,
                   const Demand& demand) {
  const Timing& timing = shared().options.timing;
  const NodeSet voters = shared().nodes.Voters();
  const Stamp clock = shared().Clock(now);
  const Fence proposal = claim_.fences().Proposal(clock);
  const bool is_to_be_handed_off =
      shared().options.linger.Of(claim_.lock()) > Duration(0) || demand.waiters > 1;
  if (attempt.first_rounds() == 0 && is_to_be_handed_off && claim_.mode() == Mode::kExclusive) {
    attempt.AskForBlock(FenceBlock::SizeFrom(clock, proposal, timing));
  }
  claim_.lease()->BeginRound(now);
  attempt.BeginFirstRound(now, shared().options.nodes, voters);
  contention.OnRound();
  contention.want().OnAsked(voters, queueing);
  claim_.AskToTake(now, voters,
                   {.purpose = Ticket::Kind::kAttempt,
                    .proposal = proposal,
                    .block = attempt.block(),
                    .queueing = queueing,
                    .stamp = contention.want().stamp(),
                    .grace = shared().Grace(),
                    .most_life = MostLife(queueing, demand, shared())});
}

void Rounds::AskToConfirm(Time now, Attempt& attempt) {
  const NodeSet voters = shared().nodes.Voters();
  attempt.BeginConfirmRound(shared().options.nodes, voters);
  claim_.AskToConfirm(now, voters, attempt.confirmed(), attempt.block());
}

}  // namespace redlockd::engine
