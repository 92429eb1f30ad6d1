#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/engine/types.h"

// What an engine leaves to the engine of the daemon's next process (rules H): plain values, which say
// nothing of how they are kept. What is not here is learned anew, or forgotten.
namespace redlockd::engine {

namespace record {

// How far a node's clock is ahead, in microseconds, as of then (rule D6).
struct Clock {
  std::int64_t low = 0, high = 0;
  Time at{};
  bool operator==(const Clock&) const = default;
};

// What was known of a node; an empty text is "nothing".
struct Node {
  std::string run_id{};
  std::string policy{};  // maxmemory-policy
  std::uint64_t evicted_keys = 0;
  std::string id{};
  std::string set{};
  std::int64_t count = 0;      // of introductions (rule D1)
  std::string counted{};       // the run that it last voted here as
  std::uint8_t suspected = 0;  // NodeRecord::Suspicion
  std::optional<Time> doubted_until{};
  std::optional<Clock> clock{};
  bool operator==(const Node&) const = default;
};

struct Loss {  // rule C18
  SessionId holder = 0;
  std::string lock{};
  Fence fence = 0;
  LossReason reason = LossReason::kNone;
  bool operator==(const Loss&) const = default;
};

struct Session {
  SessionId id = 0;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  SessionId within = 0;
  bool input_ended = false;
  std::vector<std::string> watches{};
  std::vector<Loss> losses{};  // with those of its owners
  bool operator==(const Session&) const = default;
};

// What has become of one lock of an unlock of several (rule G3): it is released, or why not.
struct Part {
  std::string lock{};
  Fence fence = 0;
  Duration kept{};
  bool has_failed = false;  // too few nodes have
  std::string text{};       // then: why
  bool operator==(const Part&) const = default;
};

// The answer to an unlock of several locks, as far as it is known.
struct Joint {
  std::vector<std::string> locks{};  // in the order in which they are answered
  std::vector<Part> parts{};
  bool operator==(const Joint&) const = default;
};

// One who waits to hear that a majority has released, or keeps, a lock.
struct Asker {
  SessionId session = 0;
  RequestId request = 0;
  Fence fence = 0;
  std::optional<Joint> joint{};  // the same for all locks of the request
  bool operator==(const Asker&) const = default;
};

// An owner value that a majority has granted. Of what was asked and not answered only one thing is
// known: the nodes that may have the key.
struct Lease {
  AttemptNumber attempt = 0;
  Duration ttl{};
  Duration longest_ttl{};
  std::uint64_t may_have = 0;    // nodes, as bits
  std::uint64_t broken = 0;      // likewise (rule I4)
  std::vector<Time> promises{};  // of each node; the beginning of time: none
  Time announced{};              // the latest deadline that its hold ever had
  Fence next = 1, last = 0;      // what is left of its fences
  // Its tenure (rules E1, E2); without `since`, it has not begun.
  std::optional<Time> since{};
  bool wanted = false, queued_for = false, owes_cooldown = false;
  bool shared = false;
  Time owed{};  // until then the keys stay (rule C9)
  bool operator==(const Lease&) const = default;
};

struct Hold {
  SessionId session = 0;
  std::uint64_t task_number = 0;
  SessionId task_session = 0;
  Fence fence = 0;
  std::string note{};
  Time granted{};
  Time deadline{};
  Time ends_at{};
  Time kept_until{};
  bool renewed_events = false, wanted_events = false;
  bool jeopardy = false;
  bool audited = false;
  bool moved_back = false;
  bool operator==(const Hold&) const = default;
};

// A lock that stays taken after its hold (rule I1).
struct Kept {
  std::uint32_t uid = 0;
  Fence fence = 0;
  Time until{};
  bool secured = false;
  std::optional<Asker> asker{};
  bool operator==(const Kept&) const = default;
};

// A place in the nodes' queue (rule E6).
struct Want {
  Stamp stamp = 0, greatest = 0;
  std::uint64_t entries = 0;  // nodes, as bits
  bool operator==(const Want&) const = default;
};

struct Wait {
  SessionId session = 0;
  RequestId request = 0;
  Time since{};
  std::optional<Time> until{};
  bool is_try = false;
  Duration ttl{};
  std::optional<Duration> max_hold{};
  Duration min_hold{0};
  std::string note{};
  bool renewed_events = false, wanted_events = false;
  std::uint64_t task_number = 0;
  SessionId task_session = 0;
  bool for_holder = false;  // rule W1
  bool asked = false;
  bool out_of_time = false;
  bool shared = false;
  bool operator==(const Wait&) const = default;
};

// Either it has a lease, with a hold or kept, or it has none. A lease that nobody held is one to be
// released.
struct Lock {
  std::string name{};
  std::optional<Lease> lease{};
  std::optional<Hold> hold{};
  std::optional<Kept> kept{};
  Fence known_fence = 0;  // the last plausible one
  Want want{};
  std::optional<Time> cooldown{};
  bool owes_cooldown = false;
  bool was_wanted = false;     // since the last grant: who asked for it was advised (rule I5)
  std::vector<Wait> waits{};   // in order; without those of sets
  std::vector<Hold> others{};  // more holds of a lease that is shared
  bool operator==(const Lock&) const = default;
};

// A request for several locks that waits (rules G). Whether it stands aside is not kept: it is where it was
// in all lines.
struct Set {
  std::uint64_t number = 0;
  std::vector<std::string> names{};  // in the order asked
  Wait wait{};                       // for_holder says nothing
  Want want{};
  bool operator==(const Set&) const = default;
};

// How much a user, or those whose locks have that prefix, may ask for (Allowance).
struct Allowed {
  std::uint32_t uid = 0;
  std::string prefix{};
  Time full_at{};
  bool operator==(const Allowed&) const = default;
};

// Which names were asked for lately (rule C14).
struct Names {
  std::uint64_t seed = 0;
  std::vector<std::uint64_t> bits{};  // of the filter: place and word by turns; 0 is left out
  std::uint64_t capacity = 0, added = 0;
  Time ends{};
  std::vector<Allowed> users{};
  bool operator==(const Names&) const = default;
};

struct Release {  // rule C4
  AttemptNumber attempt = 0;
  std::string lock{};
  bool leave = false;
  std::uint64_t nodes = 0;  // as bits
  Time gone_by{};
  std::optional<Asker> asker{};
  bool is_news = false;  // to those who watch the lock
  bool operator==(const Release&) const = default;
};

// A question of a client for the nodes that is not answered.
struct Query {
  enum class Kind : std::uint8_t { kShow, kBreak, kAct };  // kAct: trust-empty or adopt
  Kind kind = Kind::kShow;
  SessionId session = 0;
  RequestId request = 0;
  std::string name{};
  std::string owner{};
  bool at_once = false;
  bool operator==(const Query&) const = default;
};

}  // namespace record

struct State {
  std::string instance{};
  AttemptNumber last_attempt = 0;
  Time saved{};
  std::vector<record::Node> nodes{};
  std::vector<record::Session> sessions{};  // those that others are within come first
  std::vector<record::Lock> locks{};        // each name once
  std::vector<record::Release> releases{};
  std::vector<record::Query> queries{};
  std::vector<record::Set> sets{};  // in the order in which they came
  std::uint64_t last_set = 0;       // the greatest number of any
  Stamp last_set_stamp = 0;         // rule G4
  record::Names names{};
  std::vector<record::Allowed> quotas{};  // of new names (rule C19)
  bool operator==(const State&) const = default;
};

// Why no engine with that many nodes can go on from this state at `now`, in one sentence; empty: one
// can. For states that come from outside.
std::string WhyUnusable(const State& state, std::size_t nodes, Time now);

}  // namespace redlockd::engine
