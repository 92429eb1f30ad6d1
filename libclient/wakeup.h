// Ends a wait from another thread, or from a signal handler.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>

namespace redlock::client {

class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup();

  // For who waits. Before the first wait: "" or why there is no descriptor. What was requested before
  // counts.
  std::string Open();
  // To be polled for input.
  int fd() const { return fd_.load(); }
  // Whether it was requested since the last time.
  bool Take();

  // For anybody; it is async-signal-safe.
  void Request();

 private:
  std::atomic<bool> is_requested_{false};
  std::atomic<int> fd_{-1};    // an eventfd, which a child shares with us
  std::atomic<pid_t> pid_{0};  // whose it is
};

}  // namespace redlock::client
