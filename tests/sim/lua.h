#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/types.h"
#include "tests/sim/reply.h"
#include "tests/sim/store.h"

struct lua_State;

// What Redis 7.0 gives to a Lua script, on Lua 5.1: redis.call, redis.pcall, no other libraries
// than string, table and math, no globals to leave behind, and its conversions both ways. Numbers
// that are random or from the host are not there: the same calls give the same replies.
namespace redlockd::sim {

class Lua {
 public:
  Lua();
  Lua(const Lua&) = delete;
  Lua& operator=(const Lua&) = delete;
  ~Lua();

  // Compiles one script, to be called as `name` (EVALSHA's sha, as errors show it); gives its
  // number. Throws std::runtime_error if it is no Lua.
  std::size_t Load(std::string name, std::string_view source);

  Reply Run(std::size_t script, std::span<const std::string> keys,
            std::span<const std::string> args, Store& store, engine::NodeTime now);

  // The script that runs now, as redis.call sees it.
  struct Running {
    Store* store = nullptr;
    engine::NodeTime now = 0;
    std::vector<std::string_view> argv{};  // of one command; here so that its memory is reused
  };

 private:
  struct Script {
    std::string name;
    int function;  // in Lua's registry
  };

  Reply ErrorOf(const Script& script) const;

  Running running_;
  lua_State* lua_;
  std::vector<Script> scripts_;
};

}  // namespace redlockd::sim
