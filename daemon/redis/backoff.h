#pragma once

#include <chrono>
#include <random>

namespace redlockd::redis {

// How long to wait before the next try to connect: doubling to a bound, each wait drawn from its
// upper half so that the links of many daemons do not come back all at once.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kLeast{20};
  static constexpr std::chrono::milliseconds kMost{1000};

  explicit Backoff(std::minstd_rand::result_type seed) : random_(seed) {}

  std::chrono::nanoseconds Next();
  void Reset() { bound_ = kLeast; }

 private:
  std::minstd_rand random_;
  std::chrono::nanoseconds bound_ = kLeast;
};

}  // namespace redlockd::redis
