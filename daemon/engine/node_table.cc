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

// What a probe learned of the sentinel, where INFO alone was read since.
void KeepSentinel(const NodeFacts& old, NodeFacts& facts) {
  facts.node_id = old.node_id;
  facts.set = old.set;
  facts.refuses = old.refuses;
  facts.count = old.count;
  facts.memory = old.memory;
}

}  // namespace

NodeTable::NodeTable(const EngineOptions& options, Random& random, Agenda& agenda, Outbox& outbox,
                     Observer& observer)
    : options_(options),
      random_(random),
      outbox_(outbox),
      observer_(observer),
      membership_(options.nodes),
      clocks_(options.nodes, options.timing.drift),
      claims_(options.nodes) {
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
    KeepSentinel(node.facts, merged);
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
    claims_.Met(index);
    node.other_run = false;
    clocks_.Reset(index);
    // Its sentinel is of another run: rule D1 sees to it.
    node.suspected = Node::Suspicion::kNone;
    node.doubted_until.reset();
  } else if (facts.evicted_keys > old.evicted_keys ||
             facts.maxmemory_policy != old.maxmemory_policy) {
    Suspect(now, index, Node::Suspicion::kOwnWord);
  }
}

// An older state of the same process: a snapshot of its machine was brought back, and what it
// promised since is forgotten (rule D1).
bool NodeTable::LostMemory(const NodeFacts& old, const NodeFacts& facts) const {
  return facts.run_id == old.run_id && old.count > 0 && facts.refuses.empty() &&
         facts.memory != NodeFacts::Memory::kNone && facts.count <= old.count;
}

void NodeTable::Heard(Time now, const NodeAnswer& answer) {
  Node& node = nodes_[answer.node];
  node.heard = now;
  if (answer.verdict == Verdict::kError) NoteTrouble(now, answer);
  if (answer.node_time != 0) ReadClock(now, answer);
  switch (answer.verdict) {
    case Verdict::kAmnesia:
      Quarantined(now, answer.node, answer.left, true);
      if (answer.ticket.kind != Ticket::Kind::kProbe &&
          answer.ticket.kind != Ticket::Kind::kSuspect) {
        Probe(now, answer.node);
      }
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
  if (answer.facts && !answer.facts->run_id.empty()) Learn(now, answer.node, answer);
  if (answer.verdict != Verdict::kSettings) node.settings.clear();
  if (answer.verdict == Verdict::kOk) QuarantineSet(now, answer.node, Duration(0));
  if (options_.trust_new_nodes && node.facts.memory == NodeFacts::Memory::kNew && node.ready_at &&
      !std::exchange(node.trusted, true)) {
    AskNode(now, answer.node, Ticket::Kind::kTrust, TrustOp{});
    node.probed = false;  // until it is
  }
  WriteWhatIsMissing(now);
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
  ReadNamelessAgain(now);
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

// Of which nodes this daemon says to the others what they are.
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

void NodeTable::Trusted(Time now, NodeIndex index, bool taken) {
  nodes_[index].probed = nodes_[index].trusted = taken;  // if not: again with the next probe
  if (!taken) return;
  QuarantineSet(now, index, Duration(0));
  WriteWhatIsMissing(now);
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
  op.settles = node.settles = MayWrite();
  if (const auto id = membership_.IdFor(index); id && op.settles) {
    op.node_id = id->empty() ? Hex(random_.Below(UINT64_MAX)) : *id;
  }
  if (op.settles) op.set = membership_.Own();
  op.counted = node.counted;
  op.instance = options_.instance;
  op.claims = ClaimsAt(now, index);
  claims_.Asked(index, Claimed().reset(index));
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
    if (state == NodeState::kUp) node.counted = node.facts.run_id;
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
  if (const auto other = claims_.OtherRun(index)) {
    return {NodeState::kOtherRun, "is another server for another daemon (run_id " + *other +
                                      ", here " + facts.run_id +
                                      "): the address leads to two servers"};
  }
  if (!facts.node_id.empty() && !claims_.Accepted(index)) {
    return {NodeState::kProbing, "connected, not compared with the other nodes yet"};
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
  if (WhyNotNew().empty()) rest += "; if the nodes are new: redlock nodes --trust-empty";
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
      return "this daemon has had votes of node " + std::to_string(i + 1);
    }
  }
  return {};
}

std::string NodeTable::WhyNotNew() const {
  if (auto used = WhyUsedHere(); !used.empty()) return used;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const std::string name = "node " + std::to_string(i + 1);
    if (!node.linked || !node.probed) return name + " has not been read";
    if (node.facts.memory == NodeFacts::Memory::kUsed) {
      return name + " has been used before, as it or another daemon remembers";
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
