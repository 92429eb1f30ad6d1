#include "daemon/engine/node_table.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "base/check.h"
#include "daemon/engine/clock_offset.h"
#include "daemon/engine/sentinel_facts.h"

namespace redlockd::engine {
namespace {

using Suspicion = NodeRecord::Suspicion;

// An alarm that waits for the end of a time rings after it.
constexpr Duration kAfter = std::chrono::milliseconds(1);

}  // namespace

NodeTable::NodeTable(const EngineOptions& options, Random& random, Agenda& agenda, Outbox& outbox,
                     Observer& observer)
    : options_(options),
      observer_(observer),
      records_(options.nodes),
      membership_(options.nodes),
      clocks_(options.nodes, options.timing.drift),
      sightings_(options.nodes),
      judge_(options, records_, membership_, sightings_, clocks_),
      report_(options, records_, judge_),
      log_(records_, outbox),
      prober_(options, records_, membership_, sightings_, random, agenda, outbox) {}

std::optional<std::int64_t> NodeTable::ClockOfSet(Time now) const {
  const auto median = clocks_.Median(Linked());
  if (!median) return std::nullopt;
  return Microseconds(now) + *median;
}

// --- connections --------------------------------------------------------------------------------

void NodeTable::OnLinkUp(Time now, NodeIndex index, const NodeFacts& facts) {
  NodeRecord& node = records_[index];
  NodeFacts merged = facts;
  if (!node.linked || facts.run_id != node.facts.run_id) {
    node.probed = false;
    node.error.clear();
    prober_.Forget(index);
  } else {  // one more connection to the same process: what its sentinel said still holds
    KeepSentinel(node.facts, merged);
  }
  node.linked = true;
  TakeFacts(now, index, merged);
  Probe(now, index);
  Judge(now);
}

void NodeTable::OnDown(Time now, NodeIndex index, const std::string& reason) {
  records_[index].linked = false;
  records_[index].down_reason = reason;
  prober_.Stop(index);
  Judge(now);
}

// Facts of INFO: a changed policy or growing evictions mean that the node may have dropped a key
// (rule D5); another run_id, that it is another process.
void NodeTable::TakeFacts(Time now, NodeIndex index, const NodeFacts& facts) {
  NodeRecord& node = records_[index];
  const NodeFacts old = std::exchange(node.facts, facts);
  if (facts.run_id != old.run_id) {
    sightings_.Met(index);
    node.other_run = false;
    clocks_.Reset(index);
    // Its sentinel is of another run: rule D1 sees to it.
    node.suspected = Suspicion::kNone;
    node.doubted_until.reset();
  } else if (facts.evicted_keys > old.evicted_keys ||
             facts.maxmemory_policy != old.maxmemory_policy) {
    Suspect(now, index, Suspicion::kOwnWord);
  }
}

// --- any answer ---------------------------------------------------------------------------------

void NodeTable::OnHeard(Time now, const NodeAnswer& answer) {
  NodeRecord& node = records_[answer.node];
  node.heard = now;
  if (answer.verdict == Verdict::kError && node.TakeTrouble(now, answer)) {
    log_.Refused(now, answer.node);
  }
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
  if (judge_.Skewed(answer.node) != (node.state == NodeState::kSkewed)) Judge(now);
}

// Rule D6. Whichever clock moved, earlier promises of that node no longer count. Whose it was, the
// other nodes have to say; until then the node does not vote here.
void NodeTable::ReadClock(Time now, const NodeAnswer& answer) {
  NodeRecord& node = records_[answer.node];
  node.TakeRoundTrip(now - answer.ticket.asked);
  if (clocks_.Observe(answer.node, answer.node_time, answer.ticket.asked, now)) {
    observer_.OnPromisesVoid(now, answer.node);
    node.doubted_until = now + options_.timing.Quarantine();
    Judge(now);
    for (NodeIndex i = 0; i < size(); ++i) {
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
      for (NodeIndex i = 0; i < size(); ++i) {
        if (stepped.test(i)) Suspect(now, i, Suspicion::kClock);
      }
      return;
    }
    case StepJudge::Verdict::kHost:
      if (!records_.AcquitAll()) return;
      log_.HostClockMoved(now);
      return Judge(now);
  }
}

// --- answers to what the table asked ------------------------------------------------------------

void NodeTable::OnProbed(Time now, const NodeAnswer& answer) {
  const NodeIndex index = answer.node;
  NodeRecord& node = records_[index];
  prober_.OnProbeOver(index);
  if (node.doubted_until && *node.doubted_until <= now) node.doubted_until.reset();
  if (node.doubted_until) prober_.LookAgain(index, *node.doubted_until + kAfter);
  if (clocks_.judge().Needs(index)) Probe(now, index);  // that was asked too early
  node.probed = true;
  node.error = answer.verdict == Verdict::kError ? answer.text : std::string();
  if (answer.facts && !answer.facts->run_id.empty()) Learn(now, index, answer);
  if (answer.verdict != Verdict::kSettings) node.settings.clear();
  if (answer.verdict == Verdict::kOk) QuarantineSet(now, index, Duration(0));
  if (options_.trust_new_nodes && node.facts.memory == NodeFacts::Memory::kNew && node.ready_at &&
      !std::exchange(node.trusted, true)) {
    prober_.AskToTrust(now, index);
    node.probed = false;  // until it is
  }
  prober_.WriteWhatIsMissing(now);
  Judge(now);
  if (node.IsUnfit()) prober_.LookSoon(now, index);
  if (answer.facts) log_.Noted(index, answer.facts->note);
}

// Facts are there also where the sentinel could not be read: a replica refuses that, and INFO says
// why.
void NodeTable::Learn(Time now, NodeIndex index, const NodeAnswer& answer) {
  NodeRecord& node = records_[index];
  const NodeFacts old = node.facts;
  TakeFacts(now, index, *answer.facts);
  if (answer.verdict == Verdict::kError) {  // what was known of the sentinel is known still
    if (answer.facts->run_id == old.run_id) KeepSentinel(old, node.facts);
    return;
  }
  node.ever_read = true;
  if (answer.verdict != Verdict::kAmnesia && LostMemory(old, node.facts)) {
    Suspect(now, index, Suspicion::kOwnWord);
  }
  membership_.Learn(index, node.facts.node_id, node.facts.set);
  std::vector<NodeSightings::Other> others;
  for (const NodeFacts::Other& other : node.facts.others) {
    for (NodeIndex i = 0; i < size(); ++i) {
      if (records_[i].facts.node_id == other.node_id)
        others.push_back({i, other.run_id, other.heard});
    }
  }
  sightings_.OnAnswered(index, answer.node_time, others);
  JudgeOtherRuns(now);
}

// Rule D10. Once nobody has heard the other server for a while, this one is taken: after a
// quarantine, for what the other has promised may live on.
void NodeTable::JudgeOtherRuns(Time now) {
  for (NodeIndex i = 0; i < size(); ++i) {
    const bool other_run = sightings_.OtherRun(i).has_value();
    if (std::exchange(records_[i].other_run, other_run) == other_run) continue;
    if (!other_run && !records_[i].ready_at) Suspect(now, i, Suspicion::kOwnWord);
  }
}

void NodeTable::OnSuspected(Time now, const NodeAnswer& answer) {
  prober_.OnSuspectOver(answer.node);
  if (answer.verdict != Verdict::kOk) return;
  records_[answer.node].suspected = Suspicion::kNone;
  QuarantineSet(now, answer.node, answer.left);
}

void NodeTable::OnTrusted(Time now, const NodeAnswer& answer) {
  NodeRecord& node = records_[answer.node];
  const bool taken = answer.verdict == Verdict::kOk;
  node.probed = node.trusted = taken;  // if not: again with the next probe
  if (!taken) return;
  QuarantineSet(now, answer.node, Duration(0));
  prober_.WriteWhatIsMissing(now);
}

void NodeTable::OnGone(const NodeSilence& silence) {
  using Kind = Ticket::Kind;
  const Kind kind = silence.ticket.kind;
  CHECK(silence.gone);
  CHECK(kind == Kind::kProbe || kind == Kind::kSuspect || kind == Kind::kTrust);
  NodeRecord& node = records_[silence.node];
  if (kind == Kind::kProbe) prober_.OnProbeOver(silence.node);
  if (kind == Kind::kSuspect) prober_.OnSuspectOver(silence.node);
  if (kind == Kind::kTrust) node.probed = node.trusted = false;
}

// --- what follows -------------------------------------------------------------------------------

void NodeTable::Judge(Time now) {
  const NodeSet before = Voters();
  for (NodeIndex i = 0; i < size(); ++i) {
    auto [state, text] = judge_.Judge(i);
    NodeRecord& node = records_[i];
    // Why a node cannot be reached is worth a line in the log, also if it never could.
    const bool down_anew = state == NodeState::kDown && text != node.text;
    node.text = std::move(text);
    node.keeps = judge_.Keeps(i, state);
    CHECK(node.keeps || state != NodeState::kUp);
    if (state == node.state && !down_anew) continue;
    node.state = state;
    if (state == NodeState::kUp) node.counted = node.facts.run_id;
    if (state != NodeState::kProbing) log_.Changed(now, i);  // that is soon to be known
  }
  const NodeSet voters = Voters();
  if (voters != before) observer_.OnVotersChanged(now, (voters & ~before).any());
}

void NodeTable::QuarantineSet(Time now, NodeIndex index, Duration left) {
  records_[index].forgot = false;
  if (left > Duration(0)) {
    Quarantined(now, index, left, false);
  } else {
    records_[index].ready_at.reset();
  }
  Judge(now);
}

void NodeTable::Quarantined(Time now, NodeIndex index, Duration left, bool forgot) {
  records_[index].forgot = forgot;
  records_[index].ready_at = now + left;
  prober_.LookAgain(index, now + left + kAfter);
}

void NodeTable::Suspect(Time now, NodeIndex index, Suspicion suspicion) {
  records_[index].suspected = std::max(records_[index].suspected, suspicion);
  prober_.AskToSuspect(now, index);
}

}  // namespace redlockd::engine
