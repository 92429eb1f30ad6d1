#pragma once

#include <cstddef>

namespace redlockd::engine {

// m: any two sets of m out of n nodes share one.
constexpr std::size_t Majority(std::size_t nodes) { return nodes / 2 + 1; }

}  // namespace redlockd::engine
