#include "daemon/engine/node_report.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/engine/timing.h"

namespace redlockd::engine {
namespace {

// How long what a node refused is shown: it may be one lock's trouble.
constexpr Duration kShowTrouble = std::chrono::minutes(1);

std::string NameOf(NodeIndex node) { return "node " + std::to_string(node + 1); }

void Append(std::string& text, const char* first, NodeIndex node, const std::string& why) {
  text += (text.empty() ? first : "; ") + NameOf(node) + " " + why;
}

// What is missing for a majority.
std::string Shortage(std::size_t voters, std::size_t nodes) {
  const std::string all = std::to_string(nodes), m = std::to_string(Majority(nodes));
  return voters < Majority(nodes)
             ? std::to_string(voters) + " of " + all + " nodes vote, " + m + " are needed"
             : "fewer than " + m + " of " + all + " nodes gave a usable answer";
}

}  // namespace

std::string NodeReport::WhyNoQuorum(Time now, const NodeFailures& failures) const {
  std::string rest;
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    const bool votes = records_[i].state == NodeState::kUp;
    const auto failure = failures.find(i);
    if (votes && failure == failures.end()) continue;
    Append(rest, ": ", i, votes ? failure->second : records_[i].Reason(now));
  }
  if (records_.MetOtherSet()) return "a node belongs to another set, nothing is granted" + rest;
  if (WhyNotNew().empty()) rest += "; if the nodes are new, " + options_.advice.trust_empty;
  return Shortage(records_.Voters().count(), records_.size()) + rest;
}

std::string NodeReport::WhyNotKept(const NodeFailures& failures) const {
  std::string text;
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    const bool linked = records_[i].linked;
    const auto failure = failures.find(i);
    if (failure == failures.end() && linked) continue;
    Append(text, "", i, linked ? failure->second : records_[i].down_reason);
  }
  return text;
}

std::string NodeReport::WhyUsedHere() const {
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    if (!records_[i].counted.empty()) return "this daemon has received votes from " + NameOf(i);
  }
  return {};
}

std::string NodeReport::WhyNotNew() const {
  if (auto used = WhyUsedHere(); !used.empty()) return used;
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    const NodeRecord& record = records_[i];
    if (!record.linked || !record.probed) return NameOf(i) + " has not been checked";
    if (record.facts.memory == NodeFacts::Memory::kUsed) {
      return NameOf(i) + " has been used before, as the node or another daemon remembers";
    }
    if (!record.IsInQuarantine()) return NameOf(i) + " is not new";
  }
  return {};
}

std::vector<NodeView> NodeReport::Views(Time now) const {
  std::vector<NodeView> views;
  for (NodeIndex i = 0; i < records_.size(); ++i) views.push_back(ViewOf(now, i));
  return views;
}

NodeView NodeReport::ViewOf(Time now, NodeIndex node) const {
  const NodeRecord& record = records_[node];
  NodeView view{.node = node, .state = record.state, .text = record.text};
  if (record.linked) {
    if (record.ReadyAt()) view.ready_in = std::max(Duration(0), *record.ReadyAt() - now);
    view.clock_off = judge_.Off(node);
    view.round_trip = record.round_trip;
    view.run_id = record.facts.run_id;
    view.version = record.facts.version;
  }
  if (view.text.empty() && !record.trouble.empty() && now - record.trouble_at < kShowTrouble) {
    view.text = record.trouble + " (" + ToText(now - record.trouble_at) + " ago)";
  }
  return view;
}

}  // namespace redlockd::engine
