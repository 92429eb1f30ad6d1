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
  explicit Membership(std::size_t nodes) : members_(nodes) {}

  // What the sentinel of a node said. An empty id means that it has none.
  void Learn(NodeIndex node, const std::string& id, const std::string& set);

  // This daemon's own set; empty until the ids of all nodes are known, and while two are the same.
  const std::string& Own() const { return own_; }
  // Whether `set`, as found on a node, can be this daemon's.
  bool Foreign(std::string_view set) const;

  // A set is written on some node.
  bool SetKnown() const;
  // What to store on a node as its id if it has none: the id that it had when this daemon met it,
  // so that a node that lost its memory stays a member; empty if a new one is to be made. None if
  // neither can be said: as long as not all nodes have been heard, or for a node without an id
  // where others are of a set already. To guess which of the set's ids is missing would take a
  // stranger for a member.
  std::optional<std::string> IdFor(NodeIndex node) const;

 private:
  struct Member {
    bool heard = false;
    std::string id;   // remembered
    std::string set;  // as it last was
  };
  std::string SetOfIds() const;

  std::vector<Member> members_;
  std::string own_;
};

}  // namespace redlockd::engine
