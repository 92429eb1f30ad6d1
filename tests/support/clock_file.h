#pragma once

#include <chrono>
#include <map>
#include <string>

namespace redlockd::test {

// The clocks of a program that was started with shifted_clock.c preloaded, by way of a file.
class ClockFile {
 public:
  // At `path`, which must not be there yet. The program's wall clock stands still at `stopped_at`
  // if that is not 0.
  explicit ClockFile(std::string path, std::chrono::microseconds stopped_at = {});

  // What the program's environment must have.
  std::map<std::string, std::string> Environment() const;

  // Its wall clock and its CLOCK_BOOTTIME are that far ahead of the host's from now on.
  void Shift(std::chrono::microseconds shift) const;
  // Its wall clock shows this time and stands still from now on, and so do its steady clocks.
  void Stop(std::chrono::microseconds since_1970) const;

 private:
  void Write(std::chrono::microseconds shift, std::chrono::microseconds stopped) const;

  const std::string path_;
};

}  // namespace redlockd::test
