#pragma once

#include <string>
#include <vector>

#include "daemon/engine/node_judge.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/options.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// What is said of the nodes to people: in answers, and in `redlock nodes`. It reads the records and
// what the judge makes of the clocks, and changes nothing.
class NodeReport {
 public:
  NodeReport(const EngineOptions& options, const NodeRecords& records, const NodeJudge& judge)
      : options_(options), records_(records), judge_(judge) {}

  // Why there is no quorum: "2 of 5 nodes vote, 3 are needed: node 3 ..."
  // `failures`: of the round that failed.
  std::string WhyNoQuorum(Time now, const NodeFailures& failures) const;
  // Why nodes did not promise a lease anew: `failures`, and of those not asked why that was.
  std::string WhyNotKept(const NodeFailures& failures) const;
  // Why the nodes are not new; empty if they are, as far as this daemon knows (rule D7).
  std::string WhyNotNew() const;
  // The same by what this daemon itself has done.
  std::string WhyUsedHere() const;
  std::vector<NodeView> Views(Time now) const;

 private:
  NodeView ViewOf(Time now, NodeIndex node) const;

  const EngineOptions& options_;
  const NodeRecords& records_;
  const NodeJudge& judge_;
};

}  // namespace redlockd::engine
