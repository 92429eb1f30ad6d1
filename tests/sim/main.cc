// The simulator as a program; scripts/sim builds and calls it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "tests/sim/crowd.h"
#include "tests/sim/seeds.h"
#include "tests/sim/world.h"

namespace redlockd::sim {
namespace {

struct Options {
  std::optional<std::uint64_t> seed;
  std::string scenario;
  SeedsWanted seeds;
  std::string scripts;
  bool trace = false;
  CrowdWanted crowd{.daemons = 0};
};

Scenario ReadScenario(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return ParseScenario(std::string(std::istreambuf_iterator<char>(in), {}));
}

bool RunOne(const Scenario& scenario, const ScriptSet& scripts, bool trace) {
  std::printf("%s", ToText(scenario).c_str());
  const auto mode = trace ? Trace::Mode::kPrint : Trace::Mode::kOff;
  const Outcome outcome = World(scenario, scripts, mode).Run();
  for (const Violation& violation : outcome.violations) {
    std::printf("%s\n", ToText(violation).c_str());
  }
  const bool good = !Failed(scenario, outcome);
  std::printf(
      "%zu grants, %zu stale writes refused, %zu times two held a lock, %zu of them fenced\n",
      outcome.grants, outcome.stale_refused, outcome.overlaps, outcome.fenced_overlaps);
  std::printf("verdict: %s\n", good ? "PASS" : "FAIL");
  return good;
}

bool Run(const Options& options) {
  const ScriptSet scripts = options.scripts.empty() ? ScriptSet() : ScriptSet(options.scripts);
  if (options.crowd.daemons > 0) return RunCrowd(options.crowd, scripts);
  if (!options.scenario.empty()) {
    return RunOne(ReadScenario(options.scenario), scripts, options.trace);
  }
  if (options.seed) return RunOne(MakeScenario(*options.seed), scripts, true);
  return RunSeeds(options.seeds, scripts);
}

}  // namespace
}  // namespace redlockd::sim

int main(int argc, char** argv) {
  using namespace redlockd::sim;
  Options options;
  options.seeds.workers = static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_ONLN));
  options.seeds.progress = isatty(STDOUT_FILENO) == 1;
  CLI::App app("Runs redlockd's engine and scripts in made-up worlds full of trouble.", "sim");
  auto* seed = app.add_option("--seed", options.seed, "this world alone, with its trace");
  auto* scenario = app.add_option("--scenario", options.scenario, "the world of this file");
  app.add_flag("--trace", options.trace, "with --scenario: print what happens")->needs(scenario);
  app.add_option("--first-seed", options.seeds.first, "of many")->excludes(seed, scenario);
  options.seeds.count = 20'000;
  app.add_option("--seeds", options.seeds.count, "how many worlds")
      ->excludes(seed, scenario)
      ->check(CLI::PositiveNumber);
  app.add_option("--workers", options.seeds.workers, "processes; as many as there are cores")
      ->check(CLI::Range(1, 256));
  app.add_flag("--progress", options.seeds.progress, "a line every ten seconds");
  app.add_flag("--digests", options.seeds.digests,
               "print a digest of each world's trace, no summary")
      ->excludes(seed, scenario);
  app.add_option("--failures", options.seeds.failures, "stop after so many")
      ->check(CLI::PositiveNumber);
  app.add_option("--crowd", options.crowd.daemons,
                 "what it costs when that number of hosts want one name")
      ->excludes(seed, scenario)
      ->check(CLI::Range(2, 10'000));
  app.add_option("--scripts", options.scripts, "directory with other .lua scripts for the nodes")
      ->check(CLI::ExistingDirectory);
  CLI11_PARSE(app, argc, argv);
  try {
    return Run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sim: %s\n", error.what());
    return 2;
  }
}
