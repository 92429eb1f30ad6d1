#include "daemon/event/boot_alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace redlockd::event {
namespace {

int NewTimer() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

void SetTimer(int fd, std::chrono::nanoseconds at) {
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(at.count() / 1'000'000'000);
  spec.it_value.tv_nsec = static_cast<long>(at.count() % 1'000'000'000);
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace

BootAlarm::BootAlarm(Loop& loop, std::function<void()> callback)
    : fd_(NewTimer()),
      callback_(std::move(callback)),
      watch_(loop, fd_.get(), Watch::Trigger::kLevel, [this](unsigned) { OnReadable(); }) {
  watch_.Want(Watch::kRead);
}

BootAlarm::~BootAlarm() { watch_.Want(Watch::kNothing); }

void BootAlarm::Set(std::chrono::nanoseconds at) {
  at = std::max(at, std::chrono::nanoseconds(1));  // 0 would disarm the timer
  if (at == at_) return;
  at_ = at;
  SetTimer(fd_.get(), at);
}

void BootAlarm::OnReadable() {
  std::uint64_t expirations = 0;
  // Nothing to read: it was set anew in this very turn.
  if (read(fd_.get(), &expirations, sizeof expirations) < 0) return;
  at_ = std::chrono::nanoseconds::zero();
  const auto call = callback_;  // it may destroy the alarm
  call();
}

}  // namespace redlockd::event
