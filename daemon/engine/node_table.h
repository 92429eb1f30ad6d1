#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/membership.h"
#include "daemon/engine/node_claims.h"
#include "daemon/engine/node_clocks.h"
#include "daemon/engine/options.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/random.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// The health of the nodes: which of them may vote now, and if not, why (rules A6, D1-D8, D10).
// Probes each node when its connection is made, every 2 s, and when a quarantine should be over.
// Knows no locks.
class NodeTable {
 public:
  // What the table reports to the engine.
  class Observer {
   public:
    virtual ~Observer() = default;
    // The set of voters has changed.
    virtual void OnVotersChanged() = 0;
    // What the node has promised before may have ended by now (rule D6).
    virtual void OnPromisesVoid(Time now, NodeIndex node) = 0;
  };

  NodeTable(const EngineOptions& options, Random& random, Agenda& agenda, Outbox& outbox,
            Observer& observer);

  void LinkUp(Time now, NodeIndex node, const NodeFacts& facts);
  void Down(Time now, NodeIndex node, const std::string& reason);
  // To be called for every answer of whatever kind, before its content is used: reads the clock,
  // and what the verdict says of the node itself.
  void Heard(Time now, const NodeAnswer& answer);
  void Probed(Time now, const NodeAnswer& answer);
  void ProbeMissed(NodeIndex node) { nodes_[node].probing = false; }
  void Probe(Time now, NodeIndex node);
  // The node has been trusted as a new one (EngineOptions::trust_new_nodes), or has not heard it.
  void Trusted(Time now, NodeIndex node, bool taken);
  // The node has heard that it is suspected.
  void SuspectTaken(Time now, NodeIndex node, Duration left);
  void SuspectMissed(NodeIndex node) { nodes_[node].suspecting = false; }
  // A trust or adopt was taken: the node's quarantine is now as `left` says.
  void QuarantineSet(Time now, NodeIndex node, Duration left);

  bool Votes(NodeIndex node) const { return nodes_[node].state == NodeState::kUp; }
  // What it promises to a lease that it has counts: also while it takes no new ones, as it is full,
  // or as its last probe failed (rule C5).
  bool Keeps(NodeIndex node) const { return nodes_[node].keeps; }
  NodeSet Voters() const;
  NodeSet Linked() const;
  NodeSet All() const;
  std::size_t size() const { return nodes_.size(); }
  // A node of another set was met: nothing may be granted (rule D8).
  bool MetOtherSet() const;
  const Membership& membership() const { return membership_; }
  // Why the nodes are not new, for a person; empty if they are, as far as this daemon knows (rule
  // D7).
  std::string WhyNotNew() const;
  // The same by what this daemon itself has done.
  std::string WhyUsedHere() const;
  // All nodes have been read, and there is nothing that an adopt would change (rule D3).
  bool NothingToAdopt() const;

  // Now by the nodes' clocks, in microseconds (rule A5); none before any answer.
  std::optional<std::int64_t> SetClock(Time now) const;
  // A typical round trip, for back-off (rule E7).
  Duration RoundTrip() const;
  // Why there is no quorum, for a person: "2 of 5 nodes vote, 3 are needed: node 3 ..."
  // `failures`: of the round that failed.
  std::string WhyNoQuorum(Time now, const NodeFailures& failures) const;
  // Why nodes did not promise a lease anew: `failures`, and of those not asked why that was.
  std::string WhyNotKept(const NodeFailures& failures) const;
  std::vector<NodeView> Views(Time now) const;

 private:
  struct Node {
    Node(Agenda& agenda, std::function<void(Time)> probe) : probe_alarm(agenda, std::move(probe)) {}
    bool linked = false;
    bool probed = false;  // the sentinel has been read since the connection was made
    bool ever_read = false;
    bool settles = false;    // the last probe was to write missing settings (rule D3)
    std::string counted;     // the run that it last voted here as
    bool other_run = false;  // another daemon reaches another server (rule D10)
    Time heard;
    bool probing = false;
    bool trusted = false;  // once, when it was new (EngineOptions::trust_new_nodes)
    std::string down_reason = "not connected yet";
    NodeFacts facts;
    // It may have dropped keys and has not acked that it knows: by its own word (rule D5), or
    // because its clock moved, as this host sees it (rule D6). And whether that is being sent to
    // it.
    enum class Suspicion { kNone, kClock, kOwnWord } suspected = Suspicion::kNone;
    bool suspecting = false;
    // Its clock or this host's moved forward: until then this daemon counts no vote of it (rule
    // D6).
    std::optional<Time> doubted_until;
    std::optional<Time> ready_at;  // end of its quarantine
    bool forgot = false;           // the quarantine is for a sentinel missing or of another run
    std::string settings;          // what differs (rule D3)
    std::string error;
    std::optional<Duration> round_trip;
    NodeState state = NodeState::kDown;
    bool keeps = false;
    std::string text;
    std::string trouble;  // what it refused last, other than its probe
    Time trouble_at;
    std::optional<Time> noted;  // when the log last heard of one
    std::string note;           // of its facts, as logged
    Alarm probe_alarm;
  };

  void Judge(Time now);
  bool JudgeKeeping(NodeIndex index, NodeState state) const;
  void NoteTrouble(Time now, const NodeAnswer& answer);
  void Note(NodeIndex index, std::string text);
  std::pair<NodeState, std::string> JudgeNode(NodeIndex index) const;
  // Why it does not vote, with how long it will not if that is known.
  std::string Reason(Time now, NodeIndex index) const;
  std::optional<NodeIndex> SameServer(NodeIndex index) const;
  void TakeFacts(Time now, NodeIndex index, const NodeFacts& facts);
  void Quarantined(Time now, NodeIndex index, Duration left, bool forgot);
  void LookAgain(NodeIndex index, Time at);
  void ReadClock(Time now, const NodeAnswer& answer);
  void JudgeStep(Time now);
  void AcquitNodes(Time now);
  void WarnOfHostClock(Time now);
  void Suspect(Time now, NodeIndex index, Node::Suspicion suspicion);
  void TellSuspect(Time now, NodeIndex index);
  bool MayWrite() const;
  bool LostMemory(const NodeFacts& old, const NodeFacts& facts) const;
  void Learn(Time now, NodeIndex index, const NodeAnswer& answer);
  void WriteWhatIsMissing(Time now);
  NodeSet Claimed() const;
  std::vector<ProbeOp::Claim> ClaimsAt(Time now, NodeIndex index) const;
  void JudgeOtherRuns(Time now);
  void AskNode(Time now, NodeIndex node, Ticket::Kind kind, NodeOp op);
  std::optional<Duration> Off(NodeIndex index) const { return clocks_.Off(index, Linked()); }
  bool Skewed(NodeIndex index) const;

  const EngineOptions& options_;
  Random& random_;
  Outbox& outbox_;
  Observer& observer_;
  Membership membership_;
  NodeClocks clocks_;
  NodeClaims claims_;
  std::optional<Time> warned_of_clock_;  // of this host's, last
  std::deque<Node> nodes_;               // a deque: alarms stay where they are
};

}  // namespace redlockd::engine
