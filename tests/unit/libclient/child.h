#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace redlock::client {

// It lets no child of several threads start a thread.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kWithThreadSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kWithThreadSanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool kWithThreadSanitizer = false;
#endif

// A child of the test that has no program of its own; it ends with the object.
class ChildThatWaits {
 public:
  ChildThatWaits() {
    EXPECT_EQ(pipe(ends_.data()), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends_[1]);
      char byte = 0;
      _exit(read(ends_[0], &byte, 1) == 0 ? 0 : 1);  // until the parent closes its end
    }
    close(ends_[0]);
  }
  ChildThatWaits(const ChildThatWaits&) = delete;
  ChildThatWaits& operator=(const ChildThatWaits&) = delete;
  ~ChildThatWaits() {
    close(ends_[1]);
    int status = -1;
    waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  pid_t pid_ = -1;
};

}  // namespace redlock::client
