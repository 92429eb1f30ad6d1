#include "libclient/session/hold.h"

#include <algorithm>

#include "libclient/client.h"
#include "libclient/wire.h"

namespace redlock::client {

// What the page says is newer than what was read of the socket, and it is what the daemon goes by.
bool Hold::IsValid() const {
  if (!is_good.load() || generation != ForkGeneration()) return false;
  if (place.page == nullptr) return Now() < usable_until_ns.load();
  const std::int64_t deadline = place.page->DeadlineOf(place.slot, place.use);
  return deadline != 0 && Now() < ToOwnClock(deadline, offset_ns) - margin_ns;
}

std::int64_t Hold::Deadline() const {
  if (fence.load() == 0 || place.page == nullptr) return deadline_ns.load();
  const std::int64_t deadline = place.page->DeadlineOf(place.slot, place.use);
  return deadline == 0 ? deadline_ns.load() : ToOwnClock(deadline, offset_ns);
}

// The third of the ttl is when the daemon renews a lease: after one round that failed there is this
// much left. A long ttl does not need more than some seconds to stop in.
std::int64_t DefaultMargin(std::int64_t span) {
  return std::min<std::int64_t>(span / 3, 5'000'000'000);
}

}  // namespace redlock::client
