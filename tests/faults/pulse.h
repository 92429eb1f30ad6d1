// Notes in the history when this machine had no time for us: a thread that wants to run every few
// milliseconds, and writes down when it could not. What the checker finds late then may be the
// machine's fault.
#pragma once

#include <atomic>
#include <thread>

#include "tests/faults/history.h"

namespace redlockd::test::faults {

class Pulse {
 public:
  explicit Pulse(const Journal& journal) : thread_([this, &journal] { Run(journal); }) {}
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;
  ~Pulse() {
    stop_ = true;
    thread_.join();
  }

 private:
  static constexpr Duration kWorthNoting = 20ms;

  void Run(const Journal& journal) const {
    while (!stop_) {
      const Duration before = journal.Now();
      std::this_thread::sleep_for(5ms);
      const Duration late = journal.Now() - before - 5ms;
      if (late > kWorthNoting) {
        journal.Note("stalled", {{"from", ToText(before)}, {"for", ToText(late)}});
      }
    }
  }

  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace redlockd::test::faults
