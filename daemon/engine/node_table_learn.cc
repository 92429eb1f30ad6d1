#include <algorithm>
#include <utility>

#include "daemon/engine/node_set.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/sentinel_facts.h"

// What a node's sentinel says, and what is written on it: rules D1, D3, D8, D10.
namespace redlockd::engine {

// An older state of the same process: a snapshot of its machine was brought back, and what it
// promised since is forgotten (rule D1).
bool NodeTable::LostMemory(const NodeFacts& old, const NodeFacts& facts) const {
  return facts.run_id == old.run_id && old.count > 0 && facts.refuses.empty() &&
         facts.memory != NodeFacts::Memory::kNone && facts.count <= old.count;
}

// Facts are there also where the sentinel could not be read: a replica refuses that, and INFO says
// why.
void NodeTable::Learn(Time now, NodeIndex index, const NodeAnswer& answer) {
  Node& node = nodes_[index];
  const NodeFacts old = node.facts;
  TakeFacts(now, index, *answer.facts);
  if (answer.verdict == Verdict::kError) {  // what was known of the sentinel is known still
    if (answer.facts->run_id == old.run_id) KeepSentinel(old, node.facts);
    return;
  }
  node.ever_read = true;
  if (answer.verdict != Verdict::kAmnesia && LostMemory(old, node.facts)) {
    Suspect(now, index, Node::Suspicion::kOwnWord);
  }
  membership_.Learn(index, node.facts.node_id, node.facts.set);
  std::vector<NodeClaims::Other> others;
  for (const NodeFacts::Other& other : node.facts.others) {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].facts.node_id == other.node_id)
        others.push_back({i, other.run_id, other.heard});
    }
  }
  claims_.Answered(index, answer.node_time, others);
  JudgeOtherRuns(now);
}

// Rule D10. Once nobody has heard the other server for a while, this one is taken: after a
// quarantine, for what the other has promised may live on.
void NodeTable::JudgeOtherRuns(Time now) {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const bool other_run = claims_.OtherRun(i).has_value();
    if (std::exchange(nodes_[i].other_run, other_run) == other_run) continue;
    if (!other_run && !nodes_[i].ready_at) Suspect(now, i, Node::Suspicion::kOwnWord);
  }
}

// What the nodes lack is written at once, not at the next probe: settings once a majority of them
// has been read (rule D3); ids and set once all have, for until these are there, a daemon with
// another set cannot see that it is another (rule D8); and which servers they are to this daemon
// (rule D10).
void NodeTable::WriteWhatIsMissing(Time now) {
  const auto is_read = [](const Node& n) { return n.linked && n.probed && n.error.empty(); };
  const bool all_read = std::all_of(nodes_.begin(), nodes_.end(), is_read);
  const bool set_known = !membership_.Own().empty();
  const bool may_write = MayWrite();
  const NodeSet claimed = Claimed();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!is_read(node)) continue;
    const NodeFacts& facts = node.facts;
    const bool lacks_settings = facts.memory == NodeFacts::Memory::kNone && !node.settles;
    const bool lacks_id = facts.node_id.empty() && membership_.IdFor(i);
    const bool lacks_set = facts.set.empty() && set_known;
    if ((may_write && (lacks_settings || (all_read && (lacks_id || lacks_set)))) ||
        claims_.Lacks(i, NodeSet(claimed).reset(i))) {
      Probe(now, i);
    }
  }
}

// Rule D3: a daemon that differs from the others settles nothing. Those are heard first.
bool NodeTable::MayWrite() const {
  std::size_t read = 0, agree = 0, differ = 0;
  for (const Node& node : nodes_) {
    read += node.ever_read;
    differ += !node.settings.empty();
    agree +=
        node.ever_read && node.settings.empty() && node.facts.memory != NodeFacts::Memory::kNone;
  }
  return read >= Majority(nodes_.size()) && (differ == 0 || agree > differ) && !MetOtherSet();
}

// Returns the nodes for which this daemon reports to the others which server it reaches.
NodeSet NodeTable::Claimed() const {
  NodeSet claimed;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    claimed.set(i, nodes_[i].linked && nodes_[i].probed && !nodes_[i].facts.node_id.empty());
  }
  return claimed;
}

std::vector<ProbeOp::Claim> NodeTable::ClaimsAt(Time now, NodeIndex index) const {
  std::vector<ProbeOp::Claim> claims;
  const NodeSet claimed = Claimed();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (i == index || !claimed.test(i)) continue;
    const Node& node = nodes_[i];
    const bool only_asks = node.other_run || MetOtherSet();
    claims.push_back({node.facts.node_id, node.facts.run_id,
                      only_asks ? std::nullopt : std::optional(now - node.heard)});
  }
  return claims;
}

}  // namespace redlockd::engine
