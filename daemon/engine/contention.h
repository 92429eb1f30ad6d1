#pragma once

#include <optional>

#include "daemon/engine/agenda.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/ballot.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/random.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/want.h"

namespace redlockd::engine {

// When this host may ask the nodes for a lock again: the back-off after an attempt that failed
// (rule E7), the cooldown after a tenure and the wait for a release (rules E1, E6.7), and the want
// that stands in the nodes' queue. It is made when the nodes are first asked, and is there as long as
// something of it is to be remembered.
class Contention {
 public:
  // Who contends; also at the gate.
  class Observer : public AttemptGate::Contender {
   public:
    virtual void Touch() = 0;  // a pause is over, or cut short
    // The time of SetPatience is over.
    virtual void OnOutOfPatience(Time now) = 0;
  };
  Contention(const Timing& timing, Agenda& agenda, Observer& observer);

  Want& want() { return want_; }
  const Want& want() const { return want_; }

  // --- pauses -------------------------------------------------------------------------------------

  bool BacksOff() const { return attempt_alarm_.at().has_value(); }
  void BackOff(Time until) { attempt_alarm_.Set(until); }
  void StopBackingOff() { attempt_alarm_.Clear(); }
  // Others come first. A try is let through.
  bool IsHeldBack() const { return cooldown_alarm_.at() || release_alarm_.at(); }
  void CoolDown(Time until) { cooldown_alarm_.Set(until); }
  // At the latest by `until`, enough nodes are to have answered a release.
  void AwaitRelease(Time until) { release_alarm_.Set(until); }
  void OnReleased() { release_alarm_.Clear(); }

  // --- attempts -----------------------------------------------------------------------------------

  // A round goes out: what was said before it does not count any more.
  void OnRound();
  // A hint: it is this daemon's turn on that node. The next attempt comes at once when it may be its
  // turn on `majority` of them, with those that voted for the attempt that failed; and one round trip
  // after the first hint, for another may be lost (rule E8.9).
  void OnCalled(Time now, NodeIndex node, std::size_t majority, Duration round_trip);
  // The next attempt is due at `at`, unless it is due before, and is no stand (rule E8.7).
  void ComeAt(Time at);
  // It is due within `spread`, also after a round that is out, to be in the queues of all nodes again
  // (rule E8.10).
  void ComeWithin(Time now, Duration spread, Random& random);
  // A hint, kFree or kNext.
  void OnHint(Time now, const NodeHint& hint, std::size_t majority, Duration round_trip);
  // A node votes again; or one that votes, and has its entry, sends hints again, or no more.
  void OnVoterGained(Time now, Random& random);
  void OnSubscribed(Time now, bool subscribed, Random& random);
  void OnGranted() { splits_ = 0; }
  // The votes of the last attempt were split, and are fought for again.
  bool IsSplit() const { return splits_ > 0; }
  unsigned splits() const { return splits_; }

  // An attempt failed with that ballot; without one, it could not be made. Returns how long to wait
  // before the next.
  struct Odds {
    std::size_t nodes;
    Duration round_trip;
    bool hears;     // every node that votes says when it calls
    bool is_stand;  // the round was one
    Random& random;
  };
  Duration OnFailed(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                    const Odds& odds);
  // Why each node of it has not voted.
  const NodeFailures& failures() const { return failures_; }

  // --- quorum -------------------------------------------------------------------------------------

  std::optional<Time> no_quorum_since() const { return no_quorum_since_; }
  void OnQuorum();
  void SetPatience(Time end) { quorum_alarm_.Set(end); }

  // Nobody waits any more. `clock`: `now` by the nodes' clocks.
  void Stop(Time now, Stamp clock);
  // Nothing of it counts for the next that wants the lock here: not who comes first, and no stamp that
  // the next one must be greater than, and the clock has not passed (rule E6.1).
  bool MayBeForgotten() const { return !IsHeldBack() && !stamp_alarm_.at(); }
  void Save(record::Lock& lock) const;
  void Restore(const record::Lock& lock);
  bool IsToRemember() const { return want_.IsToRemember() || IsHeldBack(); }

 private:
  Duration UntilNext(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                     const Odds& odds);
  Duration AfterSplit(bool in_haste, const Odds& odds);

  const Timing& timing_;
  Want want_;
  unsigned splits_ = 0;     // failed attempts in a row without a holder in sight (rule E7)
  NodeSet freed_;           // nodes that voted for the last round, or called since it began
  bool is_called_ = false;  // one did
  NodeFailures failures_;
  std::optional<Time> no_quorum_since_;
  std::optional<Time> come_by_;  // the next attempt, at the latest
  Alarm attempt_alarm_;
  Alarm cooldown_alarm_;
  Alarm release_alarm_;
  Alarm quorum_alarm_;
  Alarm stamp_alarm_;
};

}  // namespace redlockd::engine
