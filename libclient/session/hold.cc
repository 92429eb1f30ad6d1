#include "libclient/session/hold.h"

#include <algorithm>

#include "libclient/client.h"
#include "libclient/wire.h"

namespace redlock::client {

// What the page says is newer than what was read of the socket, and it is what the daemon goes by.
std::int64_t HeldLock::Deadline(std::int64_t offset_ns) const {
  if (place.page == nullptr) return deadline_ns.load();
  const std::int64_t deadline = place.page->DeadlineOf(place.slot, place.use);
  return deadline == 0 ? 0 : ToOwnClock(deadline, offset_ns);
}

bool Hold::IsValid() const {
  if (!is_good.load() || generation != ForkGeneration()) return false;
  const std::int64_t now = Now();
  return std::all_of(locks.begin(), locks.end(), [&](const HeldLock& lock) {
    const std::int64_t deadline = lock.Deadline(offset_ns);
    return deadline != 0 && now < deadline - margin_ns;
  });
}

std::int64_t Hold::Deadline() const {
  std::int64_t earliest = kNever;
  for (const HeldLock& lock : locks) {
    if (lock.fence.load() == 0) return 0;
    const std::int64_t deadline = lock.Deadline(offset_ns);
    earliest = std::min(earliest, deadline == 0 ? lock.deadline_ns.load() : deadline);
  }
  return earliest;
}

HeldLock* Hold::FirstToEnd() {
  HeldLock* first = nullptr;
  for (HeldLock& lock : locks) {
    if (phase != Phase::kHeld && !lock.is_attached) continue;
    if (first == nullptr || lock.deadline_ns < first->deadline_ns) first = &lock;
  }
  return first;
}

// The third of the ttl is when the daemon renews a lease: after one round that failed there is this
// much left. A long ttl does not need more than some seconds to stop in.
std::int64_t DefaultMargin(std::int64_t span) {
  return std::min<std::int64_t>(span / 3, 5'000'000'000);
}

}  // namespace redlock::client
