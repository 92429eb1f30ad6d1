#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

// Everything that the engine may want done. The caller carries effects out in their order.
namespace redlockd::engine {

// One question to some nodes. Each of `nodes` gives exactly one NodeAnswer or a NodeSilence with
// gone=true in the end, with a NodeSilence gone=false in between where the command timeout passes.
// All ops of one lock to one node go over one connection, in order, as long as it lives; but
// renewals, and what is of no lock, over any. A renewal may come after a release that was asked
// later: it compares the owner, so it brings nothing back.
struct AskNodes {
  NodeSet nodes;
  Ticket ticket;
  NodeOp op;
};

// --- answers: each client request gets exactly one ----------------------------------------------

struct Granted {
  std::string name{};
  Fence fence;
  Time deadline;
  Duration ttl;
  std::size_t votes;
  std::size_t nodes;
  Mode mode = Mode::kExclusive;
  // The further locks, in the order asked.
  struct Other {
    std::string name{};
    Fence fence;
    Time deadline;
    Duration ttl;
    std::size_t votes;
  };
  std::vector<Other> also{};
};
struct Released {
  std::string name{};
  Fence fence;
  Duration kept{0};  // with min-hold: how long the lock stays taken
  // The further locks, in the order asked.
  struct Other {
    std::string name{};
    Fence fence;
    Duration kept{0};
  };
  std::vector<Other> also{};
};
struct Checked {
  std::string name{};
  Fence fence;
  Time deadline;
};
struct Done {};           // watch, unwatch
struct WaitCancelled {};  // to the one who cancelled; the wait itself gets Failed kCancelled
struct Broken {
  std::string name{};
  Duration left;  // by then others may have it
};
// What one node said: to show, break, trust-empty, adopt.
struct NodeWord {
  NodeIndex node;
  std::optional<NodeAnswer> answer{};  // none: silent
  std::string silence{};               // why there is none, for a person
  // Show: what the owner's daemon says by way of this node (rule E11).
  std::optional<HolderNamed> named{};
};
struct Shown {
  std::string name{};
  std::vector<NodeWord> nodes{};
  std::optional<HoldView> hold{};  // on this host
};
struct NodesSet {  // trust-empty, adopt: how many nodes took it
  std::vector<NodeWord> nodes{};
};

enum class Failure : std::uint8_t {
  // caller
  kBadTtl,
  kNotHeld,
  kLost,  // of a hold that ended without the client; reported once
  kDeadlock,
  kNoSuchWait,
  // contention
  kBusy,
  kTimeout,
  kNoTurn,  // the wait was over, if only that of a try, before the nodes could be asked (rule C12)
  kCancelled,
  // backend
  kNoQuorum,
  // server
  kLimit,
  kDraining,
  kRefused,  // trust-empty or adopt, which would take locks from those who have them (rules D3, D7)
  kNothingDiffers,  // adopt
};

enum class LossReason : std::uint8_t { kNone, kDeadline, kMaxHold, kDraining, kBroken };

// One wait of a cycle (rule W1): it is for this lock, which is held by this task.
struct InCycle {
  std::string lock{};
  TaskId holder{};
};

struct Failed {
  Failure failure;
  // Of the lock; empty if there is none. Of several: the first that may not be had, or else the first.
  std::string name{};
  Fence fence = 0;                        // kLost; kNoQuorum of a sync unlock
  LossReason reason = LossReason::kNone;  // kLost
  std::string text{};                     // why, for a person
  // kDeadlock of several: from this request on, so that the last holder is the task that asked.
  std::vector<InCycle> cycle{};
  // kNoQuorum of a sync unlock of several: the others, which this host has let go as well.
  std::vector<Released::Other> also{};
};

using Answer =
    std::variant<Granted, Released, Checked, Done, WaitCancelled, Broken, Shown, NodesSet, Failed>;

struct AnswerClient {
  SessionId session;
  RequestId request;
  Answer answer;
};

// --- events of a hold, sent to its session ------------------------------------------------------

// Who waits for the lock.
enum class By : std::uint8_t { kHere, kElsewhere };  // another session of this host, another daemon

struct Notice {
  enum class Kind : std::uint8_t { kRenewed, kJeopardy, kSafe, kLost, kBroken, kWanted, kDraining };
  Kind kind;
  std::string name{};
  Fence fence = 0;
  Time deadline{};  // kDraining: until when to let go; of the drain, not of a lock
  LossReason reason = LossReason::kNone;  // kLost, kBroken
  std::string text{};                     // kLost, kJeopardy: why, for a person
  By by = By::kHere;                      // kWanted
};
struct NotifyClient {
  SessionId session;
  Notice notice;
};

// --- what becomes of locks, sent to the sessions that watch them ---------------------------------

struct WatchNotice {
  enum class What : std::uint8_t {
    kGranted,
    kUnlocked,  // these three end a hold
    kClosed,    // its session closed, or was dropped
    kLost,
    kWanted,    // another waits: once since the last grant
    kKept,      // it stays taken, though no session holds it
    kReleased,  // this host lets the lock go
  };
  What what;
  std::string name{};
  Fence fence = 0;       // of the hold; 0: there is none
  std::int32_t pid = 0;  // these two of the holder: when a hold begins or ends
  std::uint32_t uid = 0;
  LossReason reason = LossReason::kNone;  // kLost
  By by = By::kHere;                      // kWanted
};
struct NotifyWatchers {
  std::vector<SessionId> sessions;  // in order
  WatchNotice notice;
};

// --- for the log --------------------------------------------------------------------------------

// A hold of a lock that is audited has begun or is over: of each there is one, in this order.
struct Audited {
  SessionId session;   // the holder, which may be closing
  WatchNotice notice;  // kGranted, or one that ends a hold; complete
};

struct NodeChanged {
  NodeIndex node;
  bool votes;            // may vote from now on
  std::string text{};    // "up", "in quarantine for 2.8s: ...", "clock off by 3600s", ...
  bool is_note = false;  // its vote is as it was, and the text is what it has refused
};

// Something that an administrator should know, and that is of no one node.
struct Warned {
  std::string text{};
};

using Effect = std::variant<AskNodes, AnswerClient, NotifyClient, NotifyWatchers, Audited,
                            NodeChanged, Warned>;
using Effects = std::vector<Effect>;

}  // namespace redlockd::engine
