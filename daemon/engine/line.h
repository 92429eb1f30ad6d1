#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "daemon/engine/claim.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/entry.h"
#include "daemon/engine/events.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/state.h"
#include "daemon/engine/views.h"
#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

class Lock;

// The sessions of this host that wait for one lock: how each comes to wait, and how its wait ends if it
// comes to nothing. Who gets the lock, and when, is the business of Lock.
class Line {
 public:
  // Both outlive it.
  Line(Claim& claim, Lock& lock) : claim_(claim), lock_(lock) {}

  WaitQueue& queue() { return queue_; }
  const WaitQueue& queue() const { return queue_; }
  Head head() const;
  // What it wants of the nodes.
  Demand demand() const;
  // Appends the rows of those from `place` on, until there are `most`.
  void AppendRows(std::size_t place, std::size_t most, std::vector<RowView>& rows) const;

  // For the next process, and from the former one.
  void Save(std::vector<record::Wait>& waits) const;
  void Restore(const std::vector<record::Wait>& waits);
  // That waiter is of a task, and waits for who holds the lock (rule W1).
  void WaitsForHolder(SessionId session);
  // So is the first in line, though it may share the lock with them. Returns whether that is news of its task.
  bool FirstWaitsForHolder();

  // --- from sessions ------------------------------------------------------------------------------

  // The session waits from now on, or is refused. Returns whether its task waits for a holder.
  bool Enter(Time now, const LockRequested& request);
  // That request gives up its wait, answered by `why`. False if it does not wait here.
  bool Cancel(SessionId session, RequestId request, Failed why);
  void OnInputEnded(Time now, SessionId session);
  // The daemon stops: nobody gets anything any more.
  void Drain();

  // --- from the lock ------------------------------------------------------------------------------

  // Whether the nodes are to be asked for the first in line now. It may have to stand before the gate.
  bool MayAsk(Time now);
  // An attempt at the lock has come to nothing.
  void OnAttemptFailed(Time now, const FailedAttempt& failed);
  // A waiter keeps its place while there is no quorum, but not for longer than quorum_wait.
  void OnOutOfPatience(Time now);
  // A session holds it now: those who try have their answer.
  void RefuseTries();

 private:
  void OnWaitOver(Time now, SessionId session);
  bool IsContended() const;
  bool IsUndecided(const Waiter& first, Time now) const;
  std::string WhyNoQuorum(Time now) const;

  Shared& shared() const { return claim_.shared(); }

  Claim& claim_;
  Lock& lock_;
  WaitQueue queue_;
};

}  // namespace redlockd::engine
