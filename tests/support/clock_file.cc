#include "tests/support/clock_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "tests/support/process.h"

namespace redlockd::test {

ClockFile::ClockFile(std::string path, std::chrono::microseconds stopped_at)
    : path_(std::move(path)) {
  Write({}, stopped_at);
}

std::map<std::string, std::string> ClockFile::Environment() const {
  return {{"LD_PRELOAD", REDLOCKD_TEST_SHIFTED_CLOCK}, {"REDLOCKD_TEST_CLOCK", path_}};
}

void ClockFile::Shift(std::chrono::microseconds shift) const { Write(shift, {}); }

void ClockFile::Stop(std::chrono::microseconds since_1970) const { Write({}, since_1970); }

// In place, never cut short: the program has the file mapped.
void ClockFile::Write(std::chrono::microseconds shift, std::chrono::microseconds stopped) const {
  const std::array<std::int64_t, 2> us = {shift.count(), stopped.count()};
  const Fd file(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (pwrite(file.get(), us.data(), sizeof us, 0) != sizeof us) {
    throw std::runtime_error("cannot write " + path_);
  }
}

}  // namespace redlockd::test
