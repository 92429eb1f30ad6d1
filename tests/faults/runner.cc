#include "tests/faults/runner.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "tests/faults/sigterm.h"
#include "tests/support/process.h"

namespace redlockd::test::faults {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool OneIn(std::size_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

std::vector<std::string> RunCommand(const ClientSetup& setup, std::string_view lock, Dice& dice) {
  std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "--socket", setup.socket, "run", "-q"};
  if (dice.OneIn(3)) {
    argv.emplace_back("-n");
  } else {
    argv.insert(argv.end(), {"-w", "0." + std::to_string(1 + dice.Below(9))});
  }
  argv.insert(argv.end(), {"--ttl", std::to_string(1000 + dice.Below(1001)) + "ms"});
  argv.insert(argv.end(), {std::string(lock), "--"});
  return argv;
}

}  // namespace

void RunRunner(const ClientSetup& setup, const std::string& program) {
  HeedSigterm();
  const Journal journal(setup.journal, setup.who, setup.origin);
  journal.Note("start");
  Dice dice(setup.seed);
  while (!Stopping()) {
    const std::string_view lock = kContended[dice.Below(std::size(kContended))];
    std::vector<std::string> argv = RunCommand(setup, lock, dice);
    ClientSetup section = setup;
    section.seed = dice.Below(1u << 30);
    const auto command = ClientArguments(program, "section", section);
    argv.insert(argv.end(), command.begin(), command.end());

    journal.Note("run", {{"lock", std::string(lock)}});
    Process process(argv, {.output_file = "/dev/null"});
    if (dice.OneIn(5)) {
      // Whatever it is at just then: nobody else may have the lock while its command is alive.
      poll(nullptr, 0, static_cast<int>(dice.Below(1000)));
      process.Signal(SIGKILL);
    }
    // By far longer than a wait and a section; also where the daemon is stopped for some seconds.
    const Exit exit = process.Wait(4 * kPatience);
    journal.Note("ran", {{"lock", std::string(lock)},
                         {"code", std::to_string(exit.code)},
                         {"signal", std::to_string(exit.signal)}});
    if (!Stopping()) poll(nullptr, 0, static_cast<int>(dice.Below(150)));
  }
  journal.Note("done");
}

void RunSection(const ClientSetup& setup) {
  const Journal journal(setup.journal, setup.who, setup.origin);
  Store store(setup.store);
  Dice dice(setup.seed);
  const std::string lock = std::getenv("REDLOCK_NAME");
  const std::string fence = std::getenv("REDLOCK_FENCE");
  const auto slot = static_cast<std::size_t>(
      std::find(std::begin(kContended), std::end(kContended), lock) - std::begin(kContended));
  journal.Note("section", {{"lock", lock}, {"fence", fence}});
  store.CountGrant();
  const Countdown length(
      std::chrono::milliseconds(dice.OneIn(4) ? 1500 + dice.Below(3500) : dice.Below(100)));
  do {
    const Duration begin = journal.Now();
    std::uint64_t greatest = 0;
    const bool taken = store.Put(slot, std::stoull(fence), &greatest);
    journal.Note("beat", {{"lock", lock},
                          {"fence", fence},
                          {"begin", ToText(begin)},
                          {"taken", taken ? "1" : "0"},
                          {"greatest", std::to_string(greatest)}});
    poll(nullptr, 0, static_cast<int>(1 + dice.Below(20)));
  } while (!length.over());
  journal.Note("leave", {{"lock", lock}, {"fence", fence}});
}

std::vector<std::string> ClientArguments(const std::string& program, const std::string& role,
                                         const ClientSetup& setup) {
  return {program,
          role,
          setup.who,
          setup.socket,
          setup.store,
          setup.journal,
          std::to_string(setup.origin.count()),
          std::to_string(setup.seed)};
}

ClientSetup ParseClientArguments(const std::vector<std::string>& arguments) {
  if (arguments.size() != 8) throw std::runtime_error("not a client's command line");
  return {.who = arguments[2],
          .socket = arguments[3],
          .store = arguments[4],
          .journal = arguments[5],
          .origin = Duration(std::stoll(arguments[6])),
          .seed = std::stoull(arguments[7])};
}

}  // namespace redlockd::test::faults
