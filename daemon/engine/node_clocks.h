#pragma once

#include <optional>
#include <vector>

#include "daemon/engine/clock_offset.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/step_judge.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// The nodes' clocks as this host sees them by its own (rules A5, A6, D6).
class NodeClocks {
 public:
  NodeClocks(std::size_t nodes, double drift)
      : offsets_(nodes, ClockOffset(drift)), judge_(nodes) {}

  // Takes one reading. True: it shows a step forward.
  bool Observe(NodeIndex node, NodeTime node_time, Time asked, Time heard);
  // The node is another process: what was known of its clock says nothing.
  void Reset(NodeIndex node);

  std::optional<record::Clock> Save(NodeIndex node) const { return offsets_[node].Save(); }
  void Restore(NodeIndex node, const record::Clock& clock) { offsets_[node].Restore(clock); }

  // Whose step it was.
  StepJudge& judge() { return judge_; }

  // The middle one of the offsets of `of`, in microseconds; none before any reading.
  std::optional<std::int64_t> Median(NodeSet of) const;
  // How far the node's clock is off that.
  std::optional<Duration> Off(NodeIndex node, NodeSet of) const;

 private:
  std::vector<ClockOffset> offsets_;
  StepJudge judge_;
};

}  // namespace redlockd::engine
