#include "daemon/host/clock.h"

#include <time.h>

#include <array>

#include "base/check.h"

namespace redlockd::host {

engine::Time Now() {
  timespec now{};
  [[maybe_unused]] const int result = clock_gettime(CLOCK_BOOTTIME, &now);
  CHECK(result == 0);  // Linux has had it since 2.6.39
  return engine::Time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::string UtcText(std::chrono::sys_seconds time) {
  const time_t seconds = time.time_since_epoch().count();
  tm fields{};
  gmtime_r(&seconds, &fields);
  std::array<char, 32> text{};
  strftime(text.data(), text.size(), "%FT%T", &fields);
  return text.data();
}

std::string UtcNow() {
  using std::chrono::floor, std::chrono::seconds, std::chrono::system_clock;
  return UtcText(floor<seconds>(system_clock::now())) + "Z";
}

}  // namespace redlockd::host
