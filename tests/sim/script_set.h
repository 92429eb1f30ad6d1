#pragma once

#include <memory>
#include <string>

#include "daemon/engine/types.h"
#include "daemon/redis/scripts.h"
#include "tests/sim/lua.h"
#include "tests/sim/reply.h"
#include "tests/sim/store.h"
#include "tests/support/redis_call.h"

namespace redlockd::sim {

// The scripts that fake nodes run, each compiled once. One thread.
class ScriptSet {
 public:
  ScriptSet();  // those of the program
  // Those in a directory like daemon/redis/scripts: prelude.lua and one file for each script, so
  // that variants need no build. Throws std::runtime_error if one is missing or is no Lua.
  explicit ScriptSet(const std::string& directory);

  // Runs one on a store, at the store's time.
  Reply Run(redis::ScriptId script, const test::ScriptWords& call, Store& store,
            engine::NodeTime now) const;

 private:
  std::unique_ptr<Lua> lua_ = std::make_unique<Lua>();  // its scripts by ScriptId
};

}  // namespace redlockd::sim
