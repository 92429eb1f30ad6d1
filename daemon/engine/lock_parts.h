#pragma once

#include <algorithm>
#include <array>

#include "base/check.h"
#include "daemon/engine/lock.h"
#include "daemon/engine/quorum.h"

// What a Lock is made of; for lock*.cc alone.
namespace redlockd::engine {

inline constexpr Fence kBlock = 64;  // rule A8: holds for thousands of grants a second

struct Lock::Waiter {
  Waiter(Shared& shared, std::size_t& tries, const LockRequested& r, Time now,
         std::function<void(Time)> over)
      : counted(shared.waits),
        session(r.session),
        request(r.request),
        since(now),
        is_try(r.wait == Duration(0)),
        max_hold(r.max_hold),
        note(r.note),
        renewed_events(r.renewed_events),
        wait_alarm(shared.agenda, std::move(over)) {
    if (is_try) counted_try.emplace(tries);
  }

  Counted counted;
  std::optional<Counted> counted_try;
  SessionId session;
  RequestId request;
  Time since;
  bool is_try;
  bool asked = false;        // a round was decided while it was first in line
  bool out_of_time = false;  // answered by the round that is under way
  unsigned splits = 0;       // rounds without a holder in sight, while it was in line (rule E10)
  Time split_since;          // the first of them failed
  Duration ttl{0};
  std::optional<Duration> max_hold;
  std::string note;
  bool renewed_events;
  Alarm wait_alarm;
};

// One owner value's life on the nodes, from its first acquire until it is let go.
struct Lock::Lease {
  enum class Phase { kFirstRound, kConfirm, kLeased, kKept };
  static constexpr bool MayFollow(Phase phase, Phase next) {
    switch (next) {
      case Phase::kFirstRound:
        return phase == Phase::kFirstRound || phase == Phase::kConfirm;
      case Phase::kConfirm:
        return phase == Phase::kFirstRound;
      case Phase::kLeased:
        return phase == Phase::kFirstRound || phase == Phase::kConfirm;
      case Phase::kKept:
        return phase == Phase::kLeased;
    }
    return false;
  }

  Lease(std::size_t nodes, Agenda& agenda, Lock& lock)
      : validity(nodes), alarm(agenda, [&lock](Time now) { lock.LeaseDue(now); }) {}

  // The edges of the picture in lock.h.
  void Enter(Phase next) {
    CHECK(MayFollow(phase, next));
    phase = next;
  }

  // An acquire or renewal of this round goes to `nodes`.
  void Sent(NodeSet nodes) {
    in_flight |= nodes;
    for (NodeIndex i = 0; i < kMaxNodes; ++i) {
      if (nodes.test(i)) sent_in[i] = round;
    }
  }
  // It was answered, or never will be. One at most is out at a node (rule C5), but for a first
  // round after another: those are acquires, which are answered in their order.
  void Heard(NodeIndex node, const Ticket& ticket) {
    if (ticket.round == sent_in[node]) in_flight.reset(node);
  }

  // Sets the ttl of what is asked from the next round on (rule C10).
  void ChangeTtl(Duration to) {
    if (to == ttl) return;
    former_ttl = ttl_since == 0 ? ttl : std::min(former_ttl, ttl);
    longest_ttl = std::max(longest_ttl, to);
    ttl = to;
    ttl_since = round + 1;
  }
  // Returns the ttl of what was asked in that round, or less.
  Duration TtlOf(std::uint32_t asked_in) const {
    return asked_in >= ttl_since ? ttl : std::min(former_ttl, ttl);
  }

  // What a node last said, or did not, where it was to promise the lease anew.
  void Failed(NodeIndex node, std::string why) {
    if (!failures) failures = std::make_unique<NodeFailures>();
    (*failures)[node] = std::move(why);
  }
  void Succeeded(NodeIndex node) {
    if (failures) failures->erase(node);
  }

  static constexpr Time kNever = Time::max();
  void Arm() { alarm.Set(std::min({renew_at, warn_at, end_at})); }

