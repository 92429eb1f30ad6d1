#include "daemon/host/notifier.h"

#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace redlockd::host {

Notifier::Notifier() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/1, &microseconds) > 0) {
    watchdog_ = std::chrono::microseconds(microseconds);
  }
}

void Notifier::Ready() { sd_notify(0, "READY=1"); }

// With the time, as a manager that waits for the end of a reload asks for it.
void Notifier::Reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void Notifier::Status(const std::string& line) {
  if (line == status_) return;
  status_ = line;
  // A newline would begin another assignment of the protocol.
  std::string safe = line;
  std::replace(safe.begin(), safe.end(), '\n', ' ');
  sd_notify(0, ("STATUS=" + safe).c_str());
}

void Notifier::Stopping() { sd_notify(0, "STOPPING=1"); }

void Notifier::LeaveWatchdog() const {
  if (!watchdog_) return;
  setenv("WATCHDOG_USEC", std::to_string(watchdog_->count()).c_str(), 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
}

void Notifier::Alive() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace redlockd::host
