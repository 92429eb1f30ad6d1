#include "daemon/engine/busy.h"

#include <cstdlib>

#include "daemon/engine/timing.h"

namespace redlockd::engine {

Busy WhyBusy(LockState state) {
  if (state == LockState::kHeld) return Busy::kHeldHere;
  return state == LockState::kLockDelay ? Busy::kKeptHere : Busy::kLineHere;
}

Failure FailureOf(Busy why, bool is_try) {
  if (why == Busy::kGate) return Failure::kNoTurn;
  return is_try ? Failure::kBusy : Failure::kTimeout;
}

std::string WhyEnded(const FailedAttempt& failed, Failure failure) {
  const std::string held = ToText(failed.is_split ? Busy::kSplit : Busy::kHeldElsewhere);
  const bool is_cancelled = failure == Failure::kCancelled;
  return is_cancelled ? held + ", and " + kHalfClosed : held;
}

std::string ToText(Busy busy, Duration kept) {
  switch (busy) {
    case Busy::kHeldHere:
      return "held on this host";
    case Busy::kKeptHere:
      return "its last hold on this host is over, but it stays taken for another " + ToText(kept);
    case Busy::kLineHere:
      return "other requests on this host are first";
    case Busy::kHeldElsewhere:
      return "held elsewhere";
    case Busy::kSplit:
      return "no majority: other hosts are competing for it";
    case Busy::kGate:
      return "too many lock attempts are in flight";
  }
  std::abort();
}

}  // namespace redlockd::engine
