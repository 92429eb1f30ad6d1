#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/engine/attempt.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/set_place.h"

namespace redlockd::engine {

// The rounds by which the locks of a set are got, all or none (rule G1): a first round, in which each node takes
// all of them or none, and where the nodes do not agree on the fence of one, a confirm round for each. Or, of a set
// that stands aside, a stand for the one lock that it waits for (rule G5), which takes nothing.
//
// Each lock has the rounds of its own Attempt, and all are in the same round.
class SetAttempt {
 public:
  // The places are open; each gets a new owner value, of consecutive attempts. `shared` outlives it.
  SetAttempt(Shared& shared, std::vector<SetPlace*> places, Duration ttl, AttemptGate::Pass pass);

  // The number of its first owner value: of its questions, too.
  AttemptNumber number() const { return number_; }
  const std::vector<SetPlace*>& places() const { return places_; }

  // Returns the nodes that were asked.
  NodeSet AskForAll(Time now, Contention& contention, const Demand& demand);
  void AskToConfirm(Time now);
  void Stand(Time now, Contention& contention);

  // An answer to the newest question, to a claim or, of one lock, to what followed; or none. Returns false if
  // it is another's.
  bool OnAnswer(const std::string& lock, const NodeAnswer& answer);
  bool OnSilence(const std::string& lock, const NodeSilence& silence);
  Attempt::Result Judge() const;

  // After kWon: each place has its block of fences. `want` is what stood in the queues for them.
  void Win(Time now, const Want& want);
  // After a round that failed: the owner value that a majority of the nodes named for that place.
  std::string HolderOf(std::size_t place) const;
  // ... and the first place that nodes refused: where a majority named an owner value, of that.
  std::size_t Refused() const;
  void FailVotes(const std::string& why);
  // Its rounds, as those of an attempt at one lock.
  Attempt& leader() { return attempts_.front(); }
  AttemptGate::Pass TakePass() { return attempts_.front().TakePass(); }

 private:
  using Owners = std::map<NodeIndex, std::string>;

  void Learn(Want& want, Stamp clock) const;
  void NoteRefusal(const NodeAnswer& answer);
  bool IsNewest(const Ticket& ticket) const;
  std::size_t PlaceOf(const std::string& lock) const;

  Shared& shared_;
  const std::vector<SetPlace*> places_;
  std::vector<Attempt> attempts_;  // of each place
  AttemptNumber number_ = 0;
  // Of the round that is out: the owners that nodes named, for each place; and what each refused first.
  std::vector<Owners> owners_;
  std::map<NodeIndex, std::size_t> refused_;
};

}  // namespace redlockd::engine
