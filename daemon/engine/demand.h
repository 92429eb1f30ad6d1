#pragma once

#include <cstddef>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// What the sessions on this host want of a lock just now, as far as it counts for what the nodes
// are asked.
struct Demand {
  bool is_held = false;  // by a session
  std::size_t waiters = 0;
  std::size_t tries = 0;  // of the waiters: requests that do not wait for a holder
  // Of who is first in line; if anybody is.
  Duration ttl{0};
  Mode mode = Mode::kExclusive;
  bool first_is_try = false;
  bool first_was_split = false;  // a round with it in line ended without a holder in sight
  bool first_in_haste = false;   // waits only until it is known whether another has it
  // Of the first try; if there is one.
  Time first_try_since{};
};

// An attempt that came to nothing.
struct FailedAttempt {
  bool reached;   // a majority of the nodes answered it
  bool is_split;  // ... and none of them named a holder
  Time asked;
  Duration next;  // until the next attempt
};

}  // namespace redlockd::engine
