#include "daemon/engine/node_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/quorum.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kProbeInterval = std::chrono::seconds(2);  // rule D5
// After a probe that found the node unfit: that may pass sooner than a lease ends.
constexpr Duration kProbeUnfit = milliseconds(500);
// How long what a node refused is shown, and how seldom that is logged: it may be one lock's
// trouble.
constexpr Duration kShowTrouble = std::chrono::minutes(1);
constexpr Duration kNoteTrouble = std::chrono::seconds(10);
constexpr Duration kDefaultRoundTrip = milliseconds(1);
// A clock that runs slow is seen to step again and again.
constexpr Duration kWarnInterval = std::chrono::minutes(1);

std::string Hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

}  // namespace

NodeTable::NodeTable(const EngineOptions& options, Random& random, Agenda& agenda, Outbox& outbox,
                     Observer& observer)
    : options_(options),
      random_(random),
      outbox_(outbox),
      observer_(observer),
      membership_(options.nodes),
      clocks_(options.nodes, options.timing.drift) {
  for (NodeIndex i = 0; i < options.nodes; ++i) {
    nodes_.emplace_back(agenda, [this, i](Time now) { Probe(now, i); });
    nodes_.back().text = nodes_.back().down_reason;
  }
}

// --- what is heard ------------------------------------------------------------------------------

void NodeTable::LinkUp(Time now, NodeIndex index, const NodeFacts& facts) {
  Node& node = nodes_[index];
  NodeFacts merged = facts;
  if (!node.linked || facts.run_id != node.facts.run_id) {
    node.probed = false;
    node.probing = false;
    node.suspecting = false;
    node.error.clear();
  } else {  // one more connection to the same process: what its sentinel said still holds
    merged.node_id = node.facts.node_id;
    merged.set = node.facts.set;
    merged.refuses = node.facts.refuses;
  }
  node.linked = true;
  TakeFacts(now, index, merged);
  Probe(now, index);
  Judge(now);
}

void NodeTable::Down(Time now, NodeIndex index, const std::string& reason) {
  Node& node = nodes_[index];
  node.linked = false;
  node.down_reason = reason;
  node.probe_alarm.Clear();
  Judge(now);
}

// Facts of INFO: a changed policy or growing evictions mean that the node may have dropped a key
// (rule D5); another run_id, that it is another process.
void NodeTable::TakeFacts(Time now, NodeIndex index, const NodeFacts& facts) {
  Node& node = nodes_[index];
  const NodeFacts old = std::exchange(node.facts, facts);
  if (facts.run_id != old.run_id) {
    clocks_.Reset(index);
    // Its sentinel is of another run: rule D1 sees to it.
    node.suspected = Node::Suspicion::kNone;
    node.doubted_until.reset();
  } else if (facts.evicted_keys > old.evicted_keys ||
             facts.maxmemory_policy != old.maxmemory_policy) {
    Suspect(now, index, Node::Suspicion::kOwnWord);
  }
}

void NodeTable::Heard(Time now, const NodeAnswer& answer) {
  Node& node = nodes_[answer.node];
  if (answer.verdict == Verdict::kError) NoteTrouble(now, answer);
  if (answer.node_time != 0) ReadClock(now, answer);
  switch (answer.verdict) {
    case Verdict::kAmnesia:
      Quarantined(now, answer.node, answer.left, true);
      return Judge(now);
    case Verdict::kQuarantine:
      Quarantined(now, answer.node, answer.left, node.forgot);
      return Judge(now);
    case Verdict::kSettings:
      node.settings = answer.text;
      return Judge(now);
    default:
      break;
  }
  // Every answer reads a clock; only one that changes who is off is worth judging all nodes for.
  if (Skewed(answer.node) != (node.state == NodeState::kSkewed)) Judge(now);
}

// Rule D6. Whichever clock moved, earlier promises of that node no longer count. Whose it was, the
// other nodes have to say; until then the node does not vote here.
void NodeTable::ReadClock(Time now, const NodeAnswer& answer) {
  Node& node = nodes_[answer.node];
  node.round_trip = now - answer.ticket.asked;
  if (clocks_.Observe(answer.node, answer.node_time, answer.ticket.asked, now)) {
    observer_.OnPromisesVoid(now, answer.node);
    node.doubted_until = now + options_.timing.Quarantine();
    Judge(now);
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (clocks_.judge().Needs(i)) Probe(now, i);
    }
  }
  JudgeStep(now);
}

void NodeTable::JudgeStep(Time now) {
  switch (clocks_.judge().Judge()) {
    case StepJudge::Verdict::kOpen:
      return;
    case StepJudge::Verdict::kNode: {
      const NodeSet stepped = clocks_.judge().Close();
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (stepped.test(i)) Suspect(now, i, Node::Suspicion::kClock);
      }
      return;
    }
    case StepJudge::Verdict::kHost:
      return AcquitNodes(now);
  }
}

