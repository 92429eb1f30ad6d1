#include "tests/sim/seeds.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace redlockd::sim {
namespace {

using Clock = std::chrono::steady_clock;

// What the workers count, in memory that they share.
struct Tally {
  std::atomic<std::uint64_t> next;  // seed that nobody has begun
  std::atomic<std::uint64_t> worlds, failures, grants, confirmed, events, stale_refused;
  // Of worlds beyond the assumptions: those with a broken promise; overlaps, and those of them
  // where the fence kept the first holder's writes out.
  std::atomic<std::uint64_t> beyond, beyond_broken, overlaps, fenced_overlaps;
};

class SharedTally {
 public:
  SharedTally() {
    void* page =
        mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    tally_ = new (page) Tally();
  }
  ~SharedTally() { munmap(tally_, sizeof(Tally)); }
  SharedTally(const SharedTally&) = delete;
  SharedTally& operator=(const SharedTally&) = delete;
  Tally* operator->() const { return tally_; }
  Tally& operator*() const { return *tally_; }

 private:
  Tally* tally_;
};

Outcome RunWorld(const Scenario& scenario, const ScriptSet& scripts) {
  return World(scenario, scripts, false).Run();
}

void Report(const Scenario& scenario, const Outcome& outcome, const ScriptSet& scripts) {
  const Promise promise = outcome.violations.front().promise;
  const Scenario shrunk = Shrink(scenario, [&](const Scenario& smaller) {
    const Outcome again = RunWorld(smaller, scripts);
    return !again.violations.empty() && again.violations.front().promise == promise;
  });
  std::ostringstream out;
  out << "\nFAILED seed " << scenario.seed << ", shrunk to:\n" << ToText(shrunk);
  for (const Violation& violation : RunWorld(shrunk, scripts).violations) {
    out << ToText(violation) << '\n';
  }
  out << "Its trace: scripts/sim --scenario FILE --trace, with the lines from 'seed' on in FILE\n";
  // In one piece, that no other worker's comes between.
  std::fputs(out.str().c_str(), stdout);
  std::fflush(stdout);
}

void Count(Tally& tally, const Scenario& scenario, const Outcome& outcome) {
  ++tally.worlds;
  tally.grants += outcome.grants;
  tally.confirmed += outcome.confirmed;
  tally.events += outcome.happened;
  tally.stale_refused += outcome.stale_refused;
  if (!scenario.Beyond()) return;
  ++tally.beyond;
  tally.beyond_broken += !outcome.violations.empty();
  tally.overlaps += outcome.overlaps;
  tally.fenced_overlaps += outcome.fenced_overlaps;
}

void Work(const SeedsWanted& wanted, Tally& tally, const ScriptSet& scripts) {
  while (tally.failures < wanted.failures) {
    const std::uint64_t seed = tally.next++;
    if (seed >= wanted.first + wanted.count) break;
    const Scenario scenario = MakeScenario(seed);
    const Outcome outcome = RunWorld(scenario, scripts);
    Count(tally, scenario, outcome);
    if (Failed(scenario, outcome)) {
      ++tally.failures;
      Report(scenario, outcome, scripts);
    }
  }
}

void PrintProgress(const SeedsWanted& wanted, const Tally& tally, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%lu of %lu worlds, %lu grants, %lu failed, %.0f worlds/s\n", tally.worlds.load(),
              wanted.count, tally.grants.load(), tally.failures.load(),
              static_cast<double>(tally.worlds.load()) / seconds);
  std::fflush(stdout);
}

// False if one of them died of something that is no outcome of a world.
bool Await(const std::vector<pid_t>& workers, const SeedsWanted& wanted, const Tally& tally,
           Clock::time_point start) {
  constexpr std::chrono::seconds kEvery{10};
  auto next_line = start + kEvery;
  bool well = true;
  std::size_t left = workers.size();
  while (left > 0) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended > 0) {
      --left;
      well = well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    } else {
      usleep(10'000);
    }
    if (wanted.progress && Clock::now() >= next_line) {
      PrintProgress(wanted, tally, start);
      next_line += kEvery;
    }
  }
  return well;
}

void PrintSummary(const Tally& tally, Clock::time_point start, bool good) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const auto n = [](const std::atomic<std::uint64_t>& number) { return number.load(); };
  std::printf(
      "worlds          %lu in %.1f s, %.0f a second\n"
      "grants          %lu, %lu of them after a confirm round\n"
      "events          %lu\n"
      "stale writes    %lu, all refused by the fence\n"
      "beyond          %lu worlds in which what redlockd assumes did not hold; in %lu of them a\n"
      "                promise broke. %lu times two held a lock; in %lu of these the later one "
      "had\n"
      "                the greater fence, so that a fenced resource refuses the earlier one\n"
      "verdict: %s\n",
      n(tally.worlds), seconds, static_cast<double>(n(tally.worlds)) / seconds, n(tally.grants),
      n(tally.confirmed), n(tally.events), n(tally.stale_refused), n(tally.beyond),
      n(tally.beyond_broken), n(tally.overlaps), n(tally.fenced_overlaps), good ? "PASS" : "FAIL");
}

}  // namespace

bool RunSeeds(const SeedsWanted& wanted, const ScriptSet& scripts) {
  const SharedTally tally;
  tally->next = wanted.first;
  const auto start = Clock::now();
  std::fflush(stdout);
  std::vector<pid_t> workers;
  for (std::size_t i = 0; i < wanted.workers; ++i) {
    const pid_t pid = fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    if (pid == 0) {
      Work(wanted, *tally, scripts);
      std::fflush(stdout);
      _exit(0);
    }
    workers.push_back(pid);
  }
  const bool well = Await(workers, wanted, *tally, start);
  if (!well) std::printf("\nFAILED a worker died: an assertion, or a bug of the simulator\n");
  const bool good = well && tally->failures == 0;
  PrintSummary(*tally, start, good);
  return good;
}

}  // namespace redlockd::sim
