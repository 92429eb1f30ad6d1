#pragma once

#include <bitset>
#include <cstddef>
#include <map>
#include <string>

#include "daemon/engine/types.h"

namespace redlockd::engine {

inline constexpr std::size_t kMaxNodes = 15;
using NodeSet = std::bitset<kMaxNodes>;
// Why each of some nodes did not do what a round asked of it: for a person.
using NodeFailures = std::map<NodeIndex, std::string>;

// m: any two sets of m out of n nodes share one.
constexpr std::size_t Majority(std::size_t nodes) { return nodes / 2 + 1; }

}  // namespace redlockd::engine
