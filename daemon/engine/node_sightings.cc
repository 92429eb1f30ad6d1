#include "daemon/engine/node_sightings.h"

#include "daemon/engine/node_set.h"

namespace redlockd::engine {

void NodeSightings::Met(NodeIndex node) {
  for (auto& of : seen_) of[node] = Seen();
  for (NodeSet& asked : being_asked_) asked.reset(node);
  proven_[node].clear();
}

void NodeSightings::OnAnswered(NodeIndex at, NodeTime time, const std::vector<Other>& others) {
  for (NodeIndex node = 0; node < seen_.size(); ++node) {
    if (!being_asked_[at].test(node)) continue;
    Seen& seen = seen_[at][node];
    if (!seen.asked) seen.since = time;
    seen.asked = seen.accepted = true;
    seen.other.clear();
  }
  for (const Other& other : others) {
    if (!being_asked_[at].test(other.node)) continue;
    Seen& seen = seen_[at][other.node];
    seen.accepted = false;
    seen.other = other.run_id;
    // Heard after this daemon had its own: the other server has not given way to this one.
    if (other.heard > seen.since) proven_[other.node] = other.run_id;
  }
  being_asked_[at].reset();
  // A lease of another daemon needs m - 1 nodes beside that one: it has none of these.
  const std::size_t n = seen_.size(), enough = n - Majority(n) + 1;
  for (NodeIndex node = 0; node < n; ++node) {
    if (Acceptances(node) >= enough) proven_[node].clear();
  }
}

bool NodeSightings::Lacks(NodeIndex at, NodeSet of) const {
  for (NodeIndex node = 0; node < seen_.size(); ++node) {
    if (of.test(node) && !seen_[at][node].asked) return true;
  }
  return false;
}

std::size_t NodeSightings::Acceptances(NodeIndex node) const {
  std::size_t count = 0;
  for (NodeIndex at = 0; at < seen_.size(); ++at) count += at != node && seen_[at][node].accepted;
  return count;
}

bool NodeSightings::Accepted(NodeIndex node) const {
  return Acceptances(node) + 1 >= Majority(seen_.size());
}

std::optional<std::string> NodeSightings::OtherRun(NodeIndex node) const {
  if (!proven_[node].empty()) return proven_[node];
  for (NodeIndex at = 0; at < seen_.size(); ++at) {
    if (at != node && !seen_[at][node].other.empty()) return seen_[at][node].other;
  }
  return std::nullopt;
}

}  // namespace redlockd::engine
