#pragma once

#include <cstdint>

namespace redlockd::engine {

// What a lock is on this host.
//
//   idle <-> waiting <-> acquiring -> held -> lock-delay
//                                     |  ^
//                                     v  |
//                             hand-off / lingering
//
// From acquiring, hand-off, lingering and lock-delay it goes back to waiting, or idle, when the owner
// value is let go. A hand-off may turn to lingering, and back.
enum class LockState : std::uint8_t {
  kIdle,       // nobody waits, and there is no owner value
  kWaiting,    // for a turn to ask the nodes
  kAcquiring,  // the nodes are asked
  kHeld,       // by a session
  kHandOff,    // leased without a hold: to be handed off, to linger, or to be let go
  kLingering,  // leased without a hold, and nobody waits
  kLockDelay,  // the hold is over, and the keys stay for a while (rule I1)
};

// A majority of the nodes has granted its owner value.
constexpr bool IsLeased(LockState state) {
  return state == LockState::kHeld || state == LockState::kHandOff ||
         state == LockState::kLingering || state == LockState::kLockDelay;
}

// There is a lease, and no session holds it.
constexpr bool IsFree(LockState state) {
  return state == LockState::kHandOff || state == LockState::kLingering;
}

// No owner value is on its way, or kept: who asks first may get it.
constexpr bool IsOpen(LockState state) {
  return state == LockState::kIdle || state == LockState::kWaiting || IsFree(state);
}

// The edges, those of the picture and the ways back.
constexpr bool MayFollow(LockState from, LockState to) {
  switch (to) {
    case LockState::kIdle:
    case LockState::kWaiting:
      return from != to && from != LockState::kHeld;
    case LockState::kAcquiring:
      return from == LockState::kWaiting;
    case LockState::kHeld:
      return from == LockState::kAcquiring || from == LockState::kHandOff ||
             from == LockState::kLingering;
    case LockState::kHandOff:
      return from == LockState::kHeld || from == LockState::kLingering;
    case LockState::kLingering:
      return from == LockState::kHandOff;
    case LockState::kLockDelay:
      return from == LockState::kHeld;
  }
  return false;
}

}  // namespace redlockd::engine
