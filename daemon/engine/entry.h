#pragma once

#include <cstdint>

#include "daemon/engine/lock_state.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Who is first in the line of a lock on this host, as far as that decides how he comes in.
enum class Head : std::uint8_t {
  kNobody,
  kAlone,    // a session that wants it for itself
  kSharing,  // one that would share it
  kSet,      // the stand-in of a request for several locks
};

// How the first in line gets the lock.
enum class Entry : std::uint8_t {
  kNobody,        // there is none
  kWithOthers,    // as his request gets all of its locks, which it sees to itself
  kByNodes,       // the nodes are to be asked for it
  kByHandOff,     // there is a lease that nobody holds
  kAfterRelease,  // ... of the other kind, which is let go first (rule F10)
  kBeside,        // he shares it with those who hold it (rule F9)
  kAfterHold,     // he waits for it to end
  kLater,         // once the nodes have answered, or the lock is kept no longer (rule I1)
};

// `lease`: how the lease is held, if there is one.
constexpr Entry EntryOf(LockState state, Head head, Mode lease) {
  if (head == Head::kNobody) return Entry::kNobody;
  if (head == Head::kSet) return Entry::kWithOthers;
  const Mode mode = head == Head::kSharing ? Mode::kShared : Mode::kExclusive;
  switch (state) {
    case LockState::kIdle:
    case LockState::kWaiting:
      return Entry::kByNodes;
    case LockState::kHandOff:
    case LockState::kLingering:
      return mode == lease ? Entry::kByHandOff : Entry::kAfterRelease;
    case LockState::kHeld:
      return mode == Mode::kShared && lease == mode ? Entry::kBeside : Entry::kAfterHold;
    case LockState::kAcquiring:
    case LockState::kLockDelay:
      break;
  }
  return Entry::kLater;
}

}  // namespace redlockd::engine
