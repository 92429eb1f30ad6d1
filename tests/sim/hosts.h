#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// What every world has: its time, those who judge it, its nodes, and a daemon on each host.
struct Ground {
  Ground(const Scenario& scenario, Trace::Mode mode) : scenario(scenario), trace(timeline, mode) {}
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  // On one more host. It knows the nodes that are there.
  SimDaemon& AddDaemon(const engine::Timing& timing);

  const Scenario scenario;
  Timeline timeline;
  Trace trace;
  Checker checker{timeline};
  std::deque<SimNode> nodes;
  ReachedCounts reached;
  Turns turns{timeline, checker, nodes};
  engine::SessionId last_session = 0;
  ConnectionId last_connection = 0;
  std::deque<SimDaemon> daemons;
};

// A world in which nothing goes wrong by itself: nodes that vote, and daemons with the settings of a
// configuration that says nothing. Who uses it brings the clients, and the trouble.
struct Hosts : Ground {
  static constexpr std::size_t kNodes = 5;

  Hosts(const ScriptSet& scripts, std::size_t count);

  void Pass(Duration time) { timeline.RunUntil(timeline.now() + time); }
};

}  // namespace redlockd::sim
