#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/engine/agenda.h"
#include "daemon/engine/outbox.h"

namespace redlockd::engine {

// Owner values that are to go from the nodes (rule C4): each stays here, per node, until the node
// has acked its release or the key must have ended by itself.
class ReleaseTable {
 public:
  // Someone who wants to know when a quorum has released (`unlock NAME sync`); told kNoQuorum if
  // too few nodes can be reached now.
  struct Waiter {
    SessionId session;
    RequestId request;
    Fence fence;
  };

  ReleaseTable(std::size_t nodes, Agenda& agenda, Outbox& outbox)
      : nodes_(nodes), agenda_(agenda), outbox_(outbox) {}

  // Asks `may_have` (every node that was ever asked to set this owner's key) to release it. By
  // `gone_by` the key has ended everywhere.
  void Add(Time now, AttemptNumber attempt, std::string lock, std::string owner, NodeSet may_have,
           Time gone_by, std::optional<Waiter> waiter);
  // A connection to the node is there: what it has not acked is asked again (rule C7).
  void LinkUp(Time now, NodeIndex node);
  void Answered(const NodeAnswer& answer);
  void Missed(const NodeSilence& silence);
  void SessionClosed(SessionId session);

  // A release is on its way to a node that may still ack it.
  bool InFlight() const;
  std::size_t size() const { return pending_.size(); }

 private:
  struct Pending {
    Pending(Agenda& agenda, std::function<void(Time)> expire) : expiry(agenda, std::move(expire)) {}
    std::string lock;
    std::string owner;
    NodeSet unacked;
    NodeSet in_flight;
    NodeSet missed;  // silent or refused once; may still ack
    std::optional<Waiter> waiter;
    Alarm expiry;
  };
  void Ask(Time now, AttemptNumber attempt, Pending& pending, NodeSet nodes);
  void AnswerWaiter(Pending& pending);

  std::size_t nodes_;
  Agenda& agenda_;
  Outbox& outbox_;
  std::map<AttemptNumber, Pending> pending_;
};

}  // namespace redlockd::engine
