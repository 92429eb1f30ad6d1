#pragma once

#include <lua.hpp>

#include "tests/sim/reply.h"

// Redis' conversions between its replies and Lua's values.
namespace redlockd::sim {

// What redis.call gives to the script: nil is false, a status {ok=...}, an error {err=...}.
void Push(lua_State* lua, const Reply& reply);

// What the script's return value, on top of the stack, is to the client: a number is cut to an
// integer, a table ends at its first nil.
Reply ToReply(lua_State* lua);

}  // namespace redlockd::sim
