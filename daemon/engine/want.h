#pragma once

#include <cstdint>
#include <optional>

#include "daemon/engine/effects.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/state.h"
#include "daemon/engine/timing.h"

namespace redlockd::engine {

// This daemon's want of one lock: its place in the queue that the nodes keep (rules E6.1-E6.9, E8). It
// lasts from the first round that is asked for a line of waiters until the lease that comes of it
// is let go, or nobody waits any more. Says how each round stands to the queue, from what the
// rounds before it met; knows no waiters and asks no nodes.
class Want {
 public:
  explicit Want(const Timing& timing) : timing_(timing) {}

  // Returns how the round that goes out at `now` queues; `clock` is that time by the nodes' clocks.
  // `may_stand`: nobody waits for what this very round decides.
  Queueing NextRound(Time now, Stamp clock, bool may_stand);
  // Returns how a try's round after a split queues (rule E10). Enough nodes answered the round
  // before, and its entry is fresh for a moment only, so rule E6.6 does not apply.
  Queueing NextRoundOfTry(Stamp clock);
  // Returns how a stand queues that goes out whatever the place is (rule G5).
  Queueing NextStand(Stamp clock);
  // Returns the stamp of the want, once a round was to register it.
  Stamp stamp() const { return stamp_; }

  // The round went out.
  void OnAsked(NodeSet nodes, Queueing queueing);
  // The node voted for the round: one that registers only where it is refused did not.
  void OnVote(NodeIndex node) { if_refused_.reset(node); }
  // An answer named the greatest stamp of others; 0 names none.
  void OnSeen(Stamp greatest, Stamp clock);
  // How long it takes at most until `clock` has passed the greatest stamp that was seen: a want made
  // before, by who has forgotten it, would come before one that waits already.
  Duration UntilPassed(Stamp clock) const;
  // An answer named the place of this daemon; 0: it has none on that node.
  void OnPlace(std::uint32_t place);
  // A node called it, or it may be its turn soon: the next round is no stand.
  void OnCalled() { is_called_ = true; }
  // The round failed. `reached`: enough nodes answered it. `only_queue`: enough nodes were free, or
  // had voted, for a majority, had it not been for the queue.
  void OnRoundFailed(Time now, bool reached, bool only_queue);

  // Its turn is near, or may be (rule E8.3): the smallest place that the last round's answers gave counts.
  bool IsNear() const { return place_ <= kNear || is_called_; }
  // How long it is to the next round, at most. `hears`: it hears when it is called.
  Duration Interval(bool hears) const;
  // Rule E6.6: it stays out of the queue, and its entries are of no use.
  bool StaysOut() const { return stays_out_until_.has_value(); }
  // Nodes that may have its entry.
  NodeSet Entries() const { return entries_ | if_refused_; }
  void End();
  record::Want Save() const;
  void Restore(const record::Want& former);
  // The lease of another want of this daemon, for several locks, goes on with this one: its entries leave the
  // queue when that is let go (rule E6.3).
  void TakeEntriesOf(const Want& other);
  // The greatest stamp that was seen of another daemon; 0: none.
  Stamp greatest() const { return greatest_; }
  // Something that counts for the next want, too.
  bool IsToRemember() const { return Entries().any() || greatest_ != 0 || StaysOut(); }

 private:
  static constexpr std::uint32_t kNear = 2;

  // Rounds that only the queue stood in the way of, one soon after the other (rule E6.9).
  struct OnlyQueue {
    Time since;
    Time last;
  };

  void Stamped(Stamp clock);
  bool IsPassedBy(Time now) const;

  const Timing& timing_;
  Stamp stamp_ = 0;
  Stamp greatest_ = 0;  // that was ever seen of another daemon
  NodeSet entries_;
  NodeSet if_refused_;        // have it if they refuse the round that is out
  std::uint32_t place_ = 0;   // 0: not known yet
  bool knows_place_ = false;  // by the last round
  bool is_called_ = false;
  bool is_stand_ = false;                // the last round
  unsigned registered_ = 0;              // rounds that registered it
  std::optional<Time> stays_out_until_;  // rule E6.6
  std::optional<OnlyQueue> only_queue_;
};

}  // namespace redlockd::engine
