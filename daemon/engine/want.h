#pragma once

#include <optional>

#include "daemon/engine/effects.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/timing.h"

namespace redlockd::engine {

// This daemon's want of one lock: its place in the queue that the nodes keep (rules E6.1-E6.9). It
// lasts from the first round that is asked for a line of waiters until the lease that comes of it
// is let go, or nobody waits any more. Says how each round stands to the queue, from what the
// rounds before it met; knows no waiters and asks no nodes.
class Want {
 public:
  explicit Want(const Timing& timing) : timing_(timing) {}

  // Returns how the round that goes out at `now` queues; `clock` is that time by the nodes' clocks.
  Queueing NextRound(Time now, Stamp clock);
  // Returns how a try's round after a split queues (rule E10). Enough nodes answered the round
  // before, and its entry is fresh for a moment only, so rule E6.6 does not apply.
  Queueing NextRoundOfTry(Stamp clock);
  // Returns the stamp of the want, once a round was to register it.
  Stamp stamp() const { return stamp_; }

  // The round went out.
  void OnAsked(NodeSet nodes, Queueing queueing);
  // The node voted for the round: one that registers only where it is refused did not.
  void OnVote(NodeIndex node) { if_refused_.reset(node); }
  // An answer named the greatest stamp of others; 0 names none.
  void OnSeen(Stamp greatest, Stamp clock);
  // The round failed. `reached`: enough nodes answered it. `only_queue`: enough nodes were free, or
  // had voted, for a majority, had it not been for the queue.
  void OnRoundFailed(Time now, bool reached, bool only_queue);

  // Nodes that may have its entry.
  NodeSet Entries() const { return entries_ | if_refused_; }
  void End();
  // Something that counts for the next want, too.
  bool IsToRemember() const {
    return Entries().any() || greatest_ != 0 || stays_out_until_.has_value();
  }

 private:
  void Stamped(Stamp clock);

  const Timing& timing_;
  Stamp stamp_ = 0;
  Stamp greatest_ = 0;  // that was ever seen of another daemon
  NodeSet entries_;
  NodeSet if_refused_;                      // have it if they refuse the round that is out
  std::optional<Time> stays_out_until_;     // rule E6.6
  std::optional<Time> only_queue_since_{};  // rule E6.9
};

}  // namespace redlockd::engine