void NodeTable::AcquitNodes(Time now) {
  bool doubted = false;
  for (Node& node : nodes_) {
    doubted = doubted || node.doubted_until;
    node.doubted_until.reset();
    if (node.suspected == Node::Suspicion::kClock) node.suspected = Node::Suspicion::kNone;
  }
  if (!doubted) return;
  WarnOfHostClock(now);
  Judge(now);
}

void NodeTable::WarnOfHostClock(Time now) {
  if (warned_of_clock_ && now - *warned_of_clock_ < kWarnInterval) return;
  warned_of_clock_ = now;
  outbox_.Warn(
      "this host's clock stood still or ran slow: most nodes' clocks went ahead of it at once; "
      "what "
      "the nodes had promised this daemon no longer counts");
}

void NodeTable::Probed(Time now, const NodeAnswer& answer) {
  Node& node = nodes_[answer.node];
  node.probing = false;
  if (node.doubted_until && *node.doubted_until <= now) node.doubted_until.reset();
  if (node.doubted_until) LookAgain(answer.node, *node.doubted_until + milliseconds(1));
  if (clocks_.judge().Needs(answer.node)) Probe(now, answer.node);  // that was asked too early
  node.probed = true;
  node.read = answer.ticket.asked;
  node.error = answer.verdict == Verdict::kError ? answer.text : std::string();
  // Also where the sentinel could not be read: a replica refuses that, and INFO says why.
  if (answer.facts && !answer.facts->run_id.empty()) TakeFacts(now, answer.node, *answer.facts);
  if (answer.verdict != Verdict::kSettings) node.settings.clear();
  if (answer.verdict == Verdict::kOk) QuarantineSet(now, answer.node, Duration(0));
  if (answer.facts && answer.verdict != Verdict::kError) {
    membership_.Learn(answer.node, answer.facts->node_id, answer.facts->set);
    ReadNamelessAgain(now);
  }
  if (options_.trust_new_nodes && node.ready_at && !std::exchange(node.trusted, true)) {
    AskNode(now, answer.node, Ticket::Kind::kTrust, TrustOp{});
    node.probed = false;  // until it is
  }
  WriteMembership(now);
  Judge(now);
  const bool waits = node.state == NodeState::kNew || node.state == NodeState::kQuarantine;
  if (node.linked && node.state != NodeState::kUp && !waits) {
    node.probe_alarm.Set(now + kProbeUnfit);
  }
  if (!answer.facts || std::exchange(node.note, answer.facts->note) == node.note) return;
  if (!node.note.empty()) Note(answer.node, node.note);
}

// An error of a renewal or a release makes no state of the node's: it is kept, shown and logged.
void NodeTable::NoteTrouble(Time now, const NodeAnswer& answer) {
  using Kind = Ticket::Kind;
  if (answer.ticket.kind == Kind::kProbe || answer.ticket.kind == Kind::kQuery) return;
  Node& node = nodes_[answer.node];
  node.trouble = std::string("refused ") + NameOf(answer.ticket.kind) + ": " + answer.text;
  node.trouble_at = now;
  if (node.noted && now - *node.noted < kNoteTrouble) return;
  node.noted = now;
  Note(answer.node, node.trouble);
}

void NodeTable::Note(NodeIndex index, std::string text) {
  outbox_.Changed({index, Votes(index), std::move(text), true});
}

// Where a set is written, ids were written on all its nodes before: a node that had none when it
// was read, before the set was seen here, may have one now (rule D8).
void NodeTable::ReadNamelessAgain(Time now) {
  if (!membership_.SetKnown()) return;
  if (!set_seen_) set_seen_ = now;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (node.probed && node.facts.node_id.empty() && node.read < *set_seen_) Probe(now, i);
  }
}

// Once all nodes have been read, what they lack of ids and set is written at once, not at the next
// probe: until it is there, a daemon with another set cannot see that it is another (rule D8).
void NodeTable::WriteMembership(Time now) {
  const bool all_read = std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.linked && node.probed && node.error.empty();
  });
  if (!all_read) return;
  const bool set_known = !membership_.Own().empty();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const NodeFacts& facts = nodes_[i].facts;
    const bool lacks_id = facts.node_id.empty() && membership_.IdFor(i);
    if (lacks_id || (facts.set.empty() && set_known)) Probe(now, i);
  }
}

void NodeTable::Trusted(Time now, NodeIndex index, bool taken) {
  nodes_[index].probed = nodes_[index].trusted = taken;  // if not: again with the next probe
  if (taken) QuarantineSet(now, index, Duration(0));
}

void NodeTable::SuspectTaken(Time now, NodeIndex index, Duration left) {
  nodes_[index].suspected = Node::Suspicion::kNone;
  nodes_[index].suspecting = false;
  QuarantineSet(now, index, left);
}

