#include "tests/support/wait.h"

#include <poll.h>
#include <time.h>

#include <algorithm>

namespace redlockd::test {

Duration BootTime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
}

bool Eventually(const std::function<bool()>& condition, Duration patience) {
  const Countdown countdown(patience);
  while (!condition()) {
    if (countdown.over()) return false;
    poll(nullptr, 0, 3);
  }
  return true;
}

Duration Countdown::left() const { return std::max(Duration::zero(), end_ - BootTime()); }

int Countdown::left_ms() const {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left()).count());
}

bool WaitReadable(int fd, const Countdown& countdown) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&one, 1, countdown.left_ms()) <= 0) {
    if (countdown.over()) return false;
  }
  return true;
}

}  // namespace redlockd::test
