#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/busy.h"
#include "daemon/engine/lock.h"
#include "daemon/engine/set_in_line.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

// The place of a set (a request for several locks) at one of them: its stand-in in the lock's line, what is
// in its way there, and what it does with the lock when its turn has come in all its lines (rules G1, G2, G5).
class SetPlace {
 public:
  // What is in the way on this host.
  enum class Way {
    kOpen,   // nothing: the nodes may be asked
    kFree,   // nothing: but there is a lease, which nobody holds
    kHeld,   // it is held, or kept after a hold
    kLine,   // others are first in its line
    kAsked,  // the nodes are being asked for others, who were first before this one came back
  };

  // Stands in line from now on. `number` of `names`; all outlive it, but for the request.
  SetPlace(Shared& shared, Lock& lock, SetInLine& set, const LockRequested& request, Time now);
  // Why a request that does not wait cannot have the lock now; none: nothing on this host is in its way.
  static std::optional<std::string> WhyNotNow(const Lock& lock, Time now);

  const std::string& name() const { return lock_->name(); }
  Claim& claim() const { return lock_->claim_; }
  Acquisition& acquisition() const { return lock_->acquisition_; }
  std::size_t WaitersInLine() const { return lock_->line_.queue().size(); }

  // --- the line -----------------------------------------------------------------------------------

  Way way() const;
  // For a person, if it is in the way.
  Busy WhyBusy() const;
  Duration KeptFor(Time now) const { return claim().KeptFor(now); }
  // What is in the way on this host, in words that differ for each hold and each first in line; empty if
  // nothing is.
  std::string Obstacle() const;
  // Its line passes it over; and it is where it was again.
  void StepAside();
  void ComeBack();
  bool IsAside() const { return aside_ != nullptr; }
  // If it still stands in line, or aside, it does so no more.
  void Leave();

  // --- what it meets (rule G5) --------------------------------------------------------------------

  // Looks at what is in the way on this host; what it met elsewhere counts no more. Returns whether there is
  // something.
  bool LookHere(Time now);
  // Nothing is in the way on this host, on no name.
  void NothingHere();
  // A majority of the nodes has named this owner value; empty: none.
  void MeetElsewhere(Time now, std::string owner);
  // It begins anew.
  void Forget() { met_.clear(); }
  // What it meets is on this host.
  bool MeetsHere() const { return !met_.empty() && is_met_here_; }
  const std::string& met() const { return met_; }
  // Since when it has met one and the same; none if it meets nothing.
  std::optional<Time> met_since() const {
    return met_.empty() ? std::nullopt : std::optional(met_since_);
  }

  // --- the lock -----------------------------------------------------------------------------------

  // A new owner value, which is asked for by the link of the lock `link`.
  void Begin(Duration ttl, const std::string& link);
  // Nodes have granted it the block; `want` is what stood in the queues for it.
  void Win(Time now, Fence first, Fence size, const Want& want);
  // The set's session holds it.
  void Grant(Time now, bool is_handoff);
  // The owner value is given up.
  void RollBack(Time now);
  // Lets the lease go that nobody holds.
  void LetGo(Time now);
  // Whether that may be handed on as it is.
  bool MayHandOn(Time now, Duration ttl) const;
  // The set's daemon leaves the queue of the nodes, by the link of the lock `link`.
  void LeaveQueue(Time now, NodeSet nodes, const std::string& link) const;
  // Of those in the line who wait for what becomes of an attempt of the set.
  std::vector<WaitQueue::Leaving> OnAttemptFailed(Time now, const FailedAttempt& failed);
  std::vector<std::unique_ptr<Waiter>> TakeImpatient(Time now, Time since);

 private:
  void Meet(Time now, std::string what, bool is_here);

  Shared& shared_;
  Lock* lock_;
  SetInLine* set_;
  SessionId session_;
  std::unique_ptr<Waiter> aside_;  // its stand-in, while its line passes it over
  std::string met_;                // what it meets; empty: nothing
  bool is_met_here_ = false;
  Time met_since_;
};

}  // namespace redlockd::engine
