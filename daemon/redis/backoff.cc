#include "daemon/redis/backoff.h"

#include <algorithm>

namespace redlockd::redis {

std::chrono::nanoseconds Backoff::Next() {
  std::uniform_int_distribution<std::int64_t> within(bound_.count() / 2, bound_.count());
  const std::chrono::nanoseconds wait(within(random_));
  bound_ = std::min<std::chrono::nanoseconds>(bound_ * 2, kMost);
  return wait;
}

void Backoff::Reset() {
  bound_ = kLeast;
  patience_ = 1;
}

}  // namespace redlockd::redis
