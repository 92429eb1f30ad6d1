#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/engine/node_op.h"
#include "daemon/redis/options.h"
#include "daemon/redis/scripts.h"

// What the engine asks, in Redis' words. Pure functions.
namespace redlockd::redis {

// The one hash of the daemons' own on each node (rule D1).
inline constexpr std::string_view kSentinelKey = "redlockd:node";

// A lock's key is the prefix of all of them and its name; before it, for the others of a lock:
inline constexpr std::string_view kFencePrefix = "redlockd:fence:";
// The two of the queue (rule E8.1).
inline constexpr std::string_view kQueuePrefix = "redlockd:queue:";
inline constexpr std::string_view kWaitPrefix = "redlockd:wait:";
// Those who share it (rule F1); the scripts make this key themselves.
inline constexpr std::string_view kSharesPrefix = "redlockd:shares:";

// This key belongs to no lock and never exists: the introduction tries on it the commands that the
// scripts use.
inline constexpr std::string_view kTryKey = "redlockd:try";

// The script that does the op. A probe is this script and an INFO before it.
ScriptId ScriptOf(const engine::NodeOp& op);

// EVALSHA of that script, which the handshake has loaded, with its keys and arguments as
// scripts/*.lua name them: all but what differs from connection to connection.
struct Call {
  static constexpr std::size_t kNowhere = std::string::npos;

  std::string text;
  // Where the run_id of the node belongs, as one more bulk string, as it was learned on the connection
  // over which this will go (rule D1).
  std::size_t run_id_at = kNowhere;
  // Where '1' takes the place of a '0' if this daemon hears the node's hints (rule E8.2); after the
  // other.
  std::size_t hears_at = kNowhere;
};
Call CallOf(const engine::NodeOp& op, const SetOptions& set);

// Acquires, renewals and releases are sent in batches: several of one kind in one call, whose reply
// has a part for each (reply.h).
Call CallOf(std::span<const engine::AcquireOp> batch, const SetOptions& set);
Call CallOf(std::span<const engine::RenewOp> batch, const SetOptions& set);
Call CallOf(std::span<const engine::ReleaseOp> batch, const SetOptions& set);

// How the ops of one call have their parts in its reply.
enum class ReplyForm : std::uint8_t {
  kWhole,    // there is one op, and the reply is its answer
  kLetters,  // the reply's text has a letter for each
  kRows,     // some elements of the reply for each
  kNames,    // there is one op, and some elements for each of its names
};
ReplyForm FormOf(const engine::NodeOp& op);
// How many parts the reply to it has: the names of a claim; else one.
std::size_t PartsOf(const engine::NodeOp& op);

}  // namespace redlockd::redis
