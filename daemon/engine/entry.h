#pragma once

#include <cstdint>

#include "daemon/engine/lock_state.h"

namespace redlockd::engine {

// Who is first in the line of a lock on this host, as far as that decides how he comes in.
enum class Head : std::uint8_t {
  kNobody,
  kSession,
  kSet,  // the stand-in of a request for several locks
};

// How the first in line gets the lock.
enum class Entry : std::uint8_t {
  kNobody,      // there is none
  kWithOthers,  // as his request gets all of its locks, which it sees to itself
  kByNodes,     // the nodes are to be asked for it
  kByHandOff,   // there is a lease that nobody holds
  kAfterHold,   // he waits for it to end
  kLater,       // once the nodes have answered, or the lock is kept no longer (rule I1)
};

constexpr Entry EntryOf(LockState state, Head head) {
  if (head == Head::kNobody) return Entry::kNobody;
  if (head == Head::kSet) return Entry::kWithOthers;
  switch (state) {
    case LockState::kIdle:
    case LockState::kWaiting:
      return Entry::kByNodes;
    case LockState::kHandOff:
    case LockState::kLingering:
      return Entry::kByHandOff;
    case LockState::kHeld:
      return Entry::kAfterHold;
    case LockState::kAcquiring:
    case LockState::kLockDelay:
      break;
  }
  return Entry::kLater;
}

}  // namespace redlockd::engine
