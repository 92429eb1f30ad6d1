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
};
struct Released {
  std::string name{};
  Fence fence;
};
struct Checked {
  std::string name{};
  Fence fence;
  Time deadline;
};
struct WaitCancelled {};  // to the one who cancelled; the wait itself gets Failed kCancelled
// What one node said: to show, trust-empty, adopt.
struct NodeWord {
  NodeIndex node;
  std::optional<NodeAnswer> answer{};  // none: silent
  std::string silence{};               // why there is none, for a person
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
  kCancelled,
  // backend
  kNoQuorum,
  // server
  kLimit,
  kDraining,
  kRefused,  // trust-empty or adopt, which would take locks from those who have them (rules D3, D7)
  kNothingDiffers,  // adopt
};

enum class LossReason : std::uint8_t { kNone, kDeadline, kMaxHold, kDraining };

struct Failed {
  Failure failure;
  std::string name{};                     // of the lock; empty if there is none
  Fence fence = 0;                        // kLost; kNoQuorum of a sync unlock
  LossReason reason = LossReason::kNone;  // kLost
  std::string text{};                     // why, for a person
};

using Answer = std::variant<Granted, Released, Checked, WaitCancelled, Shown, NodesSet, Failed>;

struct AnswerClient {
  SessionId session;
  RequestId request;
  Answer answer;
};

// --- events of a hold, sent to its session ------------------------------------------------------

struct Notice {
  enum class Kind : std::uint8_t { kRenewed, kJeopardy, kSafe, kLost, kDraining };
  Kind kind;
  std::string name{};
  Fence fence = 0;
  Time deadline{};  // kDraining: until when to let go; of the drain, not of a lock
  LossReason reason = LossReason::kNone;  // kLost
  std::string text{};                     // kLost, kJeopardy: why, for a person
};
struct NotifyClient {
  SessionId session;
  Notice notice;
};

// --- for the log --------------------------------------------------------------------------------

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

using Effect = std::variant<AskNodes, AnswerClient, NotifyClient, NodeChanged, Warned>;
using Effects = std::vector<Effect>;

}  // namespace redlockd::engine
