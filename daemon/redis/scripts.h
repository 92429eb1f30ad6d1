#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace redlockd::redis {

// The Lua scripts (scripts/*.lua) that do all locking on the nodes, each with prelude.lua in front,
// and with queue.lua, or that and want.lua, if it says that it needs it.
enum class ScriptId : std::size_t {
  kAcquire,
  kClaim,
  kShare,
  kConfirm,
  kRaise,
  kRenew,
  kRelease,
  kBreak,
  kInspect,
  kPublish,
  kIntroduce,
  kSuspect,
  kTrust,
  kAdopt,
};
inline constexpr std::size_t kScripts = 14;

struct Script {
  std::string_view name;    // of its file, without .lua
  std::string_view sha;     // by which EVALSHA calls it
  std::string_view source;  // what SCRIPT LOAD is given
};

// By ScriptId.
const std::array<Script, kScripts>& AllScripts();
inline const Script& Get(ScriptId id) { return AllScripts()[static_cast<std::size_t>(id)]; }

}  // namespace redlockd::redis
