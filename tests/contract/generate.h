#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/contract/step.h"

namespace redlockd::contract {

// What a sequence may have besides calls, plain commands, FLUSHALL and clocks that jump.
enum class Faults { kNone, kRestarts, kCrashes };

// Some daemons, some of which were told other settings, and plain clients, on few locks, with times
// so short that all that can expire does. The same seed gives the same steps.
std::vector<Step> Generate(std::uint64_t seed, std::size_t count, Faults faults);

}  // namespace redlockd::contract
