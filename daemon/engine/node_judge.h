#pragma once

#include <optional>
#include <string>

#include "daemon/engine/membership.h"
#include "daemon/engine/node_clocks.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_sightings.h"
#include "daemon/engine/options.h"

namespace redlockd::engine {

// What follows for a node from all that is known: whether it may vote, and if not, why (rules A6,
// D1-D8, D10). It reads the records and what is known of ids, sightings and clocks; it changes nothing
// and asks nothing. Where several reasons hold, the first of them counts: from those that make it
// no node at all to those that pass by themselves.
class NodeJudge {
 public:
  struct Judgement {
    NodeState state;
    std::string text;  // why it does not vote
  };

  NodeJudge(const EngineOptions& options, const NodeRecords& records, const Membership& membership,
            const NodeSightings& sightings, const NodeClocks& clocks)
      : options_(options),
        records_(records),
        membership_(membership),
        sightings_(sightings),
        clocks_(clocks) {}

  Judgement Judge(NodeIndex node) const;
  // What a node of that state promises to a lease that it has counts (rule C5).
  bool Keeps(NodeIndex node, NodeState state) const;
  // Its clock is too far off those of the others (rule A6).
  bool Skewed(NodeIndex node) const;
  // How far its clock is off those of all that are linked.
  std::optional<Duration> Off(NodeIndex node) const;

 private:
  using Fault = std::optional<Judgement>;
  Fault OfServer(NodeIndex node) const;
  Fault OfProbe(NodeIndex node) const;
  Fault OfMembership(NodeIndex node) const;
  Fault OfClaims(NodeIndex node) const;
  Fault OfMemory(NodeIndex node) const;

  const EngineOptions& options_;
  const NodeRecords& records_;
  const Membership& membership_;
  const NodeSightings& sightings_;
  const NodeClocks& clocks_;
};

}  // namespace redlockd::engine
