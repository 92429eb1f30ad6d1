#pragma once

#include <chrono>
#include <functional>

// Waiting in tests: for a condition, with a deadline, never for a time.
namespace redlockd::test {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: 2s is clearer than any other way to say it

// How long anything that must happen may take before a test gives up. No test passes or fails by
// how fast it was within this; a machine under load is not a bug.
inline constexpr Duration kPatience = 15s;

// CLOCK_BOOTTIME, the clock of all deadlines on the wire.
Duration BootTime();

// Asks again every few milliseconds until `condition` holds; false if it never did.
bool Eventually(const std::function<bool()>& condition, Duration patience = kPatience);

// What is left of `patience` since it began; for loops around poll(). Never negative.
class Countdown {
 public:
  explicit Countdown(Duration patience) : end_(BootTime() + patience) {}
  Duration left() const;
  bool over() const { return left() == Duration::zero(); }
  // For poll(): rounded up, so that a loop does not spin in the last millisecond.
  int left_ms() const;

 private:
  Duration end_;
};

// poll() on one descriptor for reading; false if the time is over first.
bool WaitReadable(int fd, const Countdown& countdown);

}  // namespace redlockd::test
