#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/reasons.h"

// What follows from what is known of the nodes: which of them vote, and what is said of them.
namespace redlockd::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// How long what a node refused is shown: it may be one lock's trouble.
constexpr Duration kShowTrouble = std::chrono::minutes(1);
constexpr Duration kDefaultRoundTrip = milliseconds(1);

}  // namespace

void NodeTable::Judge(Time now) {
  const NodeSet before = Voters();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    auto [state, text] = JudgeNode(i);
    Node& node = nodes_[i];
    // Why a node cannot be reached is worth a line in the log, also if it never could.
    const bool down_anew = state == NodeState::kDown && text != node.text;
    node.text = std::move(text);
    node.keeps = JudgeKeeping(i, state);
    if (state == node.state && !down_anew) continue;
    node.state = state;
    if (state == NodeState::kUp) node.counted = node.facts.run_id;
    if (state == NodeState::kProbing) continue;  // soon to be known
    outbox_.Changed({i, state == NodeState::kUp, Reason(now, i)});
  }
  if (Voters() != before) observer_.OnVotersChanged();
}

std::pair<NodeState, std::string> NodeTable::JudgeNode(NodeIndex index) const {
  const Node& node = nodes_[index];
  const NodeFacts& facts = node.facts;
  if (!node.linked) return {NodeState::kDown, node.down_reason};
  if (!facts.master) return {NodeState::kReplica, "is a replica, expected a master"};
  if (facts.cluster) return {NodeState::kCluster, "runs in cluster mode, expected a single server"};
  if (facts.maxmemory_policy != "noeviction") {
    return {NodeState::kEvicts,
            "has maxmemory-policy " + facts.maxmemory_policy + ", expected noeviction"};
  }
  if (const auto first = SameServer(index)) {
    return {NodeState::kDuplicate, "is the same server as node " + std::to_string(*first + 1)};
  }
  if (!node.error.empty()) return {NodeState::kError, node.error};
  if (!node.probed) return {NodeState::kProbing, "connected, but not checked yet"};
  if (membership_.Foreign(facts.set)) {
    return {NodeState::kOtherSet, "belongs to another set of nodes (" + facts.set +
                                      "); if it was moved here, " + options_.advice.adopt};
  }
  if (facts.node_id.empty() && membership_.SetKnown()) {
    return {
        NodeState::kStranger,
        "has no id, but other nodes belong to a set; a daemon that remembers the id restores it, "
        "otherwise " +
            options_.advice.adopt};
  }
  if (const auto other = claims_.OtherRun(index)) {
    return {NodeState::kOtherRun, "is a different server for another daemon (run_id " + *other +
                                      ", here " + facts.run_id +
                                      "): the address leads to two servers"};
  }
  if (!facts.node_id.empty() && !claims_.Accepted(index)) {
    return {NodeState::kProbing, "connected, but not compared with the other nodes yet"};
  }
  if (!node.settings.empty()) {
    return {NodeState::kSettings,
            "differs: " + node.settings + "; to change it, " + options_.advice.adopt};
  }
  if (node.suspected == Node::Suspicion::kOwnWord) {
    return {NodeState::kQuarantine, "may have lost keys, going into quarantine"};
  }
  if (node.ready_at) {
    return node.forgot ? std::pair(NodeState::kNew, std::string("new or restarted"))
                       : std::pair(NodeState::kQuarantine, std::string("in quarantine"));
  }
  if (node.doubted_until) {
    return {NodeState::kQuarantine,
            "its clock moved ahead of this host's: this daemon ignores its votes"};
  }
  if (Skewed(index)) return {NodeState::kSkewed, "clock off by " + ToText(*Off(index))};
  if (!facts.refuses.empty()) {
    return {NodeState::kFull,
            "keeps the leases that it has, but takes no new ones: " + facts.refuses};
  }
  return {NodeState::kUp, ""};
}

// A renewal reads the sentinel itself: that a probe failed, or is under way, takes nothing from it.
bool NodeTable::JudgeKeeping(NodeIndex index, NodeState state) const {
  if (state == NodeState::kUp || state == NodeState::kFull) return true;
  if (state != NodeState::kError && state != NodeState::kProbing) return false;
  const Node& node = nodes_[index];
  return node.suspected == Node::Suspicion::kNone && !node.doubted_until && !node.other_run &&
         !node.ready_at && !membership_.Foreign(node.facts.set) && !Skewed(index);
}

std::optional<NodeIndex> NodeTable::SameServer(NodeIndex index) const {
  for (NodeIndex i = 0; i < index; ++i) {
    // Also while the other is away: it may have promised before.
    if (nodes_[i].facts.run_id == nodes_[index].facts.run_id) return i;
  }
  return std::nullopt;
}

// --- clocks -------------------------------------------------------------------------------------

bool NodeTable::Skewed(NodeIndex index) const {
  const auto off = Off(index);
  return off && std::chrono::abs(*off) > options_.timing.fence_window / 2;  // rule A6
}

