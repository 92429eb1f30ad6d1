#include "tests/bench/loads.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

constexpr int kSteps = 300'000;  // of a spin: about a millisecond
constexpr Nanoseconds kNap = 1'000'000;

// A fixed piece of work, which takes the same time as long as nothing else takes the core.
Nanoseconds TimeSpin() {
  const Nanoseconds start = Now();
  volatile unsigned value = 1;  // so that no step is left out
  for (int i = 0; i < kSteps; ++i) value = value * 1664525u + 1013904223u;
  return Now() - start;
}

// How late a sleep of a millisecond ends.
Nanoseconds TimeWakeUp() {
  const Nanoseconds due = Now() + kNap;
  SleepUntil(due);
  return Now() - due;
}

template <class Measure>
nlohmann::json Repeat(double seconds, const Measure& measure) {
  std::vector<Nanoseconds> samples;
  const Nanoseconds end = Now() + Seconds(seconds);
  do samples.push_back(measure());
  while (Now() < end);
  return Summary(std::move(samples));
}

}  // namespace

nlohmann::json RunNoise(const NoiseOptions& options) {
  return {{"spin", Repeat(options.seconds / 2, TimeSpin)},
          {"wake_up", Repeat(options.seconds / 2, TimeWakeUp)}};
}

}  // namespace redlockd::bench
