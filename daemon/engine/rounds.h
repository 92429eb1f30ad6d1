#pragma once

#include "daemon/engine/attempt.h"
#include "daemon/engine/claim.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/demand.h"

namespace redlockd::engine {

// Asks the nodes for the rounds of an attempt, by way of the claim: a stand (rule E8.3), a first round
// (rules A2, A3) or a confirm round (rule A4). Says how each stands to the nodes' queue, and what it
// proposes. Hears no answers.
class Rounds {
 public:
  explicit Rounds(Claim& claim) : claim_(claim) {}  // outlives it

  // The next first round of the attempt; or a stand, if the attempt is new and its turn is far away.
  void AskNext(Time now, Attempt& attempt, Contention& contention, const Demand& demand);
  // The confirm round that follows.
  void AskToConfirm(Time now, Attempt& attempt);

  // Somebody waits for what the very next round decides (rules E6.8, E10): it is no stand.
  static bool IsInHaste(const Demand& demand) { return demand.first_in_haste || demand.tries > 0; }
  // How the next round stands to the queue. `may_stand`: it may be a stand, unless somebody is in haste.
  static Queueing QueueingOf(Time now, Stamp clock, Want& want, const Demand& demand,
                             bool may_stand);
  // How long the entry of a round that queues so is to live at most.
  static Duration MostLife(Queueing queueing, const Demand& demand, const Shared& shared);

 private:
  void Stand(Time now, Attempt& attempt, Contention& contention);
  void First(Time now, Queueing queueing, Attempt& attempt, Contention& contention,
             const Demand& demand);

  Shared& shared() const { return claim_.shared(); }

  Claim& claim_;
};

}  // namespace redlockd::engine
