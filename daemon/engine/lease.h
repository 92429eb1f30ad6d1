#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "daemon/engine/agenda.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/validity.h"

namespace redlockd::engine {

// One owner value's life on the nodes, from its first acquire until it is let go: which nodes may
// have the key and until when they have promised it, the rounds of questions, and when the next
// thing is due. Asks no nodes; knows no sessions.
class Lease {
 public:
  // What may be due, in the order in which it is dealt with.
  enum class Due { kWarning, kEnd, kRenewal };

  class User {
   public:
    virtual ~User() = default;
    // Something is due: see TakeDue.
    virtual void OnLeaseDue(Time now) = 0;
  };

  Lease(std::size_t nodes, AttemptNumber attempt, Duration ttl, Agenda& agenda, User& user);

  AttemptNumber attempt() const { return attempt_; }
  Duration ttl() const { return ttl_; }
  Duration longest_ttl() const { return longest_ttl_; }
  // Sets the ttl of what is asked from the next round on (rule C10).
  void ChangeTtl(Duration to);

  // --- asking -------------------------------------------------------------------------------------

  std::uint32_t round() const { return round_; }
  Time round_asked() const { return round_asked_; }
  void NextRound() { ++round_; }
  // A round that renews, heals or asks for fences.
  void BeginRound(Time now);
  // The round was asked of these nodes, which may set the key.
  void AskedToTake(NodeSet nodes);
  void AskedToRenew(NodeSet nodes) { Sent(nodes); }
  // They are part of the round that renews.
  void Join(NodeSet nodes) { round_open_ |= nodes; }
  // Nodes of which no answer is out: one question at most is, for one owner, at a node (rule C5).
  NodeSet Idle() const { return ~in_flight_; }
  NodeSet Promised(std::size_t nodes) const;
  // Every node that was asked to set the key, and has not said that it did not.
  NodeSet may_have() const { return may_have_; }

  // --- hearing ------------------------------------------------------------------------------------

  // A question to the node was answered, or never will be.
  void Heard(NodeIndex node, std::uint32_t asked_in);
  // The node said that it did not set the key.
  void OnRefused(NodeIndex node);
  // The node has promised the lease anew, from the time of asking (rule C2).
  void OnPromise(const NodeAnswer& answer, const Timing& timing);
  // The node was to promise the lease anew, and did not.
  void OnFailed(NodeIndex node, std::string why);
  // What the node promised so far does not count any more.
  void Forget(NodeIndex node) { validity_.Forget(node); }
  // The node's part in the round that renews is done; `acked`: it promised. Returns whether the
  // round is over now, and a majority did not.
  bool CloseInRound(NodeIndex node, std::uint32_t asked_in, bool acked);
  bool IsRoundOpen() const { return round_open_.any(); }

  std::optional<Time> Deadline() const { return validity_.Deadline(); }
  std::size_t Votes(Time now) const { return validity_.Count(now); }
  // Why nodes did not promise it anew, as each said last.
  NodeFailures Failures() const { return failures_ ? *failures_ : NodeFailures(); }

  // --- when what is due ---------------------------------------------------------------------------

  // It has no hold, and ends at `end`.
  void EndAt(Time end);
  // A hold begins: what was announced to the one before does not count.
  void BeginHold() { announced_ = Time(); }
  // The hold lasts until `hold_end`. A loss is announced a little before that.
  void OnHoldEnd(Time now, Time hold_end);
  // The deadline moved: plans the next renewal. `apart`: see Timing::Apart.
  void PlanRenewal(Time now, const Timing& timing);
  void RenewAt(Time at);
  void SetApart(Duration apart) { apart_ = apart; }
  // The latest deadline that the hold ever had.
  Time announced() const { return announced_; }
  // Nothing is renewed any more; it ends when all that was announced is over (rule C9).
  void Keep();
  // Takes the first thing that is due, if any is.
  std::optional<Due> TakeDue(Time now);
  // Sets the alarm for the next.
  void Arm() { alarm_.Set(std::min({renew_at_, warn_at_, end_at_})); }

 private:
  static constexpr Time kNever = Time::max();

  void Sent(NodeSet nodes);
  // The ttl of what was asked in that round, or less.
  Duration TtlOf(std::uint32_t asked_in) const;

  const AttemptNumber attempt_;
  Duration ttl_;
  std::uint32_t ttl_since_ = 0;  // the first round that it was asked in
  Duration former_ttl_{0};       // the shortest before it
  Duration longest_ttl_;
  Validity validity_;
  NodeSet may_have_;
  NodeSet in_flight_;
  NodeSet round_open_;  // of the round that renews: not heard of yet
  NodeSet round_acked_;
  std::array<std::uint32_t, kMaxNodes> sent_in_{};  // the newest round that each was asked in
  std::uint32_t round_ = 0;
  Time round_asked_;
  std::unique_ptr<NodeFailures> failures_;  // since each node's last promise; mostly none
  Time announced_;
  Duration apart_{0};
  Time renew_at_ = kNever;
  Time warn_at_ = kNever;  // the holder, that little is left
  Time end_at_ = kNever;   // of the hold if there is one, else of the lease
  Alarm alarm_;            // for the first of the three
};

}  // namespace redlockd::engine
