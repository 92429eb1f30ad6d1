#pragma once

#include <optional>
#include <string>

#include "daemon/engine/agenda.h"
#include "daemon/engine/membership.h"
#include "daemon/engine/node_clocks.h"
#include "daemon/engine/node_judge.h"
#include "daemon/engine/node_log.h"
#include "daemon/engine/node_prober.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_report.h"
#include "daemon/engine/node_sightings.h"
#include "daemon/engine/options.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/random.h"

namespace redlockd::engine {

// The health of the nodes: which of them may vote now (rules A6, D1-D8, D10). It takes what the
// nodes say into their records, has all nodes judged anew after that, and has those asked that
// something is not known of. It owns the records and the parts that read them; only the table
// changes a record. It knows no locks.
class NodeTable {
 public:
  // What the table reports to the engine.
  class Observer {
   public:
    virtual ~Observer() = default;
    // The set of voters has changed; `gained`: one of them is new.
    virtual void OnVotersChanged(Time now, bool gained) = 0;
    // What the node has promised before may have ended by now (rule D6).
    virtual void OnPromisesVoid(Time now, NodeIndex node) = 0;
  };

  NodeTable(const EngineOptions& options, Random& random, Agenda& agenda, Outbox& outbox,
            Observer& observer);
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;

  // --- what is heard ------------------------------------------------------------------------------

  void OnLinkUp(Time now, NodeIndex node, const NodeFacts& facts);
  void OnDown(Time now, NodeIndex node, const std::string& reason);
  // To be called for every answer of whatever kind, before its content is used: reads the clock,
  // and what the verdict says of the node itself.
  void OnHeard(Time now, const NodeAnswer& answer);
  // The node sends hints to this daemon from now on, or no more.
  void OnSubscribed(NodeIndex node, bool subscribed) { records_[node].subscribed = subscribed; }
  // The answer to what the table asked, by the kind of its ticket.
  void OnProbed(Time now, const NodeAnswer& answer);
  void OnSuspected(Time now, const NodeAnswer& answer);
  void OnTrusted(Time now, const NodeAnswer& answer);
  // No answer to that will come.
  void OnGone(const NodeSilence& silence);
  // A trust or adopt was taken: the node's quarantine is now as `left` says.
  void QuarantineSet(Time now, NodeIndex node, Duration left);
  void Probe(Time now, NodeIndex node) { prober_.Probe(now, node); }

  // What is known of a node, for the next process; and from the former one, before anything is heard
  // (rule H2).
  record::Node Save(NodeIndex node) const;
  void Restore(NodeIndex node, const record::Node& former);

  // --- what is known ------------------------------------------------------------------------------

  bool Votes(NodeIndex node) const { return records_[node].state == NodeState::kUp; }
  // What it promises to a lease that it has counts: also while it takes no new ones, as it is full,
  // or as its last probe failed (rule C5).
  bool Keeps(NodeIndex node) const { return records_[node].keeps; }
  NodeSet Voters() const { return records_.Voters(); }
  NodeSet Linked() const { return records_.Linked(); }
  std::size_t size() const { return records_.size(); }
  // Now by the nodes' clocks, in microseconds (rule A5); none before any answer.
  std::optional<std::int64_t> ClockOfSet(Time now) const;
  std::string WhyNoQuorum(Time now, const NodeFailures& failures) const {
    return report_.WhyNoQuorum(now, failures);
  }

  const NodeRecords& records() const { return records_; }
  const Membership& membership() const { return membership_; }
  const NodeReport& report() const { return report_; }

 private:
  void Judge(Time now);
  void TakeFacts(Time now, NodeIndex index, const NodeFacts& facts);
  void Learn(Time now, NodeIndex index, const NodeAnswer& answer);
  void JudgeOtherRuns(Time now);
  void Quarantined(Time now, NodeIndex index, Duration left, bool forgot);
  void Suspect(Time now, NodeIndex index, NodeRecord::Suspicion suspicion);
  void ReadClock(Time now, const NodeAnswer& answer);
  void JudgeStep(Time now);

  const EngineOptions& options_;
  Observer& observer_;
  NodeRecords records_;
  Membership membership_;
  NodeClocks clocks_;
  NodeSightings sightings_;
  const NodeJudge judge_;
  const NodeReport report_;
  NodeLog log_;
  NodeProber prober_;
};

}  // namespace redlockd::engine