void NodeTable::QuarantineSet(Time now, NodeIndex index, Duration left) {
  nodes_[index].forgot = false;
  if (left > Duration(0)) {
    Quarantined(now, index, left, false);
  } else {
    nodes_[index].ready_at.reset();
  }
  Judge(now);
}

void NodeTable::Quarantined(Time now, NodeIndex index, Duration left, bool forgot) {
  Node& node = nodes_[index];
  node.forgot = forgot;
  node.ready_at = now + left;
  LookAgain(index, *node.ready_at + milliseconds(1));
}

void NodeTable::LookAgain(NodeIndex index, Time at) {
  Alarm& alarm = nodes_[index].probe_alarm;
  if (!alarm.at() || at < *alarm.at()) alarm.Set(at);
}

// --- what is asked ------------------------------------------------------------------------------

void NodeTable::AskNode(Time now, NodeIndex node, Ticket::Kind kind, NodeOp op) {
  outbox_.Ask(NodeSet().set(node), Ticket{kind, 0, 0, now}, std::move(op));
}

void NodeTable::Suspect(Time now, NodeIndex index, Node::Suspicion suspicion) {
  nodes_[index].suspected = std::max(nodes_[index].suspected, suspicion);
  TellSuspect(now, index);
}

void NodeTable::TellSuspect(Time now, NodeIndex index) {
  if (std::exchange(nodes_[index].suspecting, true)) return;
  const bool by_clock = nodes_[index].suspected == Node::Suspicion::kClock;
  AskNode(now, index, Ticket::Kind::kSuspect, SuspectOp{by_clock ? options_.instance : ""});
}

void NodeTable::Probe(Time now, NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.linked) return;
  node.probe_alarm.Set(now + kProbeInterval);
  if (node.suspected != Node::Suspicion::kNone) TellSuspect(now, index);
  if (std::exchange(node.probing, true)) return;
  ProbeOp op;
  if (const auto id = membership_.IdFor(index)) {
    op.node_id = id->empty() ? Hex(random_.Below(UINT64_MAX)) : *id;
  }
  op.set = membership_.Own();
  AskNode(now, index, Ticket::Kind::kProbe, std::move(op));
}

// --- what follows -------------------------------------------------------------------------------

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
    if (state == NodeState::kProbing) continue;  // soon to be known
    outbox_.Changed({i, state == NodeState::kUp, Reason(now, i)});
  }
  if (Voters() != before) observer_.OnVotersChanged(now);
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
  if (!node.probed) return {NodeState::kProbing, "connected, not read yet"};
  if (membership_.Foreign(facts.set)) {
    return {NodeState::kOtherSet, "belongs to another set of nodes (" + facts.set +
                                      "); if it was moved here: redlock nodes --adopt"};
  }
  if (facts.node_id.empty() && membership_.SetKnown()) {
    return {
        NodeState::kStranger,
        "has no id, and others are of a set already; a daemon that knew it gives it back, else: "
        "redlock nodes --adopt"};
  }
  if (!node.settings.empty()) {
    return {NodeState::kSettings,
            "differs: " + node.settings + "; to change it: redlock nodes --adopt"};
  }
  if (node.suspected == Node::Suspicion::kOwnWord) {
    return {NodeState::kQuarantine, "may have lost keys, told to be in quarantine"};
  }
  if (node.ready_at) {
    return node.forgot ? std::pair(NodeState::kNew, std::string("new or restarted"))
                       : std::pair(NodeState::kQuarantine, std::string("in quarantine"));
  }
  if (node.doubted_until) {
    return {NodeState::kQuarantine, "its clock went ahead of this host's: not counted here"};
  }
  if (Skewed(index)) return {NodeState::kSkewed, "clock off by " + ToText(*Off(index))};
  if (!facts.refuses.empty()) {
    return {NodeState::kFull, "keeps the leases that it has, takes no new ones: " + facts.refuses};
  }
  return {NodeState::kUp, ""};
}

// A renewal reads the sentinel itself: that a probe failed, or is under way, takes nothing from it.
bool NodeTable::JudgeKeeping(NodeIndex index, NodeState state) const {
  if (state == NodeState::kUp || state == NodeState::kFull) return true;
  if (state != NodeState::kError && state != NodeState::kProbing) return false;
  const Node& node = nodes_[index];
  return !node.suspected && !node.ready_at && !membership_.Foreign(node.facts.set) &&
         !Skewed(index);
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
  bool forgot = false;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const NodeState state = nodes_[i].state;
    const auto failure = failures.find(i);
    if (state == NodeState::kUp && failure == failures.end()) continue;
    forgot = forgot || state == NodeState::kNew || state == NodeState::kQuarantine;
    rest += (rest.empty() ? ": node " : "; node ") + std::to_string(i + 1) + " " +
            (state == NodeState::kUp ? failure->second : Reason(now, i));
  }
  if (MetOtherSet()) return "a node belongs to another set, nothing is granted" + rest;
  if (forgot) rest += "; if the nodes are new: redlock nodes --trust-empty";
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
