#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace redlockd::host {

// Reports to the service manager (sd_notify). Under no service manager, every call does nothing.
// None fails: a manager that does not listen is not the daemon's problem; a call waits while the
// manager's queue is full, which a line now and then does not make it. One thread.
class Notifier {
 public:
  // Takes $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID from the environment; $WATCHDOG_* are
  // removed from it, so that children do not feed a watchdog that is not theirs.
  Notifier();

  // Clients can connect from now on.
  void Ready();
  // Clients still can, and another configuration is being read; Ready() when that is over.
  void Reloading();
  // One line for `systemctl status`. Sent only if it differs from the last one.
  void Status(const std::string& line);
  // The daemon is on its way out; what it still does belongs to stopping.
  void Stopping();
  // The watchdog is for the program that is run in place of this one.
  void LeaveWatchdog() const;
  // The event loop turns.
  void Alive();

  // How often Alive() must be called at least, or nothing if no watchdog is set. Call it twice as
  // often.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  std::optional<std::chrono::microseconds> watchdog_;
  std::string status_;
};

}  // namespace redlockd::host
