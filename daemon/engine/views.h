#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "daemon/engine/counters.h"
#include "daemon/engine/types.h"

// What `list`, `show`, `nodes` and `stats` may know of the engine: copies, valid on their own.
namespace redlockd::engine {

struct SessionUse {
  bool locks = false;   // it holds one, or waits for one
  bool losses = false;  // a hold ended without it, and it has not heard of that
};

struct HoldView {
  std::string name;
  SessionId session;
  Fence fence;
  Time granted;
  Time deadline;
  Duration ttl;
  std::size_t votes;
  bool jeopardy;
  std::string note;
  Mode mode = Mode::kExclusive;
  std::size_t place = 0;  // among the holds of its lock, from 0
  std::size_t holds = 1;  // of its lock on this host
};

struct WaitView {
  std::string name;
  SessionId session;
  Time since;
  std::optional<Time> until;
  std::size_t place;  // 1 is next
  std::string note;
  std::uint64_t set =
      0;  // not 0: a request for several locks, with the same number in the line of each
  Mode mode = Mode::kExclusive;
};

// A lock that stays taken after its hold (rule I1).
struct KeptView {
  std::string name;
  Fence fence;  // of that hold
  Time until;   // nobody has it before
};

// A row of `list`, in order of name; of each lock its holds come first, or that it is kept; then its line.
using RowView = std::variant<HoldView, KeptView, WaitView>;
struct RowPlace {
  std::string name;
  std::size_t place = 0;  // 0: its holds, or that it is kept; else that of the waiter
  std::size_t hold = 0;   // with 0: the place of the first hold
};

enum class QuotaKind : std::uint8_t { kLocks, kWaits, kNewNames };
inline constexpr std::size_t kQuotaKinds = 3;

// A quota of a rule (rule C19).
struct QuotaView {
  std::string prefix;  // the rule's
  QuotaKind kind;
  std::size_t most;
  std::size_t used;       // now; 0 of kNewNames
  std::uint64_t refused;  // requests, since the quota is there
};

enum class NodeState : std::uint8_t {
  kDown,        // no connection
  kProbing,     // connected, sentinel not read yet
  kUp,          // votes
  kNew,         // its sentinel was missing or of another run: quarantine has begun
  kQuarantine,  // waiting for `ready`
  kSkewed,      // clock off (rule A6)
  kReplica,
  kCluster,
  kEvicts,     // maxmemory-policy is not noeviction
  kSettings,   // max_ttl or fence_window differ (rule D3)
  kDuplicate,  // the same server as an entry before it (rule D8)
  kStranger,   // has no id, and others are of a set already (rule D8)
  kOtherSet,   // belongs to another set of nodes (rule D8)
  kFull,       // stores nothing new: keeps the leases that it has, and takes no others
  kOtherRun,   // another daemon reaches another server as this node (rule D10)
  kError,      // answers the probe with an error
};

struct NodeView {
  NodeIndex node;
  NodeState state;
  std::string text;                      // why it does not vote; or what it refused lately
  std::optional<Duration> ready_in{};    // kNew, kQuarantine
  std::optional<Duration> clock_off{};   // off the median of the nodes' clocks
  std::optional<Duration> round_trip{};  // of the last answer
  std::string run_id{};
  std::string version{};
};

}  // namespace redlockd::engine
