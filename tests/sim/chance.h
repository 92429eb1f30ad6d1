#pragma once

#include <cstdint>

#include "daemon/engine/random.h"
#include "daemon/engine/types.h"

namespace redlockd::sim {

using engine::Duration;

// Random numbers from a seed, the same on every machine and with every library (SplitMix64). Each
// part of a world has a stream of its own, so that a scenario from which one fault or one client is
// taken away goes on much as before.
class Chance : public engine::Random {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  // The stream of one part of the world: `what` of the seed, numbered.
  Chance(std::uint64_t seed, char what, std::size_t number, std::size_t second = 0)
      : Chance(seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(what) * 0x10001 +
               number * 0x1000003 + second * 0x100000000033) {
    Next();
  }

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t bound) override { return bound == 0 ? 0 : Next() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  Duration UpTo(Duration most) {
    return Duration(Below(static_cast<std::uint64_t>(most.count()) + 1));
  }
  Duration Between(Duration least, Duration most) { return least + UpTo(most - least); }
  std::int64_t Between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(most - least) + 1));
  }

 private:
  std::uint64_t state_;
};

}  // namespace redlockd::sim
