#include "daemon/engine/node_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/reasons.h"
#include "daemon/engine/sentinel_facts.h"

namespace redlockd::engine {
namespace {

using std::chrono::milliseconds;

constexpr Duration kProbeInterval = std::chrono::seconds(2);  // rule D5
// After a probe that found the node unfit: that may pass sooner than a lease ends.
constexpr Duration kProbeUnfit = milliseconds(500);
// How seldom what a node refused is logged: it may be one lock's trouble.
constexpr Duration kNoteTrouble = std::chrono::seconds(10);
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
  if (answer.node_time == 0) return;
  // It has read a clock; only one that changes who is off is worth judging all nodes for.
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
      "this host's clock stood still or ran slow: the clocks of most nodes moved ahead of it at "
      "the same time; their earlier promises to this daemon no longer count");
}

void NodeTable::Probed(Time now, const NodeAnswer& answer) {
  Node& node = nodes_[answer.node];
  node.probing = false;
  if (node.doubted_until && *node.doubted_until <= now) node.doubted_until.reset();
  if (node.doubted_until) LookAgain(answer.node, *node.doubted_until + milliseconds(1));
  if (clocks_.judge().Needs(answer.node)) Probe(now, answer.node);  // that was asked too early
  node.probed = true;
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
  const bool waits = node.state == NodeState::kNew || node.state == NodeState::kQuarantine ||
                     node.state == NodeState::kProbing;
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

}  // namespace redlockd::engine
