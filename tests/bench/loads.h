#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// What clients do to a daemon, and how it went. All talk the line protocol, so that any daemon will
// do. Each of these is a subcommand of bench_load.
namespace redlockd::bench {

// Locks and unlocks, one after the other, each client names of its own.
struct CycleOptions {
  std::string socket;
  int clients = 1;
  int processes = 1;
  double seconds = 1;
  long cycles = 0;     // of each client; 0: as many as there is time for
  bool fresh = false;  // a new name for each cycle; else each client has one name
};
nlohmann::json RunCycles(const CycleOptions& options);

// All clients want the same lock, forever. A client that gets it lets go at once and asks again,
// both in one write: who hands a lock on and who gets it need one round trip between them.
struct ContendOptions {
  std::vector<std::string> sockets;  // of one or more daemons, "hosts" here
  std::string name;
  int clients = 1;    // of each host
  int processes = 1;  // likewise; the clients are dealt out to them
  double seconds = 1;
};
nlohmann::json RunContend(const ContendOptions& options);

// Holders killed while another client waits; how long until that one has the lock.
struct KillOptions {
  std::string holder_socket;
  std::string waiter_socket;
  int times = 1;
};
nlohmann::json RunKills(const KillOptions& options);

// Many connections that hold many locks, or none, until standard input ends. Says
// {"sessions", "held", "refused"} once they are there; and for each line that it is sent, after it asked the daemon
// in all sessions at once, {"seconds"} until it had all answers, and how many locks were {"held"} still.
struct CrowdOptions {
  std::string socket;
  int sessions = 1;
  int locks = 0;    // of each session that holds some
  int holders = 0;  // how many sessions hold locks; 0: all
  std::string ttl = "30s";
};
void HoldCrowd(const CrowdOptions& options);

// Round trips of one client to an echo.
struct PingOptions {
  std::string socket;
  double seconds = 1;
};
nlohmann::json RunPings(const PingOptions& options);

// How steady the machine is: half of the time a fixed piece of work, again and again ("spin"), and
// half of it how late sleeps of a millisecond end ("wake_up").
struct NoiseOptions {
  double seconds = 1;
};
nlohmann::json RunNoise(const NoiseOptions& options);

}  // namespace redlockd::bench
