#include "libclient/session/hold.h"

#include <algorithm>

namespace redlock::client {

// The third of the ttl is when the daemon renews a lease: after one round that failed there is this
// much left. A long ttl does not need more than some seconds to stop in.
std::int64_t DefaultMargin(std::int64_t span) {
  return std::min<std::int64_t>(span / 3, 5'000'000'000);
}

}  // namespace redlock::client
