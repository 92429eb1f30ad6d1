#include "daemon/engine/node_judge.h"

#include <chrono>

#include "daemon/engine/timing.h"

namespace redlockd::engine {

NodeJudge::Judgement NodeJudge::Judge(NodeIndex node) const {
  using Part = Fault (NodeJudge::*)(NodeIndex) const;
  for (const Part part : {&NodeJudge::OfServer, &NodeJudge::OfProbe, &NodeJudge::OfMembership,
                          &NodeJudge::OfClaims, &NodeJudge::OfMemory}) {
    if (Fault fault = (this->*part)(node)) return *std::move(fault);
  }
  if (Skewed(node)) return {NodeState::kSkewed, "clock off by " + ToText(*Off(node))};
  if (const std::string& refuses = records_[node].facts.refuses; !refuses.empty()) {
    return {NodeState::kFull, "keeps the leases that it has, but takes no new ones: " + refuses};
  }
  return {NodeState::kUp, ""};
}

// What INFO says: whether it is a server of the kind that may vote.
NodeJudge::Fault NodeJudge::OfServer(NodeIndex node) const {
  const NodeRecord& record = records_[node];
  const NodeFacts& facts = record.facts;
  if (!record.linked) return {{NodeState::kDown, record.down_reason}};
  if (!facts.master) return {{NodeState::kReplica, "is a replica, expected a master"}};
  if (facts.cluster) {
    return {{NodeState::kCluster, "runs in cluster mode, expected a single server"}};
  }
  if (facts.maxmemory_policy != "noeviction") {
    return {{NodeState::kEvicts,
             "has maxmemory-policy " + facts.maxmemory_policy + ", expected noeviction"}};
  }
  if (const auto first = records_.SameServer(node)) {
    return {{NodeState::kDuplicate, "is the same server as node " + std::to_string(*first + 1)}};
  }
  return std::nullopt;
}

NodeJudge::Fault NodeJudge::OfProbe(NodeIndex node) const {
  const NodeRecord& record = records_[node];
  if (!record.error.empty()) return {{NodeState::kError, record.error}};
  if (!record.probed) return {{NodeState::kProbing, "connected, but not checked yet"}};
  return std::nullopt;
}

// Rule D8.
NodeJudge::Fault NodeJudge::OfMembership(NodeIndex node) const {
  const NodeFacts& facts = records_[node].facts;
  if (membership_.Foreign(facts.set)) {
    return {{NodeState::kOtherSet, "belongs to another set of nodes (" + facts.set +
                                       "); if it was moved here, " + options_.advice.adopt}};
  }
  if (facts.node_id.empty() && membership_.SetKnown()) {
    return {{NodeState::kStranger,
             "has no id, but other nodes belong to a set; a daemon that remembers the id restores "
             "it, otherwise " +
                 options_.advice.adopt}};
  }
  return std::nullopt;
}

// Rule D10.
NodeJudge::Fault NodeJudge::OfClaims(NodeIndex node) const {
  const NodeFacts& facts = records_[node].facts;
  if (const auto other = sightings_.OtherRun(node)) {
    return {{NodeState::kOtherRun, "is a different server for another daemon (run_id " + *other +
                                       ", here " + facts.run_id +
                                       "): the address leads to two servers"}};
  }
  if (!facts.node_id.empty() && !sightings_.Accepted(node)) {
    return {{NodeState::kProbing, "connected, but not compared with the other nodes yet"}};
  }
  return std::nullopt;
}

// What it may have forgotten, or promised under other settings (rules D1-D7).
NodeJudge::Fault NodeJudge::OfMemory(NodeIndex node) const {
  const NodeRecord& record = records_[node];
  if (!record.settings.empty()) {
    return {{NodeState::kSettings,
             "differs: " + record.settings + "; to change it, " + options_.advice.adopt}};
  }
  if (record.suspected == NodeRecord::Suspicion::kOwnWord) {
    return {{NodeState::kQuarantine, "may have lost keys, going into quarantine"}};
  }
  if (record.ready_at && record.forgot) return {{NodeState::kNew, "new or restarted"}};
  if (record.ready_at) return {{NodeState::kQuarantine, "in quarantine"}};
  if (record.doubted_until) {
    return {{NodeState::kQuarantine,
             "its clock moved ahead of this host's: this daemon ignores its votes"}};
  }
  return std::nullopt;
}

// A renewal reads the sentinel itself: that a probe failed, or is under way, takes nothing from it.
bool NodeJudge::Keeps(NodeIndex node, NodeState state) const {
  if (state == NodeState::kUp || state == NodeState::kFull) return true;
  if (state != NodeState::kError && state != NodeState::kProbing) return false;
  const NodeRecord& record = records_[node];
  return !record.MayHaveForgotten() && !membership_.Foreign(record.facts.set) && !Skewed(node);
}

bool NodeJudge::Skewed(NodeIndex node) const {
  const auto off = Off(node);
  return off && std::chrono::abs(*off) > options_.timing.fence_window / 2;
}

std::optional<Duration> NodeJudge::Off(NodeIndex node) const {
  return clocks_.Off(node, records_.Linked());
}

}  // namespace redlockd::engine
