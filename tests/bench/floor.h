#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// The floor: the least that a lock on these nodes can cost. A bare loop that sends the project's
// own scripts, as the daemon would, and does nothing else. Subcommands of bench_floor.
namespace redlockd::bench {

// Locks and unlocks names never used before on all nodes, `in_flight` at a time over one connection
// to each node. Each step waits for a majority, the unlock too.
struct FloorOptions {
  std::vector<int> ports;
  int in_flight = 1;
  double seconds = 1;
  bool plain = false;  // the commands of plain Redlock clients instead of the project's scripts
};
nlohmann::json RunFloor(const FloorOptions& options);

// The same loop for one client at a time that has it take and let go by lines on a socket: the least
// that a lock can cost where a process of its own does it for the client. Returns only by a
// std::runtime_error.
struct ProxyOptions {
  std::vector<int> ports;
  std::string socket;
};
void ServeFloor(const ProxyOptions& options);

// What one node says that it needs for a run of the acquire and the release script, and of a bare
// GET + INCR + SET, in microseconds.
struct ScriptOptions {
  int port = 0;
  int count = 20000;
};
nlohmann::json TimeScripts(const ScriptOptions& options);

}  // namespace redlockd::bench
