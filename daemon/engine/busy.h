#pragma once

#include <cstdint>
#include <string>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// What keeps a lock from a request though the nodes can be asked. PROTOCOL.md has the texts in a table.
enum class Busy : std::uint8_t {
  kHeldHere,
  kKeptHere,  // rule I1
  kLineHere,
  kHeldElsewhere,
  kSplit,
  kGate,  // rule C12
};
inline constexpr int kBusyCount = 6;

// For a person. `kept`: for how long, with kKeptHere.
std::string ToText(Busy busy, Duration kept = Duration(0));

}  // namespace redlockd::engine
