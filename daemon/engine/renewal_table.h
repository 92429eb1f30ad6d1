#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/outbox.h"

namespace redlockd::engine {

// Renewals that go to the nodes together, for as long as their answers are out. What is added in
// one step goes out in questions of up to RenewOp::kMost leases, so that thousands of leases cost
// nodes and host little, and no node stops for long. The table knows no locks: what a node answers
// for each lease is passed on as if that lease had been asked for alone.
class RenewalTable {
 public:
  explicit RenewalTable(Outbox& outbox) : outbox_(outbox) {}

  // Asks `nodes` to renew the lease of that attempt, in its round. Returns which call of this step
  // carries it, counting from 0.
  std::size_t Add(Time now, NodeSet nodes, AttemptNumber attempt, std::uint32_t round,
                  RenewOp::Lease lease);
  // Sends what has been gathered. It is called at the end of each step, and before the step's
  // event, which may end a lease that is to be renewed.
  void Flush(Time now);

  void Answered(const NodeAnswer& answer, const std::function<void(const NodeAnswer&)>& tell);
  void Missed(const NodeSilence& silence, const std::function<void(const NodeSilence&)>& tell);

 private:
  struct Part {
    AttemptNumber attempt;
    std::uint32_t round;
  };
  struct Gathered {
    std::vector<Part> parts;
    RenewOp op;
  };
  struct Sent {
    std::vector<Part> parts;
    NodeSet open;  // have not answered, and still may
  };
  void Send(Time now, NodeSet nodes, Gathered& gathered);
  void Close(std::uint64_t number, NodeIndex node);

  Outbox& outbox_;
  std::map<unsigned long, Gathered> gathered_;  // by the set of nodes
  std::size_t added_ = 0;                       // since the last Flush
  std::unordered_map<std::uint64_t, Sent> sent_;
  std::uint64_t last_ = 0;
};

}  // namespace redlockd::engine
