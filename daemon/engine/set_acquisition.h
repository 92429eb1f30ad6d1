#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/acquisition.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/set_attempt.h"
#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

class LockSet;

// How this host gets the locks of a set from the nodes, as Acquisition does for one lock: its turn at the gate, the
// attempt with its rounds, its one place in the queues of all (rule G4), and the pause before the next attempt. Or,
// while the set stands aside, how it hears that what it waits for is gone.
class SetAcquisition {
 public:
  // What an attempt has come to. `failed`: with kFailed.
  struct Outcome {
    enum class Kind {
      kOpen,
      kGranted,  // a majority has granted all
      kTurn,     // a stand: a majority would
      kFailed
    };
    Kind kind = Kind::kOpen;
    FailedAttempt failed{};
  };

  // Who hands on what nodes answer to claims.
  class Claims {
   public:
    virtual ~Claims() = default;
    // These nodes were asked for `names` locks; the answers are for the owner values from `attempt` on, and for the
    // set until the attempt has ended.
    virtual void Asked(AttemptNumber attempt, std::size_t names, NodeSet nodes, LockSet& set) = 0;
    virtual void AttemptEnded(AttemptNumber attempt) = 0;
  };

  // All outlive it.
  SetAcquisition(Shared& shared, Claims& claims, LockSet& set, Contention::Observer& observer)
      : shared_(shared),
        claims_(claims),
        set_(set),
        observer_(observer),
        contention_(shared.options.timing, shared.agenda, observer) {}

  Contention& contention() { return contention_; }
  const Contention& contention() const { return contention_; }
  bool IsUnderWay() const { return attempt_ != nullptr; }
  bool StandsBeforeGate() const { return place_ != nullptr; }
  bool LacksQuorum() const { return contention_.no_quorum_since().has_value(); }
  // Whether it gets the locks may be decided at any moment.
  bool IsContended() const { return !contention_.BacksOff() || contention_.IsSplit(); }
  // Whether it is not known yet if another has one of the locks (rule E10).
  bool IsUndecided(const Waiter& self, Time now) const;

  // May an attempt begin for the user `uid`? If not, it stands in line.
  Acquisition::Turn Enter(std::uint32_t uid);
  void LeaveGate() { place_.reset(); }
  // After kNow: asks the nodes for all places; or, with `is_stand`, for its turn at the one.
  Outcome Begin(Time now, const Waiter& self, std::vector<SetPlace*> places, bool is_stand,
                const Demand& demand);
  Outcome OnAnswer(Time now, const std::string& lock, const NodeAnswer& answer,
                   const Demand& demand);
  Outcome OnSilence(Time now, const std::string& lock, const NodeSilence& silence,
                    const Demand& demand);
  // The attempt comes to nothing, or could not begin: the pause begins.
  Outcome Fail(Time now, bool reached, const Demand& demand);
  // Of an attempt that has failed.
  const SetAttempt& attempt() const { return *attempt_; }
  // The owner values are given up, on all nodes (rule C4).
  void RollBack(Time now);
  AttemptGate::Pass TakePass() { return attempt_ ? attempt_->TakePass() : nullptr; }

  void OnHint(Time now, const NodeHint& hint);
  void OnVotersChanged(Time now, bool gained);
  void OnSubscribed(Time now, NodeIndex node, bool subscribed);

 private:
  Outcome Ask(Time now, const Demand& demand);
  Outcome Judge(Time now, const Demand& demand);
  Outcome Won(Time now, const Demand& demand);

  Shared& shared_;
  Claims& claims_;
  LockSet& set_;
  Contention::Observer& observer_;
  Contention contention_;
  std::unique_ptr<SetAttempt> attempt_;
  std::unique_ptr<AttemptGate::Place> place_;
};

}  // namespace redlockd::engine
