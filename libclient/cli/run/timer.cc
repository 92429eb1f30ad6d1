#include "libclient/cli/run/timer.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace redlock::cli {

Timer::Timer() : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (fd_.get() < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
}

void Timer::Arm(Guard::Time at) const {
  itimerspec spec{};
  if (at != Guard::kNever) {
    // Zero would disarm it.
    const auto ns = std::max<std::int64_t>(at.count(), 1);
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace redlock::cli
