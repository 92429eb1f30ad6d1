#pragma once

#include <cstddef>
#include <utility>

namespace redlockd::app {

// A number of lines within a number of seconds, from the first of them on; more are only counted.
class Ration {
 public:
  Ration(std::size_t lines, int seconds) : lines_(lines), seconds_(seconds) {}

  // Whether there may be a line now; else it is counted.
  bool Take() {
    if (seconds_left_ == 0) {
      seconds_left_ = seconds_;
      taken_ = 0;
    }
    if (taken_ == lines_) {
      ++counted_;
      return false;
    }
    ++taken_;
    return true;
  }
  // Once a second. Returns what was counted, when the time is over.
  std::size_t Tick() {
    if (seconds_left_ == 0 || --seconds_left_ > 0) return 0;
    return Rest();
  }
  // What was counted and is not returned yet: at the end there is no further Tick.
  std::size_t Rest() { return std::exchange(counted_, 0); }

 private:
  const std::size_t lines_;
  const int seconds_;
  int seconds_left_ = 0;
  std::size_t taken_ = 0;
  std::size_t counted_ = 0;
};

}  // namespace redlockd::app
