#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/check.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/fence_block.h"
#include "daemon/engine/lease.h"
#include "daemon/engine/schedule.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/state.h"
#include "daemon/engine/tenure.h"

namespace redlockd::engine {

// One owner value of this host for one lock, from the first acquire until it is let go, with its
// lease, its fences and its tenure. Asks the nodes for them, and hears what the nodes answer. Whether the
// owner value is granted is the business of Acquisition; who holds the lock here, that of Lock.
class Claim {
 public:
  // What an answer has changed, beside what the claim remembers of it.
  struct Heard {
    bool deadline_moved = false;
    bool is_endangered = false;  // a round of renewals is over, and a majority did not promise
    FenceBlock::Outcome fences = FenceBlock::Outcome::kOpen;  // of the question for more
  };

  // `observer` hears when something of the lease is due. Both outlive it.
  Claim(Shared& shared, std::string lock, Schedule::Observer& observer);

  const std::string& lock() const { return lock_; }
  Shared& shared() { return shared_; }
  // None: there is no owner value, and no schedule.
  Lease* lease() const { return life_ ? &life_->lease : nullptr; }
  Schedule& schedule() const {
    CHECK(life_);
    return life_->schedule;
  }
  // Of the owner value, as long as there is one.
  Mode mode() const { return mode_; }
  bool IsGranted() const { return life_ && phase_ == Phase::kGranted; }
  Tenure& tenure() { return tenure_; }
  const FenceBlock& fences() const { return fences_; }

  // --- from the beginning to the end --------------------------------------------------------------

  // Makes a new owner value; no node is asked yet.
  void Begin(Duration ttl, Mode mode = Mode::kExclusive);
  // Asks nodes to set the key: the one question that can, but for a stand, which asks whether they would.
  // `stamp`, `grace`, `most_life`: of the want, for a round that queues.
  struct Take {
    Ticket::Kind purpose;
    Fence proposal;
    Fence block;
    Queueing queueing = Queueing::kIgnore;
    Stamp stamp = 0;
    Duration grace{0};
    Duration most_life = kNoExpiry;
  };
  void AskToTake(Time now, NodeSet nodes, const Take& take);
  void AskToConfirm(Time now, NodeSet nodes, Fence fence, Fence block);
  // A majority has stored the block of fences that begins with `first`; or, where it is shared, at least that
  // one fence (rule F8).
  void OnGranted(Time now, Fence first, Fence size, bool owes_cooldown);
  // The hold is over, and the keys stay until then: at least until all that was announced is over
  // (rule C9). What is to be later than that is asked of the nodes (rule I2).
  void Keep(Time now, Time until);
  // ... and a majority has promised it.
  bool IsSecured() const;
  // For how much longer; 0: it is not kept.
  Duration KeptFor(Time now) const;
  // Forgets the owner value. Its keys are to be released by the caller.
  Lease End();
  // For the next process, and from the former one: what it was granted (rule H3).
  void Save(record::Lock& lock) const;
  void Restore(Time now, const record::Lock& lock);

  // --- while it is granted ------------------------------------------------------------------------

  // The next hold begins, with the fence that is returned.
  Fence BeginHold(Duration ttl, bool is_handoff);
  // The hold's deadline is `end`, and was another if `moved`.
  void PlanHold(Time now, Time end, bool moved);
  // There are several holds: the first ends at `end`, and `depends` if one of them lasts as long as the lease.
  void PlanHolds(Time now, Time end, bool depends);
  // There is no hold: plans the end of the lease, or of its being kept.
  void PlanEnd(Time now);
  // Has the lease renewed, or kept as long as it is to be; and healed where a node lost it. Returns
  // false if no node can be asked.
  bool Renew(Time now);
  // Asks for the next block of fences when half of this one is used.
  void ReserveFences(Time now, bool has_waiters);
  // There is no hold: returns what may become of the lease, which then lingers if that is it.
  Tenure::Next OnFree(Time now, bool has_waiters);
  // Asks nodes for what the next in line needs, if that is something (rules B2, C10).
  enum class HandOff { kReady, kPending, kImpossible };
  // Whether the next hold needs nothing of the nodes.
  bool IsReadyFor(Time now, Duration ttl) const;
  HandOff PrepareHandOff(Time now, Duration ttl);

  // --- while it is shared (rules F9, F10) -----------------------------------------------------------

  // Whether one more of this host may share it beside its holds.
  bool Admits(Time now) const;
  // Whether the lease lasts long enough for one more hold; if it does not, it is renewed first (rule C10).
  bool IsReadyBeside(Time now, Duration ttl);
  // One more hold begins, with the fence that is returned.
  Fence BeginBeside(Duration ttl);
  // The daemon has ended one of several holds: until then the keys stay, whatever becomes of the others (rule
  // C9).
  void Owe(Time until);
  // The start of time if nothing is owed.
  Time owed() const { return life_ ? life_->owed : Time(); }

  // --- what nodes say -----------------------------------------------------------------------------

  Heard OnAnswer(Time now, const NodeAnswer& answer, const Demand& demand);
  Heard OnSilence(const NodeSilence& silence);

 private:
  void OnTaken(Time now, const NodeAnswer& answer, Heard& heard);
  void OnRenewed(Time now, const NodeAnswer& answer, const Demand& demand, Heard& heard);
  void Heal(Time now, NodeSet nodes);
  void AskBlock(Time now);

  struct Life {
    Lease lease;
    Schedule schedule;
    Time owed{};
  };
  enum class Phase : std::uint8_t { kAttempt, kGranted, kKept };

  Shared& shared_;
  const std::string lock_;
  Schedule::Observer& observer_;
  std::unique_ptr<Life> life_;
  FenceBlock fences_;
  Tenure tenure_;
  Phase phase_ = Phase::kAttempt;
  Mode mode_ = Mode::kExclusive;
  // Of the round that renews a shared lease: how many nodes know of nobody else who wants it.
  std::uint8_t unwanted_on_ = 0;
};

}  // namespace redlockd::engine
