#include "tests/sim/hosts.h"

#include "tests/sim/settings.h"

namespace redlockd::sim {

using namespace std::chrono_literals;

SimDaemon& Ground::AddDaemon(const engine::Timing& timing) {
  return daemons.emplace_back(SimDaemon::Parts{.timeline = timeline,
                                               .checker = checker,
                                               .trace = trace,
                                               .reached = reached,
                                               .turns = turns,
                                               .nodes = nodes,
                                               .last_session = last_session,
                                               .last_connection = last_connection,
                                               .scenario = scenario,
                                               .timing = timing,
                                               .index = daemons.size()});
}

Hosts::Hosts(const ScriptSet& scripts, std::size_t count)
    : Ground({.nodes = kNodes, .linger = 20ms}, Trace::Mode::kOff) {
  engine::Timing timing;
  timing.drift = WorldTiming().drift;  // as the hosts' clocks are
  for (std::size_t n = 0; n < kNodes; ++n) {
    nodes.emplace_back(scripts, timeline, NodeClock(kYear2025, 0, 0ms, 0), n, SetOf(timing))
        .Trust();
  }
  for (std::size_t d = 0; d < count; ++d) AddDaemon(timing);
}

}  // namespace redlockd::sim
