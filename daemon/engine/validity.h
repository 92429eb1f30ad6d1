#pragma once

#include <optional>
#include <vector>

#include "daemon/engine/node_set.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Until when each node has promised the lease, and until when therefore the lease holds (rule C2).
class Validity {
 public:
  explicit Validity(std::size_t nodes) : until_(nodes, kNone) {}

  // A node acked an acquire or renewal that was asked for at `asked`; its promise counts from
  // there. Answers may come late and in any order: a promise is never shortened.
  void Ack(NodeIndex node, Time asked, Duration ttl, Duration drift_allowance);
  // The node's promises so far no longer count (rule D6).
  void Forget(NodeIndex node);

  // For the next process, and from the former one: by node, kNone where it promised nothing.
  const std::vector<Time>& Save() const { return until_; }
  void Restore(std::vector<Time> until);

  bool Promised(NodeIndex node) const { return until_[node] != kNone; }
  // The m-th largest promise; none if fewer than m nodes have promised.
  std::optional<Time> Deadline() const {
    return deadline_ == kNone ? std::nullopt : std::optional(deadline_);
  }
  std::size_t majority() const { return Majority(until_.size()); }
  // Nodes whose promise reaches beyond `now`.
  std::size_t Count(Time now) const;

 private:
  static constexpr Time kNone = Time::min();
  Time NthPromise() const;

  std::vector<Time> until_;
  Time deadline_ = kNone;  // asked for far more often than it changes
};

}  // namespace redlockd::engine
