#include "daemon/host/clock.h"

#include <time.h>

#include "base/check.h"

namespace redlockd::host {

engine::Time Now() {
  timespec now{};
  [[maybe_unused]] const int result = clock_gettime(CLOCK_BOOTTIME, &now);
  CHECK(result == 0);  // Linux has had it since 2.6.39
  return engine::Time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace redlockd::host
