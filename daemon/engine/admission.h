#pragma once

#include <optional>

#include "daemon/engine/events.h"
#include "daemon/engine/shared.h"

namespace redlockd::engine {

// Whether a request may go to a lock at all: what the daemon refuses for a reason that is not the
// lock's.
class Admission {
 public:
  explicit Admission(Shared& shared) : shared_(shared) {}  // outlives it

  // Returns why the request is refused; none: it may go on. Its names are counted; of several also those
  // before the one that is refused.
  std::optional<Failed> WhyNot(Time now, const LockRequested& request);
  // The session does not hold the lock, with that fence if one is given: returns what it is answered.
  Failed NotHeld(SessionId session, const std::string& lock, std::optional<Fence> fence);

 private:
  std::optional<Failed> WhyUsed(const LockRequested& request, const std::string& name) const;
  std::optional<Failed> AtLimit(const LockRequested& request);
  std::optional<Failed> WhyNotNew(Time now, const LockRequested& request, const std::string& name);

  Shared& shared_;
};

}  // namespace redlockd::engine
