#include "daemon/engine/node_prober.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace redlockd::engine {
namespace {

using std::chrono::milliseconds;

constexpr Duration kProbeInterval = std::chrono::seconds(2);  // rule D5
constexpr Duration kProbeUnfit = milliseconds(500);

std::string Hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

// Marks the node in the set; returns whether it was there.
bool TestAndSet(NodeSet& set, NodeIndex node) {
  const bool was_there = set.test(node);
  set.set(node);
  return was_there;
}

}  // namespace

NodeProber::NodeProber(const EngineOptions& options, const NodeRecords& records,
                       const Membership& membership, NodeSightings& sightings, Random& random,
                       Agenda& agenda, Outbox& outbox)
    : options_(options),
      records_(records),
      membership_(membership),
      sightings_(sightings),
      random_(random),
      outbox_(outbox) {
  for (NodeIndex i = 0; i < records.size(); ++i) {
    alarms_.emplace_back(agenda, [this, i](Time now) { Probe(now, i); });
  }
}

void NodeProber::Probe(Time now, NodeIndex node) {
  const NodeRecord& record = records_[node];
  if (!record.linked) return;
  alarms_[node].Set(now + kProbeInterval);
  if (record.suspected != NodeRecord::Suspicion::kNone) AskToSuspect(now, node);
  if (TestAndSet(probing_, node)) return;
  ProbeOp op = MakeProbe(now, node);
  sightings_.OnAsked(node, Claimed().reset(node));
  Ask(now, node, Ticket::Kind::kProbe, std::move(op));
}

ProbeOp NodeProber::MakeProbe(Time now, NodeIndex node) {
  ProbeOp op;
  op.may_write = MayWrite();
  may_write_.set(node, op.may_write);
  if (const auto id = membership_.IdFor(node); id && op.may_write) {
    op.node_id = id->empty() ? Hex(random_.Below(UINT64_MAX)) : *id;
  }
  if (op.may_write) op.set = membership_.Own();
  op.counted = records_[node].counted;
  op.instance = options_.instance;
  op.sightings = SightingsAt(now, node);
  return op;
}

void NodeProber::LookAgain(NodeIndex node, Time at) {
  Alarm& alarm = alarms_[node];
  if (!alarm.at() || at < *alarm.at()) alarm.Set(at);
}

void NodeProber::LookSoon(Time now, NodeIndex node) { alarms_[node].Set(now + kProbeUnfit); }

void NodeProber::AskToSuspect(Time now, NodeIndex node) {
  if (TestAndSet(suspecting_, node)) return;
  const bool by_clock = records_[node].suspected == NodeRecord::Suspicion::kClock;
  Ask(now, node, Ticket::Kind::kSuspect, SuspectOp{by_clock ? options_.instance : ""});
}

void NodeProber::AskToTrust(Time now, NodeIndex node) {
  Ask(now, node, Ticket::Kind::kTrust, TrustOp{});
}

void NodeProber::Forget(NodeIndex node) {
  probing_.reset(node);
  suspecting_.reset(node);
}

void NodeProber::Ask(Time now, NodeIndex node, Ticket::Kind kind, NodeOp op) {
  outbox_.Ask(NodeSet().set(node), Ticket{kind, 0, 0, now}, std::move(op));
}

// Settings are written once a majority of the nodes has been read (rule D3); ids and set once all
// have, for until these are there, a daemon with another set cannot see that it is another (rule
// D8); and which servers they are to this daemon (rule D10) at any time.
void NodeProber::WriteWhatIsMissing(Time now) {
  const bool may_write = MayWrite();
  const NodeSet claimed = Claimed();
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    if (!records_[i].IsRead()) continue;
    if ((may_write && LacksWhatIsWritten(i)) || sightings_.Lacks(i, NodeSet(claimed).reset(i))) {
      Probe(now, i);
    }
  }
}

bool NodeProber::LacksWhatIsWritten(NodeIndex node) const {
  const NodeFacts& facts = records_[node].facts;
  if (facts.memory == NodeFacts::Memory::kNone && !may_write_.test(node)) return true;
  const bool all_read = std::all_of(records_.begin(), records_.end(),
                                    [](const NodeRecord& record) { return record.IsRead(); });
  const bool lacks_id = facts.node_id.empty() && membership_.IdFor(node);
  const bool lacks_set = facts.set.empty() && !membership_.Own().empty();
  return all_read && (lacks_id || lacks_set);
}

// Rule D3: a daemon that differs from the others settles nothing. Those are heard first.
bool NodeProber::MayWrite() const {
  std::size_t read = 0, agree = 0, differ = 0;
  for (const NodeRecord& record : records_) {
    read += record.ever_read;
    differ += !record.settings.empty();
    agree += record.ever_read && record.settings.empty() &&
             record.facts.memory != NodeFacts::Memory::kNone;
  }
  return read >= Majority(records_.size()) && (differ == 0 || agree > differ) &&
         !records_.MetOtherSet();
}

// Returns the nodes for which this daemon reports to the others which server it reaches.
NodeSet NodeProber::Claimed() const {
  NodeSet claimed;
  for (NodeIndex i = 0; i < records_.size(); ++i) claimed.set(i, records_[i].HasCheckedId());
  return claimed;
}

std::vector<ProbeOp::Sighting> NodeProber::SightingsAt(Time now, NodeIndex node) const {
  std::vector<ProbeOp::Sighting> sightings;
  for (NodeIndex i = 0; i < records_.size(); ++i) {
    const NodeRecord& record = records_[i];
    if (i == node || !record.HasCheckedId()) continue;
    const bool only_asks = record.other_run || records_.MetOtherSet();
    sightings.push_back({record.facts.node_id, record.facts.run_id,
                         only_asks ? std::nullopt : std::optional(now - record.heard)});
  }
  return sightings;
}

}  // namespace redlockd::engine
