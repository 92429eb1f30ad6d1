#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/engine/agenda.h"
#include "daemon/engine/asker.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// Owner values that are to go from the nodes (rule C4): each stays here, per node, until the node
// has acked its release or the key must have ended by itself.
class ReleaseTable {
 public:
  // The most that are owed at a time. Beyond that the oldest is forgotten; its keys expire by
  // themselves.
  static constexpr std::size_t kMost = 100'000;

  // What the table reports to the engine.
  class Observer {
   public:
    virtual ~Observer() = default;
    // All nodes but for a minority have answered a release of this lock.
    virtual void OnReleased(const std::string& lock) = 0;
  };

  ReleaseTable(const NodeTable& nodes, const SessionTable& sessions, Agenda& agenda, Outbox& outbox,
               Observer& observer)
      : nodes_(nodes), sessions_(sessions), agenda_(agenda), outbox_(outbox), observer_(observer) {}

  // Asks `nodes` (every node that may have this owner's key) for `op`. By `gone_by` the key has
  // ended everywhere. An attempt is under way until the nodes, but for a minority, are through with
  // it. `awaited`: the observer is notified when they are.
  struct Release {
    AttemptNumber attempt;
    ReleaseOp op;
    NodeSet nodes;
    Time gone_by;
    // Waits until a quorum has released (`unlock NAME sync`); is answered kNoQuorum if too few nodes can
    // be reached now.
    std::optional<Asker> asker{};
    AttemptGate::Pass pass{};
    bool awaited = false;
  };
  void Add(Time now, Release release);
  // A connection to the node is there: what it has not acked is asked again (rule C7).
  void OnLinkUp(Time now, NodeIndex node);
  void OnAnswered(Time now, const NodeAnswer& answer);
  void OnMissed(Time now, const NodeSilence& silence);

  // The lock that is released; none if nothing is owed any more.
  const std::string* LockOf(AttemptNumber attempt) const;

  // A release is on its way to a node that may still ack it.
  bool InFlight() const;
  std::size_t size() const { return pending_.size(); }
  // All that is owed, for the next process.
  std::vector<record::Release> Save() const;

 private:
  struct Pending {
    Pending(Agenda& agenda, std::function<void(Time)> expire, std::function<void(Time)> ask_again)
        : expiry(agenda, std::move(expire)), again(agenda, std::move(ask_again)) {}
    ReleaseOp op;
    NodeSet unacked;
    NodeSet in_flight;
    NodeSet missed;         // silent or refused once; may still ack
    NodeFailures failures;  // of those, as they were last
    std::optional<Asker> asker;
    AttemptGate::Pass pass;
    bool awaited = false;
    Alarm expiry;
    Alarm again;  // for nodes that are there, but would not take it
  };
  void ForgetOldest();
  void Ask(Time now, AttemptNumber attempt, Pending& pending, NodeSet nodes);
  void AskAgain(Time now, AttemptNumber attempt);
  void Expire(AttemptNumber attempt);
  void NotTaken(Time now, Pending& pending, NodeIndex node, std::string why);
  void AnswerAsker(Pending& pending);
  // It is not on its way to more than a minority of the nodes.
  bool IsThrough(const Pending& pending) const;
  // It is not on its way to the node any more. The lock, if that was awaited.
  std::optional<std::string> Landed(Pending& pending, NodeIndex node);

  const NodeTable& nodes_;
  const SessionTable& sessions_;
  Agenda& agenda_;
  Outbox& outbox_;
  Observer& observer_;
  std::map<AttemptNumber, Pending> pending_;
};

}  // namespace redlockd::engine
