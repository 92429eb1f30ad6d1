#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "daemon/engine/attempt.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/claim.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/rounds.h"
#include "daemon/engine/shared.h"

namespace redlockd::engine {

// How this host gets a lock from the nodes: its turn at the gate, the attempt with its rounds (rules
// A1-A8, C1-C4), its place in the nodes' queue (rule E6), and the pause before the next attempt
// (rules C11, E7). At most one attempt is under way (rule C11); it asks by way of the claim.
class Acquisition {
 public:
  // What an attempt has come to. `failed`: with kFailed.
  struct Outcome {
    enum class Kind { kOpen, kGranted, kFailed };
    Kind kind = Kind::kOpen;
    FailedAttempt failed{};
  };

  // Both outlive it.
  Acquisition(Claim& claim, Contention::Observer& observer)
      : claim_(claim), rounds_(claim), observer_(observer) {}

  // The uid that it stands before the gate for; none if it does not.
  std::optional<std::uint32_t> StandsBeforeGate() const {
    return place_ ? std::optional(place_->uid()) : std::nullopt;
  }
  const Contention* contention() const { return contention_.get(); }  // mostly none
  bool IsBackingOff() const { return contention_ && contention_->BacksOff(); }
  // Others come first. A try is let through.
  bool IsHeldBack() const { return contention_ && contention_->IsHeldBack(); }

  // --- the attempt --------------------------------------------------------------------------------

  enum class Turn { kNow, kInLine, kNoQuorum };
  // May an attempt begin for the user `uid`?
  Turn Enter(std::uint32_t uid);
  void StandBeforeGate(std::uint32_t uid);
  // After kNow: asks the nodes, for the claim that has begun.
  Outcome Begin(Time now, std::uint32_t uid, const Demand& demand);
  Outcome OnAnswer(Time now, const NodeAnswer& answer, const Demand& demand);
  Outcome OnSilence(Time now, const NodeSilence& silence, const Demand& demand);
  // The attempt comes to nothing, or could not begin (kNoQuorum): the pause begins.
  Outcome Fail(Time now, bool reached, const Demand& demand);
  // The nodes have granted the block to an attempt at several locks, for which `want` stood in the queues.
  void OnGrantedWithOthers(Time now, Fence first, Fence size, const Want& want);
  // The attempt is over. Its pass goes on to the release of what it may have left on the nodes.
  AttemptGate::Pass End();

  // --- pauses and the queue -----------------------------------------------------------------------

  void StopBackingOff();
  // After a tenure of the claim.
  void CoolDown(Time now);
  void OweCooldown(bool owes) { owes_cooldown_ = owes; }
  void OnReleased();
  // `hint` is kFree or kNext.
  void OnHint(Time now, const NodeHint& hint);
  // `gained`: a node votes that did not.
  void OnVotersChanged(Time now, bool gained);
  // The node sends hints again, or no more (rule E8.10).
  void OnSubscribed(Time now, NodeIndex node, bool subscribed);
  void OnQueueSeen(Time now, Stamp greatest);
  // Waiters lose patience at `end`.
  void SetPatience(Time end) { Contend().SetPatience(end); }
  // The want is over. Returns the nodes that may have its entry. `is_awaited`: another daemon waits,
  // and what the releases report of it comes before this host asks again (rule E6.7).
  NodeSet LeaveQueue(Time now, bool is_awaited);
  // The same, and has the entries released, by an owner value that has no key.
  void LeaveQueueAtOnce(Time now);
  void Stop(Time now);  // nobody waits
  // Nothing of it is needed any more, unless there is something to remember.
  void Forget();
  void Save(record::Lock& lock) const;
  void Restore(const record::Lock& lock);

 private:
  Contention& Contend();
  Outcome NextRound(Time now, const Demand& demand);
  Outcome Judge(Time now, const Demand& demand);
  Outcome Won(Time now, const Demand& demand);

  Claim& claim_;
  Rounds rounds_;
  Contention::Observer& observer_;
  std::unique_ptr<Attempt> attempt_;
  std::unique_ptr<Contention> contention_;
  std::unique_ptr<AttemptGate::Place> place_;
  std::uint32_t granted_in_ = 0;  // the round that decided the attempt
  bool owes_cooldown_ = false;    // the next tenure does
};

// An attempt has come to nothing, or, without one, could not begin: the pause begins. `reached`: a majority of the nodes
// has answered it.
FailedAttempt Pause(Time now, bool reached, Attempt* attempt, Contention& contention,
                    const Demand& demand, Shared& shared);

}  // namespace redlockd::engine
