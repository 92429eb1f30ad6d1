#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// How many durations fell below each of a row of bounds, which are the same for all: from a hand-off
// on this host to a job of a day.
class Histogram {
 public:
  // In increasing order; what is longer than the last one counts in the sum and the count alone.
  static constexpr std::array<Duration, 14> kBounds = {
      std::chrono::microseconds(100), std::chrono::microseconds(300), std::chrono::milliseconds(1),
      std::chrono::milliseconds(3),   std::chrono::milliseconds(10),  std::chrono::milliseconds(30),
      std::chrono::milliseconds(100), std::chrono::milliseconds(300), std::chrono::seconds(1),
      std::chrono::seconds(3),        std::chrono::seconds(10),       std::chrono::minutes(1),
      std::chrono::minutes(10),       std::chrono::hours(1)};

  void Add(Duration duration) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), duration);
    if (bound != kBounds.end()) ++below_[static_cast<std::size_t>(bound - kBounds.begin())];
    ++count_;
    sum_ += std::chrono::duration<double>(duration).count();
  }

  // Those at most as long as bound `i`, and longer than the one before.
  std::uint64_t Within(std::size_t i) const { return below_.at(i); }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }  // seconds

 private:
  std::array<std::uint64_t, kBounds.size()> below_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;  // nanoseconds in an integer would be too many for holds of weeks
};

}  // namespace redlockd::engine
