// The client processes of a run: of each daemon some that speak the line protocol and one that runs
// commands.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/client.h"
#include "tests/faults/schedule.h"
#include "tests/faults/world.h"
#include "tests/support/process.h"

namespace redlockd::test::faults {

class Fleet {
 public:
  static constexpr std::size_t kPerDaemon = 5;  // the last of which is the runner

  // `program`: this program; `directory`: of the journals; `store`: the path.
  Fleet(const World& world, std::string program, std::string directory, std::string store,
        const Journal& journal, std::uint64_t seed);

  std::string NameOf(std::size_t client) const;
  void Begin(const Fault& fault);  // a fault of a client
  void End(const Fault& fault);
  // Ends all by SIGTERM. Notes as a problem what does not end well.
  void Stop();

 private:
  std::string LogOf(std::size_t client) const;
  void Start(std::size_t client);

  const World& world_;
  const std::string program_, directory_, store_;
  const Journal& journal_;
  std::mt19937_64 random_;
  std::vector<std::optional<Process>> processes_;
};

}  // namespace redlockd::test::faults
