#pragma once

#include <array>

#include "daemon/engine/lock.h"
#include "daemon/engine/quorum.h"

// What a Lock is made of; for lock*.cc alone.
namespace redlockd::engine {

struct Lock::Waiter {
  Waiter(Shared& shared, const LockRequested& r, Time now, std::function<void(Time)> over)
      : counted(shared.waits),
        session(r.session),
        request(r.request),
        since(now),
        is_try(r.wait == Duration(0)),
        max_hold(r.max_hold),
        note(r.note),
        renewed_events(r.renewed_events),
        wait_alarm(shared.agenda, std::move(over)) {}

  Counted counted;
  SessionId session;
  RequestId request;
  Time since;
  bool is_try;
  bool asked = false;  // a round was decided while it was first in line
  Duration ttl{0};
  std::optional<Duration> max_hold;
  std::string note;
  bool renewed_events;
  Alarm wait_alarm;
};

// One owner value's life on the nodes, from its first acquire until it is let go.
struct Lock::Lease {
  enum class Phase { kFirstRound, kConfirm, kHeld, kKept };

  Lease(std::size_t nodes, Agenda& agenda, Lock& lock)
      : validity(nodes),
        renew_alarm(agenda, [&lock](Time now) { lock.RenewRound(now); }),
        warn_alarm(agenda, [&lock](Time) { lock.WarnHolder(true); }),
        end_alarm(agenda, [&lock](Time now) { lock.DeadlineReached(now); }) {}

  // An acquire or renewal of this round goes to `nodes`.
  void Sent(NodeSet nodes) {
    in_flight |= nodes;
    for (NodeIndex i = 0; i < kMaxNodes; ++i) {
      if (nodes.test(i)) sent_in[i] = round;
    }
  }
  // It was answered, or never will be; what was sent before it has been answered before it.
  void Heard(NodeIndex node, const Ticket& ticket) {
    if (ticket.round == sent_in[node]) in_flight.reset(node);
  }

  AttemptNumber attempt = 0;
  std::string owner;
  Duration ttl{0};
  Duration drift_allowance{0};
  Phase phase = Phase::kFirstRound;
  AttemptGate::Pass pass;  // while it is an attempt
  Validity validity;
  NodeSet may_have;   // every node that was asked to set the key
  NodeSet in_flight;  // an acquire or renewal is out: at most one a node (rule C5)
  std::array<std::uint32_t, kMaxNodes> sent_in{};  // the newest round that did
  std::uint32_t round = 0;
  std::uint32_t granted_in = 0;  // the round that decided it
  unsigned first_rounds = 0;
  std::optional<Ballot> ballot;  // of the first or confirm round
  Fence fence = 0;               // being confirmed, then granted
  Time announced;                // the latest deadline that its hold ever had
  Time round_asked;              // of the renewal round
  NodeSet round_open;            // of the renewal round: not heard of yet
  NodeSet round_acked;
  Alarm renew_alarm;
  Alarm warn_alarm;
  Alarm end_alarm;
};

// The lease's use by one session.
struct Lock::Hold {
  explicit Hold(std::size_t& holds) : counted(holds) {}
  Counted counted;
  SessionId session = 0;
  std::string note;
  bool renewed_events = false;
  Time granted;
  std::optional<Time> ends_at;  // with max-hold
  Time deadline;                // as told; moves back by rule D6 alone
  bool jeopardy = false;
};

}  // namespace redlockd::engine