std::optional<std::int64_t> NodeTable::SetClock(Time now) const {
  const auto median = clocks_.Median(Linked());
  if (!median) return std::nullopt;
  return Microseconds(now) + *median;
}

Duration NodeTable::RoundTrip() const {
  std::vector<Duration> trips;
  for (const Node& node : nodes_) {
    if (node.state == NodeState::kUp && node.round_trip) trips.push_back(*node.round_trip);
  }
  if (trips.empty()) return kDefaultRoundTrip;
  const auto middle = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2);
  std::nth_element(trips.begin(), middle, trips.end());
  return std::max(*middle, Duration(microseconds(50)));
}

// --- views --------------------------------------------------------------------------------------

NodeSet NodeTable::Voters() const {
  NodeSet set;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) set.set(i, Votes(i));
  return set;
}

NodeSet NodeTable::All() const {
  NodeSet set;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) set.set(i);
  return set;
}

NodeSet NodeTable::Linked() const {
  NodeSet set;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) set.set(i, nodes_[i].linked);
  return set;
}

bool NodeTable::MetOtherSet() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const Node& node) { return node.state == NodeState::kOtherSet; });
}

std::string NodeTable::Reason(Time now, NodeIndex index) const {
  const Node& node = nodes_[index];
  if (node.state == NodeState::kUp) return "up";
  if (node.state != NodeState::kNew && node.state != NodeState::kQuarantine) return node.text;
  const Time ready_at = node.ready_at ? *node.ready_at : node.doubted_until.value_or(now);
  const Duration left = std::max(Duration(0), ready_at - now);
  return node.text + ", ready in " + ToText(left);
}

std::string NodeTable::WhyNoQuorum(Time now, const NodeFailures& failures) const {
  const std::size_t voters = Voters().count();
  const std::size_t m = Majority(nodes_.size());
  const std::string head = voters < m
                               ? std::to_string(voters) + " of " + std::to_string(nodes_.size()) +
                                     " nodes vote, " + std::to_string(m) + " are needed"
                               : "fewer than " + std::to_string(m) + " of " +
                                     std::to_string(nodes_.size()) + " nodes gave a usable answer";
  std::string rest;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const NodeState state = nodes_[i].state;
    const auto failure = failures.find(i);
    if (state == NodeState::kUp && failure == failures.end()) continue;
    rest += (rest.empty() ? ": node " : "; node ") + std::to_string(i + 1) + " " +
            (state == NodeState::kUp ? failure->second : Reason(now, i));
  }
  if (MetOtherSet()) return "a node belongs to another set, nothing is granted" + rest;
  if (WhyNotNew().empty()) rest += "; if the nodes are new, " + options_.advice.trust_empty;
  return head + rest;
}

std::string NodeTable::WhyNotKept(const NodeFailures& failures) const {
  std::string text;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const auto failure = failures.find(i);
    if (failure == failures.end() && nodes_[i].linked) continue;
    text += (text.empty() ? "node " : "; node ") + std::to_string(i + 1) + " " +
            (nodes_[i].linked ? failure->second : nodes_[i].down_reason);
  }
  return text;
}

std::string NodeTable::WhyUsedHere() const {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].counted.empty()) {
      return "this daemon has received votes from node " + std::to_string(i + 1);
    }
  }
  return {};
}

std::string NodeTable::WhyNotNew() const {
  if (auto used = WhyUsedHere(); !used.empty()) return used;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const std::string name = "node " + std::to_string(i + 1);
    if (!node.linked || !node.probed) return name + " has not been checked";
    if (node.facts.memory == NodeFacts::Memory::kUsed) {
      return name + " has been used before, as the node or another daemon remembers";
    }
    if (node.state != NodeState::kNew && node.state != NodeState::kQuarantine) {
      return name + " is not new";
    }
  }
  return {};
}

bool NodeTable::NothingToAdopt() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.state == NodeState::kUp || node.state == NodeState::kProbing ||
           node.state == NodeState::kNew || node.state == NodeState::kQuarantine ||
           node.state == NodeState::kSkewed || node.state == NodeState::kFull;
  });
}

std::vector<NodeView> NodeTable::Views(Time now) const {
  std::vector<NodeView> views;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    NodeView view{.node = i, .state = node.state, .text = node.text};
    if (node.linked) {
      const auto& ready_at = node.ready_at ? node.ready_at : node.doubted_until;
      if (ready_at) view.ready_in = std::max(Duration(0), *ready_at - now);
      view.clock_off = Off(i);
      view.round_trip = node.round_trip;
      view.run_id = node.facts.run_id;
      view.version = node.facts.version;
    }
    if (view.text.empty() && !node.trouble.empty() && now - node.trouble_at < kShowTrouble) {
      view.text = node.trouble + " (" + ToText(now - node.trouble_at) + " ago)";
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace redlockd::engine
