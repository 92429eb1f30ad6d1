#pragma once

#include <deque>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/membership.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/node_sightings.h"
#include "daemon/engine/options.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/random.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// What a node is asked about itself, and when: its probe, every 2 s or sooner, with what is to be
// written on it (rules D3, D8, D10), and that it is suspected (rules D5, D6). It owns the alarms of
// the probes and what is on its way to which node. It reads the records; it does not take answers,
// and does not judge.
class NodeProber {
 public:
  NodeProber(const EngineOptions& options, const NodeRecords& records, const Membership& membership,
             NodeSightings& sightings, Random& random, Agenda& agenda, Outbox& outbox);

  // Probes the node if it is linked and no probe is on its way.
  void Probe(Time now, NodeIndex node);
  // The probe of the node is not on its way any more.
  void OnProbeOver(NodeIndex node) { probing_.reset(node); }
  // Probes it at `at` at the latest.
  void LookAgain(NodeIndex node, Time at);
  // A probe found the node unfit: that may pass sooner than a lease ends.
  void LookSoon(Time now, NodeIndex node);
  // What the nodes lack is written at once, not at the next probe.
  void WriteWhatIsMissing(Time now);

  void AskToSuspect(Time now, NodeIndex node);
  void OnSuspectOver(NodeIndex node) { suspecting_.reset(node); }
  // Asks it to end the quarantine that a new node has (EngineOptions::trust_new_nodes).
  void AskToTrust(Time now, NodeIndex node);

  // Nothing that was asked of it before is on its way: it is another process.
  void Forget(NodeIndex node);
  // It cannot be reached.
  void Stop(NodeIndex node) { alarms_[node].Clear(); }

 private:
  void Ask(Time now, NodeIndex node, Ticket::Kind kind, NodeOp op);
  ProbeOp MakeProbe(Time now, NodeIndex node);
  bool MayWrite() const;
  bool LacksWhatIsWritten(NodeIndex node) const;
  NodeSet Claimed() const;
  std::vector<ProbeOp::Sighting> SightingsAt(Time now, NodeIndex node) const;

  const EngineOptions& options_;
  const NodeRecords& records_;
  const Membership& membership_;
  NodeSightings& sightings_;
  Random& random_;
  Outbox& outbox_;
  NodeSet probing_;
  NodeSet suspecting_;
  NodeSet may_write_;         // the last probe was to write missing settings (rule D3)
  std::deque<Alarm> alarms_;  // a deque: alarms stay where they are
};

}  // namespace redlockd::engine
