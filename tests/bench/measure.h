#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace redlockd::bench {

using Nanoseconds = std::int64_t;

Nanoseconds Now();      // of CLOCK_MONOTONIC, the same for all processes
Nanoseconds CpuTime();  // of this process, all its threads
void SleepUntil(Nanoseconds time);

inline constexpr double kPerSecond = 1e9;
inline Nanoseconds Seconds(double seconds) {
  return static_cast<Nanoseconds>(seconds * kPerSecond);
}

// {"count", "mean_us", "p50_us", "p99_us", "p999_us", "min_us", "max_us"} of the samples; only
// "count": 0 of none.
nlohmann::json Summary(std::vector<Nanoseconds> samples);

}  // namespace redlockd::bench
