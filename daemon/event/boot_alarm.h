#pragma once

#include <chrono>
#include <functional>

#include "base/descriptor.h"
#include "daemon/event/watch.h"

namespace redlockd::event {

class Loop;

// An alarm at a point of CLOCK_BOOTTIME, the clock of all leases: it also counts the time in which
// the host was suspended, and fires right after the resume if its time came meanwhile.
class BootAlarm {
 public:
  // Throws std::system_error if the kernel gives no timer.
  BootAlarm(Loop& loop, std::function<void()> callback);
  ~BootAlarm();
  BootAlarm(const BootAlarm&) = delete;
  BootAlarm& operator=(const BootAlarm&) = delete;

  // `at`: CLOCK_BOOTTIME, as the time since boot. Replaces what was set; a time that has passed
  // fires in the next turn. One alarm, then none until it is set again. Setting the time that is
  // set makes no system call.
  void Set(std::chrono::nanoseconds at);

 private:
  void OnReadable();

  redlock::base::Descriptor fd_;
  std::function<void()> callback_;
  std::chrono::nanoseconds at_{0};  // 0: not set
  Watch watch_;
};

}  // namespace redlockd::event
