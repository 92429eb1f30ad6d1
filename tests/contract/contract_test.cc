// The fake node of tests/sim keeps the promises of a real one: the same steps, the same answers,
// the same keys, to the microsecond of a clock that the test turns.
//
// REDLOCKD_SEED=n runs that sequence alone, REDLOCKD_SEEDS=n that many.
// REDLOCKD_TEST_REDIS_SERVERS: more servers to compare with, their programs with colons between.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "tests/contract/compare.h"
#include "tests/contract/generate.h"

namespace redlockd::contract {
namespace {

constexpr std::size_t kSteps = 80;

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::string> Programs() {
  std::vector<std::string> programs = {REDLOCKD_TEST_REDIS_SERVER};
  if (const char* more = std::getenv("REDLOCKD_TEST_REDIS_SERVERS")) {
    std::istringstream list(more);
    for (std::string program; std::getline(list, program, ':');) programs.push_back(program);
  }
  return programs;
}

void CompareSeeds(const std::string& program, std::vector<std::string> args, Faults faults,
                  std::uint64_t seeds, Census& census) {
  args.insert(args.end(), {"--enable-debug-command", "yes"});
  RealSide real(program, args);
  FakeSide fake;
  const std::uint64_t only = FromEnvironment("REDLOCKD_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : seeds;
  std::cout << program << ", version " << real.Version() << ": " << last - first + 1
            << " sequences of " << kSteps << " steps\n";
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const auto steps = Generate(seed, kSteps, faults);
    if (!Compare(fake, real, steps, census)) continue;
    FAIL() << "REDLOCKD_SEED=" << seed << '\n' << Story(fake, real, steps);
  }
}

TEST(Contract, RepliesAndKeysAreTheSame) {
  for (const std::string& program : Programs()) {
    Census census;
    CompareSeeds(program, {}, Faults::kNone, FromEnvironment("REDLOCKD_SEEDS", 150), census);
    if (HasFailure()) return;
    for (const auto& [word, count] : census) std::cout << word << ' ' << count << "  ";
    std::cout << '\n';
    for (const char* word : {"ok", "busy", "not-owner", "passed", "skew", "amnesia", "quarantine",
                             "settings", "ERR", "WRONGTYPE"}) {
      EXPECT_GE(census[word], 20) << word << ": what is never answered is not compared";
    }
  }
}

TEST(Contract, AProcessThatKeptItsKeysInAnAppendOnlyFileGoesOnWithThem) {
  for (const std::string& program : Programs()) {
    Census census;
    CompareSeeds(program, {"--appendonly", "yes", "--appendfsync", "always"}, Faults::kRestarts, 5,
                 census);
    if (HasFailure()) return;
  }
}

TEST(Contract, AProcessThatCrashedGoesOnWithItsSnapshot) {
  for (const std::string& program : Programs()) {
    Census census;
    CompareSeeds(program, {}, Faults::kCrashes, 5, census);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace redlockd::contract
