#include "tests/sim/seeds.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/sim/reached.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace redlockd::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostWorkers = 256;

// What the workers count, in memory that they share.
struct Tally {
  std::atomic<std::uint64_t> next;  // seed that nobody has begun
  std::atomic<std::uint64_t> worlds, failures, grants, confirmed, events, stale_refused,
      stale_taken;
  // Of worlds beyond the assumptions: overlaps, those of them where the fence kept the first
  // holder's writes out, and how many worlds broke which promise.
  std::atomic<std::uint64_t> beyond, overlaps, fenced_overlaps;
  std::array<std::atomic<std::uint64_t>, kPromises> broken;
  // How often worlds came to what they must come to, and how many did.
  std::array<std::atomic<std::uint64_t>, kReachedWords.size()> reached, reached_by;
  std::atomic<std::uint64_t> longest_wait;  // us
  // What each worker is at; 0: it has ended.
  std::array<std::atomic<std::uint64_t>, kMostWorkers> at;
};

// Objects in memory that is shared with the processes that are forked later.
template <class T>
class Shared {
 public:
  explicit Shared(std::size_t count) : count_(count) {
    void* pages = mmap(nullptr, count_ * sizeof(T), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    objects_ = static_cast<T*>(pages);
    std::uninitialized_value_construct_n(objects_, count_);
  }
  ~Shared() { munmap(objects_, count_ * sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator[](std::size_t i) const { return objects_[i]; }
  std::size_t size() const { return count_; }

 private:
  const std::size_t count_;
  T* objects_;
};
using Digests = Shared<std::uint64_t>;  // of each seed's trace; all 0 where none is wanted

Outcome RunWorld(const Scenario& scenario, const ScriptSet& scripts) {
  return World(scenario, scripts).Run();
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
  tally.stale_taken += outcome.stale_taken;
  for (std::size_t i = 0; i < kReachedWords.size(); ++i) {
    tally.reached.at(i) += outcome.reached.Of(i);
    if (outcome.reached.Of(i) > 0) ++tally.reached_by.at(i);
  }
  const auto wait = static_cast<std::uint64_t>(outcome.longest_wait / std::chrono::microseconds(1));
  if (wait > tally.longest_wait) tally.longest_wait = wait;
  if (!scenario.Beyond()) return;
  ++tally.beyond;
  std::set<Promise> broken;
  for (const Violation& violation : outcome.violations) broken.insert(violation.promise);
  for (const Promise promise : broken) ++tally.broken.at(static_cast<std::size_t>(promise));
  tally.overlaps += outcome.overlaps;
  tally.fenced_overlaps += outcome.fenced_overlaps;
}

void Work(const SeedsWanted& wanted, std::size_t worker, Tally& tally, const Digests& digests,
          const ScriptSet& scripts) {
  const auto trace = wanted.digests ? Trace::Mode::kDigest : Trace::Mode::kOff;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // what ends the whole run ends this too
  while (tally.failures < wanted.failures) {
    const std::uint64_t seed = tally.next++;
    if (seed >= wanted.first + wanted.count) break;
    tally.at.at(worker) = seed;
    const Scenario scenario = MakeScenario(seed);
    const Outcome outcome = World(scenario, scripts, trace).Run();
    digests[seed - wanted.first] = outcome.digest;
    Count(tally, scenario, outcome);
    if (Failed(scenario, outcome)) {
      ++tally.failures;
      Report(scenario, outcome, scripts);
    }
  }
  tally.at.at(worker) = 0;
}

void PrintProgress(const SeedsWanted& wanted, const Tally& tally, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%lu of %lu worlds, %lu grants, %lu failed, %.0f worlds/s\n", tally.worlds.load(),
              wanted.count, tally.grants.load(), tally.failures.load(),
              static_cast<double>(tally.worlds.load()) / seconds);
  std::fflush(stdout);
}

// An assertion of the engine, or a bug of the simulator.
void ReportDead(const Tally& tally) {
  for (const auto& seed : tally.at) {
    if (seed != 0) std::printf("\nFAILED seed %lu: its worker died of it\n", seed.load());
  }
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
      "stale writes    %lu refused by the fence, %lu when no later holder had written yet\n"
      "beyond          %lu worlds in which what redlockd assumes did not hold: %lu times two held "
      "a\n"
      "                lock, and %lu times the later one had the greater fence, so that a fenced\n"
      "                resource refuses the earlier one. Promises broken there, by worlds:\n",
      n(tally.worlds), seconds, static_cast<double>(n(tally.worlds)) / seconds, n(tally.grants),
      n(tally.confirmed), n(tally.events), n(tally.stale_refused), n(tally.stale_taken),
      n(tally.beyond), n(tally.overlaps), n(tally.fenced_overlaps));
  for (std::size_t i = 0; i < kPromises; ++i) {
    if (tally.broken[i] == 0) continue;
    std::printf("                  %s %lu\n", ToText(static_cast<Promise>(i)), n(tally.broken[i]));
  }
  std::printf("waits           a daemon waited %.0f ms at most for its turn\n",
              static_cast<double>(n(tally.longest_wait)) / 1e3);
  std::printf("reached         how often, and in how many worlds:\n");
  for (std::size_t i = 0; i < kReachedWords.size(); ++i) {
    std::printf("                  %s %lu, %lu\n", kReachedWords[i], n(tally.reached[i]),
                n(tally.reached_by[i]));
  }
  std::printf("verdict: %s\n", good ? "PASS" : "FAIL");
}

void PrintDigests(const SeedsWanted& wanted, const Digests& digests) {
  for (std::size_t i = 0; i < digests.size(); ++i) {
    std::printf("%lu %016lx\n", wanted.first + i, digests[i]);
  }
}

}  // namespace

bool RunSeeds(const SeedsWanted& wanted, const ScriptSet& scripts) {
  const Shared<Tally> shared(1);
  const Digests digests(wanted.count);
  Tally& tally = shared[0];
  tally.next = wanted.first;
  const auto start = Clock::now();
  std::fflush(stdout);
  std::vector<pid_t> workers;
  for (std::size_t i = 0; i < wanted.workers; ++i) {
    const pid_t pid = fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    if (pid == 0) {
      Work(wanted, i, tally, digests, scripts);
      std::fflush(stdout);
      _exit(0);
    }
    workers.push_back(pid);
  }
  const bool well = Await(workers, wanted, tally, start);
  if (!well) ReportDead(tally);
  const bool good = well && tally.failures == 0;
  if (wanted.digests) {
    PrintDigests(wanted, digests);
  } else {
    PrintSummary(tally, start, good);
  }
  return good;
}

}  // namespace redlockd::sim
