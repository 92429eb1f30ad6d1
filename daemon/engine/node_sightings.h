#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Whether other daemons reach the same servers as this one under the nodes' ids (rule D10). Each
// daemon says to every node which run it has for the ids of the other nodes, and hears of another run
// there that another daemon has heard not long ago.
class NodeSightings {
 public:
  explicit NodeSightings(std::size_t nodes)
      : seen_(nodes, std::vector<Seen>(nodes)), proven_(nodes) {}

  // The node is another server than before, as far as this daemon knows: nobody has been asked of
  // it.
  void Met(NodeIndex node);
  // `at` is being asked of those nodes.
  void OnAsked(NodeIndex at, NodeSet of) { being_asked_[at] = of; }
  // Its answer, at its own time: those of which another daemon reaches another server.
  struct Other {
    NodeIndex node;
    std::string run_id;
    NodeTime heard;
  };
  void OnAnswered(NodeIndex at, NodeTime time, const std::vector<Other>& others);

  // Some of these have never been asked of `at`.
  bool Lacks(NodeIndex at, NodeSet of) const;
  // As many other nodes as a majority needs beside it have nothing against it.
  bool Accepted(NodeIndex node) const;
  // The run that another daemon has in its place.
  std::optional<std::string> OtherRun(NodeIndex node) const;

 private:
  struct Seen {
    bool asked = false;
    bool accepted = false;
    std::string other;   // run
    NodeTime since = 0;  // of the first answer
  };
  std::size_t Acceptances(NodeIndex node) const;

  std::vector<std::vector<Seen>> seen_;  // at, of
  std::vector<std::string> proven_;      // the other run of each node, which is known to live
  std::array<NodeSet, kMaxNodes> being_asked_{};
};

}  // namespace redlockd::engine
