#pragma once

#include <cstdint>
#include <string>

#include "daemon/engine/demand.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/lock_state.h"
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

// Why a request that does not wait does not get a lock of that state, which is not free.
Busy WhyBusy(LockState state);

// What a request whose wait is over for that reason fails with.
Failure FailureOf(Busy why, bool is_try);

// Why an attempt that failed ends a wait; a majority of the nodes answered it. For a person.
std::string WhyEnded(const FailedAttempt& failed, Failure failure);

// Why a wait is cancelled that its client has not cancelled.
inline constexpr char kHalfClosed[] = "the client half-closed the connection";

// For a person. `kept`: for how long, with kKeptHere.
std::string ToText(Busy busy, Duration kept = Duration(0));

}  // namespace redlockd::engine
