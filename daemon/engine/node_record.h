#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// What this daemon knows of one node: what the node said of itself, what was made of that last, and
// since when or until when. It asks nothing, and knows no other node.
struct NodeRecord {
  // The node may have dropped keys and has not acked that it knows: because its clock moved, as this
  // host sees it (rule D6), or by its own word (rule D5), which outweighs the other.
  enum class Suspicion : std::uint8_t { kNone, kClock, kOwnWord };

  bool linked = false;
  bool probed = false;  // the sentinel has been read since the connection was made
  bool ever_read = false;
  std::string counted;     // the run that it last voted here as
  bool other_run = false;  // another daemon reaches another server (rule D10)
  Time heard;
  bool trusted = false;  // once, when it was new (EngineOptions::trust_new_nodes)
  std::string down_reason = "not connected yet";
  NodeFacts facts;
  Suspicion suspected = Suspicion::kNone;
  // Its clock or this host's moved forward: until then this daemon counts no vote of it (rule D6).
  std::optional<Time> doubted_until;
  std::optional<Time> ready_at;  // end of its quarantine
  bool forgot = false;           // the quarantine is for a sentinel missing or of another run
  std::string settings;          // what differs (rule D3)
  std::string error;             // of its last probe
  std::optional<Duration> round_trip;
  Duration slow_trip{0};    // the longest of late; an old one counts less with each that is shorter
  bool subscribed = false;  // it sends hints to this daemon (rule E5)
  NodeState state = NodeState::kDown;
  bool keeps = false;
  std::string text = down_reason;
  std::string trouble;  // what it refused last, other than its probe
  Time trouble_at;

  // Its last probe was answered with what its sentinel says.
  bool IsRead() const { return linked && probed && error.empty(); }
  // It has an id under which this daemon can report which server it reaches (rule D10).
  bool HasCheckedId() const { return linked && probed && !facts.node_id.empty(); }
  bool IsInQuarantine() const {
    return state == NodeState::kNew || state == NodeState::kQuarantine;
  }
  // It is linked and does not vote, for a reason that does not pass by itself at a known time.
  bool IsUnfit() const {
    return linked && state != NodeState::kUp && state != NodeState::kProbing && !IsInQuarantine();
  }
  // What it promised may be forgotten, or not be its own promise.
  bool MayHaveForgotten() const {
    return suspected != Suspicion::kNone || doubted_until || other_run || ready_at;
  }
  // When it may be ready, if it is known that it is not.
  const std::optional<Time>& ReadyAt() const { return ready_at ? ready_at : doubted_until; }
  void TakeRoundTrip(Duration trip);
  // Why it does not vote, with how long it will not if that is known.
  std::string Reason(Time now) const;
  // It refused something. An error of a renewal or a release makes no state of the node's: it is
  // kept to be shown. Returns false for what is shown elsewhere.
  bool TakeTrouble(Time now, const NodeAnswer& answer);
};

// An older state of the same process: a snapshot of its machine was brought back, and what it
// promised since is forgotten (rule D1).
bool LostMemory(const NodeFacts& old, const NodeFacts& facts);

// The records of all nodes, by index; and what is true of them together. It asks nothing, and
// judges nothing that another part could judge otherwise.
class NodeRecords {
 public:
  explicit NodeRecords(std::size_t nodes);

  NodeRecord& operator[](NodeIndex node) { return records_[node]; }
  const NodeRecord& operator[](NodeIndex node) const { return records_[node]; }
  std::size_t size() const { return records_.size(); }
  auto begin() const { return records_.begin(); }
  auto end() const { return records_.end(); }

  NodeSet All() const;
  NodeSet Linked() const;
  NodeSet Voters() const;
  // A node of another set was met: nothing may be granted (rule D8).
  bool MetOtherSet() const;
  // The first node before this one that is the same server (rule D8).
  std::optional<NodeIndex> SameServer(NodeIndex node) const;
  // All nodes have been read, and there is nothing that an adopt would change (rule D3).
  bool NothingToAdopt() const;
  // A typical round trip of those that vote, for back-off (rule E7).
  Duration RoundTrip() const;
  // A long round trip of the slowest of them, for how long this host may take to come (rule E8).
  Duration SlowTrip() const;
  // Every one of them sends hints to this daemon (rule E5).
  bool AllSendHints() const;

  // A step was this host's clock's, not theirs (rule D6). Returns false if none was doubted.
  bool AcquitAll();

 private:
  std::vector<NodeRecord> records_;
};

}  // namespace redlockd::engine