  AttemptNumber attempt = 0;
  Duration ttl{0};
  std::uint32_t ttl_since = 0;  // the first round that it was asked in
  Duration former_ttl{0};       // the shortest before it
  Duration longest_ttl{0};
  Phase phase = Phase::kFirstRound;
  // Once it is kept.
  struct Kept {
    Kept(Shared& shared, SessionId session)
        : of_user(shared.sessions, session), counted(shared.counters.kept) {}
    SessionTable::Kept of_user;
    Counted counted;
  };
  std::unique_ptr<Kept> kept{};
  AttemptGate::Pass pass;  // while it is an attempt
  Validity validity;
  NodeSet may_have;   // every node that was asked to set the key, and has not said that it did not
  NodeSet in_flight;  // an acquire or renewal is out: at most one a node (rule C5)
  std::array<std::uint32_t, kMaxNodes> sent_in{};  // the newest round that did
  std::uint32_t round = 0;
  std::uint32_t granted_in = 0;  // the round that decided it
  unsigned first_rounds = 0;
  // The ballot of the first or confirm round; once leased, of the round that asks for the next
  // block.
  std::unique_ptr<Ballot> ballot;
  std::uint32_t block_round = 0;
  Fence block = 1;      // how many fences are asked for at a time
  Fence confirmed = 0;  // kConfirm: T of rule A4
  Fence next = 0;       // the next fence of the block, and the last (rule B2)
  Fence top = 0;
  Time announced;      // the latest deadline that its hold ever had
  Time round_asked;    // of the first round, or of the renewal round
  NodeSet round_open;  // of the renewal round: not heard of yet
  NodeSet round_acked;
  std::unique_ptr<NodeFailures> failures;  // since each node's last promise; mostly none
  NodeSet healing;                         // asked to take it again (rule C6)
  bool asked_to_pass_on = false;        // a round is out, or was, that the next in line waits for
  bool owes_rest = false;               // after its first hold, for a tenure before it (rule E1)
  bool wanted = false;                  // by another daemon, as far as is known (rule E2)
  bool is_queued_for = false;           // ... that has an entry in its queue: not by a try
  unsigned handoffs_while_wanted = 0;   // it was handed on so often since then
  std::optional<Time> wanted_since;     // wanted, and leased
  std::optional<Time> passed_on_since;  // the end of its first hold: a tenure begins (rule E1)
  std::optional<Time> lingers_until;    // it has no hold, and nobody waits
  Duration apart{0};                    // its next renewal from others of the last, see Timing
  Time renew_at = kNever;
  Time warn_at = kNever;  // the holder, that little is left
  Time end_at = kNever;   // of the hold if there is one, else of the lease
  Alarm alarm;            // for the first of the three
};

// What it takes to get the lock from the nodes, and from other daemons: there while somebody here
// waits for it, and as long as something of it is to be remembered.
struct Lock::Contest {
  Contest(const Timing& timing, Agenda& agenda, Lock& lock)
      : want(timing),
        attempt_alarm(agenda, [&lock](Time now) { lock.Proceed(now); }),
        rest_alarm(agenda, [&lock](Time now) { lock.Proceed(now); }),
        release_alarm(agenda, [&lock](Time now) { lock.Proceed(now); }),
        quorum_alarm(agenda, [&lock](Time now) { lock.FailTheImpatient(now); }) {}

  // Others come first, by the rules E1 and E6.7. A try is let through.
  bool IsHeldBack() const { return rest_alarm.at() || release_alarm.at(); }
  bool IsToRemember() const { return want.IsToRemember() || IsHeldBack(); }

  Want want;
  unsigned splits = 0;  // failed rounds in a row without a holder in sight (rule E7)
  std::optional<Time> no_quorum_since;
  std::optional<AttemptGate::Place> before_gate;  // the next attempt waits there
  NodeFailures failures;                          // of the last round that failed
  NodeSet freed;        // said since the last round went out that they are free (rule E5)
  Alarm attempt_alarm;  // back-off, after an attempt that failed
  Alarm rest_alarm;     // after a tenure (rule E1)
  Alarm release_alarm;  // at the latest, when m nodes are to have answered a release (rule E6.7)
  Alarm quorum_alarm;   // when waiters have been without a quorum for quorum_wait
};

// A round that came to nothing.
struct Lock::FailedRound {
  bool reached;   // a majority of the nodes answered it
  bool is_split;  // ... and none of them named a holder
  Time asked;
  Duration next;  // until the next round
};

// The lease's use by one session.
struct Lock::Hold {
  explicit Hold(std::size_t& holds) : counted(holds) {}
  Counted counted;
  SessionId session = 0;
  Fence fence = 0;
  std::string note;
  bool renewed_events = false;
  Time granted;
  std::optional<Time> ends_at;  // with max-hold
  Time deadline;                // as announced; moves back by rule D6 alone
  bool jeopardy = false;
};

}  // namespace redlockd::engine
