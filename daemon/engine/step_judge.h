#pragma once

#include "daemon/engine/effects.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Whose clock moved when a node's TIME went ahead of this host's clock (rule D6): the node's, or
// this host's, which stood still or ran slow. One reading does not show which, so the other nodes
// are read as well: where a majority of all nodes has moved, it is this host's.
class StepJudge {
 public:
  enum class Verdict { kOpen, kNode, kHost };
  // What was seen so long ago has nothing to do with what is seen now.
  static constexpr Duration kTogether = std::chrono::seconds(5);

  explicit StepJudge(std::size_t nodes) : nodes_(nodes) {}

  // A case ends when it is closed, or long after it began. Of this host's clock it goes on until
  // then: the nodes that have not been read yet will show the same step.
  void Expire(Time now);
  // A reading, heard at `heard`, showed that the node's clock made a step.
  void Stepped(NodeIndex node, Time heard);
  // Any other reading. `moved`: it lies above what was known of the node's clock, by however
  // little. A reading that was asked for before the step was seen may be from before the step.
  void Read(NodeIndex node, Time asked, bool moved);
  // The node is another process now.
  void Forget(NodeIndex node);

  bool Open() const { return stepped_.any(); }
  // The node's reading is still needed.
  bool Needs(NodeIndex node) const { return Open() && !moved_.test(node) && !still_.test(node); }
  Verdict Judge() const;
  // Those that made a step; nothing is left of the case.
  NodeSet Close();

 private:
  std::size_t nodes_;
  Time since_;  // the first step was heard
  NodeSet stepped_;
  NodeSet moved_;  // these too
  NodeSet still_;
};

}  // namespace redlockd::engine
