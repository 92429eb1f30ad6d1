#include "tests/bench/measure.h"

#include <algorithm>
#include <ctime>
#include <numeric>

namespace redlockd::bench {

namespace {

Nanoseconds Read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * Nanoseconds{1'000'000'000} + time.tv_nsec;
}

}  // namespace

Nanoseconds Now() { return Read(CLOCK_MONOTONIC); }

Nanoseconds CpuTime() { return Read(CLOCK_PROCESS_CPUTIME_ID); }

void SleepUntil(Nanoseconds time) {
  const timespec until{.tv_sec = time / 1'000'000'000, .tv_nsec = time % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

nlohmann::json Summary(std::vector<Nanoseconds> samples) {
  if (samples.empty()) return {{"count", 0}};
  std::sort(samples.begin(), samples.end());
  const auto us = [](Nanoseconds time) { return static_cast<double>(time) / 1000; };
  const auto permille = [&](std::size_t part) {
    return us(samples[std::min(samples.size() - 1, samples.size() * part / 1000)]);
  };
  const double sum = us(std::accumulate(samples.begin(), samples.end(), Nanoseconds{0}));
  return {{"count", samples.size()},       {"mean_us", sum / static_cast<double>(samples.size())},
          {"min_us", us(samples.front())}, {"p50_us", permille(500)},
          {"p99_us", permille(990)},       {"p999_us", permille(999)},
          {"max_us", us(samples.back())}};
}

}  // namespace redlockd::bench
