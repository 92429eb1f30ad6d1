#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/node_record.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// What the log hears about the nodes, and how often: it owns what was logged last, so that the same
// trouble does not fill the log. It reads the records, and changes nothing of a node.
class NodeLog {
 public:
  NodeLog(const NodeRecords& records, Outbox& outbox)
      : records_(records), outbox_(outbox), logged_(records.size()) {}

  // The node votes, or does not vote, for a new reason.
  void Changed(Time now, NodeIndex node);
  // The node refused something: its record says what.
  void Refused(Time now, NodeIndex node);
  // What it refuses that can be lived without (NodeFacts::note), as it was last read.
  void Noted(NodeIndex node, const std::string& note);
  // A step was this host's clock's (rule D6).
  void HostClockMoved(Time now);

 private:
  struct Logged {
    std::optional<Time> refused_at;
    std::string note;
  };
  void Note(NodeIndex node, std::string text);

  const NodeRecords& records_;
  Outbox& outbox_;
  std::vector<Logged> logged_;  // last, of each node
  std::optional<Time> host_clock_at_;
};

}  // namespace redlockd::engine
