#include "tests/faults/fleet.h"

#include <filesystem>
#include <stdexcept>

#include "tests/faults/runner.h"

namespace redlockd::test::faults {

Fleet::Fleet(const World& world, std::string program, std::string directory, std::string store,
             const Journal& journal, std::uint64_t seed)
    : world_(world),
      program_(std::move(program)),
      directory_(std::move(directory)),
      store_(std::move(store)),
      journal_(journal),
      random_(seed),
      processes_(world.daemons() * kPerDaemon) {
  for (std::size_t client = 0; client < processes_.size(); ++client) Start(client);
}

std::string Fleet::NameOf(std::size_t client) const {
  const std::size_t number = client % kPerDaemon;
  return 'd' + std::to_string(client / kPerDaemon + 1) +
         (number + 1 == kPerDaemon ? "run" : 'c' + std::to_string(number + 1));
}

std::string Fleet::LogOf(std::size_t client) const {
  return directory_ + "/../" + NameOf(client) + ".log";
}

void Fleet::Start(std::size_t client) {
  const std::string who = NameOf(client);
  const ClientSetup setup{.who = who,
                          .socket = world_.Socket(client / kPerDaemon),
                          .store = store_,
                          .journal = directory_ + '/' + who,
                          .origin = journal_.origin(),
                          .seed = random_()};
  const std::string role = who.ends_with("run") ? "runner" : "client";
  processes_[client].emplace(ClientArguments(program_, role, setup),
                             Process::Options{.output_file = LogOf(client)});
}

void Fleet::Begin(const Fault& fault) {
  Process& process = *processes_[fault.target];
  if (fault.kind == Kind::kStopClient) return process.Freeze();
  process.Signal(SIGKILL);
  process.Wait();
  Start(fault.target);
}

void Fleet::End(const Fault& fault) {
  if (fault.kind == Kind::kStopClient) processes_[fault.target]->Resume();
}

void Fleet::Stop() {
  for (const auto& process : processes_) process->Signal(SIGTERM);
  for (std::size_t client = 0; client < processes_.size(); ++client) {
    std::string how;
    try {
      const Exit exit = processes_[client]->Wait(4 * kPatience);
      if (exit != ExitCode(0))
        how = "ended with exit code " + std::to_string(exit.code) + ", signal " +
              std::to_string(exit.signal);
    } catch (const std::runtime_error&) {
      how = "does not end";
    }
    const std::string log = ReadFile(LogOf(client));
    std::filesystem::remove(LogOf(client));
    if (how.empty()) continue;
    journal_.Note("problem", {}, NameOf(client) + ' ' + how + ": " + log);
  }
}

}  // namespace redlockd::test::faults
