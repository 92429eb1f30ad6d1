#include "tests/bench/measure.h"

#include <algorithm>
#include <ctime>
#include <numeric>

namespace redlockd::bench {

Nanoseconds Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * Nanoseconds{1'000'000'000} + time.tv_nsec;
}

void SleepUntil(Nanoseconds time) {
  const timespec until{.tv_sec = time / 1'000'000'000, .tv_nsec = time % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

nlohmann::json Summary(std::vector<Nanoseconds> samples) {
  if (samples.empty()) return {{"count", 0}};
  std::sort(samples.begin(), samples.end());
  const auto us = [](Nanoseconds time) { return static_cast<double>(time) / 1000; };
  const auto percentile = [&](std::size_t percent) {
    return us(samples[std::min(samples.size() - 1, samples.size() * percent / 100)]);
  };
  const double sum = us(std::accumulate(samples.begin(), samples.end(), Nanoseconds{0}));
  return {{"count", samples.size()},
          {"mean_us", sum / static_cast<double>(samples.size())},
          {"p50_us", percentile(50)},
          {"p99_us", percentile(99)},
          {"max_us", us(samples.back())}};
}

}  // namespace redlockd::bench
