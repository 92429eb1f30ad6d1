#pragma once

#include <cstddef>

#include "tests/sim/script_set.h"

namespace redlockd::sim {

// What one name costs that very many hosts want: five nodes, and on each host a daemon with a client.
// The settings are those of a configuration that says nothing.
struct CrowdWanted {
  std::size_t daemons = 1000;
};

// Prints, a figure on each line: grants a second while all take the lock in turns and hold it for 2 ms;
// what a node did for a grant; the longest wait and the longest time without a grant; what a node does
// in a second while one holds it and all others wait; and what it costs that hosts die: the first of
// the queue, and half of them. Returns false if two held it at a time, or somebody was never served.
bool RunCrowd(const CrowdWanted& wanted, const ScriptSet& scripts);

}  // namespace redlockd::sim
