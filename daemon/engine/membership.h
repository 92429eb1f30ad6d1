#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// Which nodes make up the set, by the ids that their sentinels hold (rule D8). A set is written on
// the nodes as "N:id,id,...", ids sorted.
class Membership {
 public:
  explicit Membership(std::size_t nodes) : ids_(nodes) {}

  // What the sentinel of a node said. An empty id means that it has none.
  void Learn(NodeIndex node, const std::string& id, const std::string& set);

  // This daemon's own set; empty until the ids of all nodes are known, and while two are the same.
  std::string Own() const;
  // Whether `set`, as found on a node, can be this daemon's.
  bool Foreign(std::string_view set) const;

  const std::string& IdOf(NodeIndex node) const { return ids_[node]; }
  // The id that a node without one should get: the one it had if the other nodes still list it, so
  // that a node that lost its memory stays a member; empty if a new one is to be made; none if that
  // cannot be told yet.
  std::optional<std::string> IdFor(NodeIndex node) const;

 private:
  std::vector<std::string> ids_;
  std::string seen_set_;  // the newest non-empty set found on any node
};

}  // namespace redlockd::engine
