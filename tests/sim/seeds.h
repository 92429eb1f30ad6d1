#pragma once

#include <cstdint>

#include "tests/sim/script_set.h"

namespace redlockd::sim {

struct SeedsWanted {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::size_t workers = 1;     // processes
  bool progress = false;       // a line now and then
  bool digests = false;        // of each world's trace, in place of the summary
  std::uint64_t failures = 3;  // after so many no more worlds are begun
};

// Runs the worlds of many seeds in several processes, prints each failure with its scenario,
// shrunk, and at the end a summary whose last line is the verdict. True if nothing failed.
bool RunSeeds(const SeedsWanted& wanted, const ScriptSet& scripts);

}  // namespace redlockd::sim
