#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/redis/options.h"
#include "daemon/redis/scripts.h"

// What the engine asks, in Redis' words. Pure functions.
namespace redlockd::redis {

// The one hash of the daemons' own on each node (rule D1).
inline constexpr std::string_view kSentinelKey = "redlockd:node";

std::string LockKey(std::string_view prefix, std::string_view lock);
std::string FenceKey(std::string_view prefix, std::string_view lock);
std::string WantKey(std::string_view prefix, std::string_view lock);  // of the queue (rule E6.1)

// The script that does the op. A probe is this script and an INFO before it.
ScriptId ScriptOf(const engine::NodeOp& op);

// The keys and the arguments of that script, as scripts/*.lua name them. `run_id`: of the node, as
// learned on the connection over which this will go (rule D1).
struct Call {
  std::vector<std::string> keys;
  std::vector<std::string> args;
};
Call CallOf(const engine::NodeOp& op, const SetOptions& set, std::string_view run_id);

// Appends EVALSHA: the handshake has loaded the script.
void AppendCall(std::string& out, ScriptId script, const Call& call);

}  // namespace redlockd::redis
