#pragma once

#include <cstdint>

namespace redlockd::engine {

// Where the engine takes chance from: back-off jitter and node ids. Injected, so that a run can be
// replayed from its seed.
class Random {
 public:
  virtual ~Random() = default;

  // Uniform in [0, bound). bound > 0.
  virtual std::uint64_t Below(std::uint64_t bound) = 0;
};

}  // namespace redlockd::engine
