#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/engine/types.h"
#include "daemon/redis/scripts.h"
#include "tests/support/redis_call.h"

// What happens to a node and to its fake, in the same order and at the same times.
namespace redlockd::contract {

// The one instance that hears what is published to it.
inline constexpr std::string_view kListener = "0123456789abcdef01234567";

struct ScriptCall {
  redis::ScriptId script;
  test::ScriptWords call;
};
struct Command {  // of a plain client
  std::vector<std::string> argv;
};
struct Flush {};    // FLUSHALL
struct Restart {};  // what it has is kept (an append-only file)
struct Save {};     // writes a snapshot
struct Crash {};    // and comes back with its last snapshot, or as it was before the first

struct Step {
  engine::NodeTime now;  // what the node's clock shows
  std::variant<ScriptCall, Command, Flush, Restart, Save, Crash> what;
};

std::ostream& operator<<(std::ostream& out, const Step& step);

}  // namespace redlockd::contract
