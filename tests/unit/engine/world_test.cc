#include "tests/unit/engine/world.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace redlockd::engine {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// REDLOCKD_SEED=n runs that world alone, REDLOCKD_SEEDS=n that many.
TEST(Worlds, AreSafeAndEndEmpty) {
  const std::uint64_t only = FromEnvironment("REDLOCKD_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : FromEnvironment("REDLOCKD_SEEDS", 60);
  std::size_t grants = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("REDLOCKD_SEED=" + std::to_string(seed));
    World world(seed);
    world.Run();
    grants += world.grants();
    for (const std::string& fault : world.faults()) ADD_FAILURE() << fault;
    if (!world.faults().empty()) return;
  }
  EXPECT_GT(grants, 10 * (last - first + 1)) << "worlds in which nothing happens test nothing";
}

}  // namespace
}  // namespace redlockd::engine
