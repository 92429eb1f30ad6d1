#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "daemon/engine/effects.h"
#include "daemon/engine/state.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/validity.h"

namespace redlockd::engine {

// What the nodes have promised to one owner value: which of them may have the key, and until when;
// and the rounds of questions by which they are asked. Asks no nodes; knows
// no sessions.
class Lease {
 public:
  Lease(std::size_t nodes, AttemptNumber attempt, Duration ttl);
  // As the former process left it: no answer is out.
  explicit Lease(const record::Lease& former);
  void Save(record::Lease& lease) const;

  AttemptNumber attempt() const { return attempt_; }
  Duration ttl() const { return ttl_; }
  Duration longest_ttl() const { return longest_ttl_; }
  // Sets the ttl of what is asked from the next round on (rule C10).
  void ChangeTtl(Duration to);

  // --- asking -------------------------------------------------------------------------------------

  std::uint32_t round() const { return round_; }
  void NextRound() { ++round_; }
  // A round that renews, heals or asks for fences.
  void BeginRound(Time now);
  // The round was asked of these nodes; and of these, which may set the key.
  void Asked(NodeSet nodes);
  void AskedToTake(NodeSet nodes);
  // They are part of the round that renews.
  void Join(NodeSet nodes) { round_open_ |= nodes; }
  // Nodes of which no answer is out: one question at most is, for one owner, at a node (rule C5). Not
  // those on which it was broken.
  NodeSet Idle() const { return ~(in_flight_ | broken_); }
  NodeSet Promised(std::size_t nodes) const;
  // Every node that was asked to set the key, and has not said that it did not.
  NodeSet may_have() const { return may_have_; }

  // --- hearing ------------------------------------------------------------------------------------

  // A question to the node was answered, or never will be.
  void OnHeard(NodeIndex node, std::uint32_t asked_in);
  // The node said that it did not set the key.
  void OnRefused(NodeIndex node);
  // The node has promised the lease anew, from the time of asking (rule C2). Returns whether the deadline
  // moved.
  bool OnPromise(const NodeAnswer& answer, const Timing& timing);
  // The node said that an administrator broke the lease on it (rule I4).
  void OnBroken(NodeIndex node) { broken_.set(node); }
  NodeSet broken() const { return broken_; }
  bool IsBroken() const { return broken_.count() >= validity_.majority(); }
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

  // When the next renewal is due: ttl/3 after what the deadline rests on was asked (rule C5).
  Time NextRenewal(Time now, const Timing& timing) const;
  // By how much sooner than that it is due: see Timing::Apart.
  void SetApart(Duration apart) { apart_ = apart; }

 private:
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
  NodeSet broken_;
  // The newest round that each was asked in, modulo 2^16: enough to know it from the rounds of which
  // an answer may yet come. There may be many leases.
  std::array<std::uint16_t, kMaxNodes> sent_in_{};
  std::uint32_t round_ = 0;
  Time round_asked_;
  std::unique_ptr<NodeFailures> failures_;  // since each node's last promise; mostly none
  Duration apart_{0};
};

}  // namespace redlockd::engine
