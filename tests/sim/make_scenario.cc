#include <algorithm>
#include <array>

#include "tests/sim/chance.h"
#include "tests/sim/scenario.h"

// What goes wrong in the world of a seed.
namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using Kind = Fault::Kind;

// A kind of fault and how bad it may be.
struct Taste {
  Kind kind;
  Duration shortest, longest;        // Fault::lasts
  std::int64_t least = 0, most = 0;  // Fault::amount
  // How often it is taken in a world that is about memory, the network, processes, or clocks.
  std::array<std::uint64_t, 4> weights;
};
// What a world is about.
constexpr std::size_t kClocks = 3;  // the last that has weights
constexpr std::size_t kRaces = 4;
constexpr std::size_t kOneHost = 5;

constexpr std::array kTastes = {
    Taste{Kind::kRestartEmpty, 1ms, 500ms, 0, 0, {8, 2, 2, 1}},
    Taste{Kind::kRestartKept, 1ms, 500ms, 0, 0, {4, 1, 2, 1}},
    Taste{Kind::kRestartOld, 1ms, 500ms, 1'000, 1'500'000, {8, 1, 2, 1}},
    Taste{Kind::kFlush, 0ms, 0ms, 0, 0, {6, 1, 1, 1}},
    Taste{Kind::kHang, 10ms, 900ms, 0, 0, {2, 8, 4, 4}},
    Taste{Kind::kPolicy, 10ms, 2500ms, 0, 0, {2, 0, 0, 0}},
    Taste{Kind::kClockStep, 0ms, 0ms, -250'000, 1'500, {2, 2, 1, 4}},
    Taste{Kind::kCut, 0ms, 0ms, 0, 0, {2, 8, 2, 2}},
    Taste{Kind::kCutEmpty, 0ms, 0ms, 0, 0, {2, 5, 2, 1}},
    Taste{Kind::kDeafNode, 5ms, 900ms, 0, 0, {2, 8, 4, 6}},
    Taste{Kind::kDeafDaemon, 5ms, 900ms, 0, 0, {2, 8, 4, 4}},
    Taste{Kind::kSlow, 50ms, 1s, 1'000, 60'000, {1, 6, 2, 2}},
    Taste{Kind::kKill, 1ms, 500ms, 0, 0, {2, 2, 8, 2}},
    Taste{Kind::kStop, 10ms, 1s, 0, 0, {2, 2, 8, 2}},
    Taste{Kind::kWrongClock, 100ms, 2s, -3'000'000, 1'000'000, {1, 1, 0, 4}},
    Taste{Kind::kDrain, 1ms, 300ms, 0, 400'000, {1, 1, 4, 0}},
    Taste{Kind::kHostStill, 1ms, 600ms, 0, 0, {0, 1, 1, 2}},
    Taste{Kind::kHostJump, 0ms, 0ms, 1'000, 600'000, {0, 0, 1, 1}},
    Taste{Kind::kHostRate, 50ms, 3s, -300'000, 300'000, {0, 1, 1, 2}},
};

constexpr std::array kBeyond = {
    Taste{Kind::kClockJump, 0ms, 0ms, 20'000, 2'000'000, {1, 1, 1, 1}},
    Taste{Kind::kEvict, 0ms, 0ms, 0, 0, {3, 3, 3, 6}},
    Taste{Kind::kRate, 0ms, 0ms, 20'000, 500'000, {1, 1, 1, 1}},
};

template <class Tastes>
const Taste& Pick(Chance& chance, const Tastes& tastes, std::size_t about) {
  std::uint64_t sum = 0;
  for (const Taste& taste : tastes) sum += taste.weights[about];
  std::uint64_t place = chance.Below(sum);
  for (const Taste& taste : tastes) {
    if (place < taste.weights[about]) return taste;
    place -= taste.weights[about];
  }
  return tastes.front();
}

// Whole microseconds, as a scenario's text has them.
Duration Whole(Duration duration) { return duration - duration % 1us; }

Fault Make(Chance& chance, const Scenario& scenario, const Taste& taste) {
  return {.kind = taste.kind,
          .at = Whole(chance.UpTo(scenario.trouble)),
          .lasts = Whole(chance.Between(taste.shortest, taste.longest)),
          .daemon = chance.Below(scenario.daemons),
          .node = chance.Below(scenario.nodes),
          .amount = chance.Between(taste.least, taste.most)};
}

// Of each node's clock one step at most, and of fewer than half of the clocks: rule D6 stands a
// step that is within the drift allowance of a lease, not several that add up to more; and nodes
// whose clocks are off do not vote, which is no use if it leaves none (rule A6).
bool Allowed(const Scenario& scenario, const Fault& fault) {
  if (fault.kind != Kind::kClockStep) return true;
  std::vector<std::size_t> stepped;
  for (const Fault& earlier : scenario.faults) {
    if (earlier.kind == Kind::kClockStep) stepped.push_back(earlier.node);
  }
  return std::find(stepped.begin(), stepped.end(), fault.node) == stepped.end() &&
         2 * (stepped.size() + 1) < scenario.nodes;
}

// Nobody's proposals for fences are worth much. A clock that is hardly off does other harm than one
// that is far off.
void MistakeClocks(Chance& chance, Scenario& scenario) {
  for (std::size_t daemon = 0; daemon < scenario.daemons; ++daemon) {
    scenario.faults.push_back(
        {.kind = Kind::kWrongClock,
         .at = Whole(chance.UpTo(scenario.trouble / 2)),
         .lasts = scenario.trouble,
         .daemon = daemon,
         .amount = chance.Between(std::int64_t{-2'000'000}, std::int64_t{2'000'000}) >>
                   chance.Below(12)});
  }
}

// A world in which hardly two nodes have the same fence: everybody wants the same lock, by
// proposals that are worth nothing, over links of different speed. Beyond the assumptions, its key
// vanishes again and again.
void AddRaces(Chance& chance, Scenario& scenario) {
  scenario.haste = true;
  scenario.trouble = std::min<Duration>(scenario.trouble, 2s);
  MistakeClocks(chance, scenario);
  for (std::size_t daemon = 0; daemon < scenario.daemons; ++daemon) {
    for (std::size_t node = 0; node < scenario.nodes; ++node) {
      scenario.faults.push_back({.kind = Kind::kSlow,
                                 .lasts = scenario.trouble,
                                 .daemon = daemon,
                                 .node = node,
                                 .amount = chance.Between(std::int64_t{0}, std::int64_t{9'000})});
    }
  }
  if (chance.OneIn(2)) return;
  for (std::uint64_t evictions = 5 + chance.Below(60); evictions > 0; --evictions) {
    scenario.faults.push_back({.kind = Kind::kEvict,
                               .at = Whole(chance.UpTo(scenario.trouble)),
                               .node = chance.Below(scenario.nodes)});
  }
}

// Nothing goes wrong but one host's clock: it stands still, by itself or with the whole machine,
// jumps, or runs at a wrong rate, from hardly to much.
void AddOneHost(Chance& chance, Scenario& scenario) {
  constexpr std::array kKinds = {Kind::kHostStill, Kind::kHostJump, Kind::kHostRate};
  const std::size_t daemon = chance.Below(scenario.daemons);
  for (std::uint64_t more = 1 + chance.Below(6); more > 0; --more) {
    const std::int64_t size =
        1 + (chance.Between(std::int64_t{0}, std::int64_t{800'000}) >> chance.Below(10));
    Fault fault{.kind = kKinds.at(chance.Below(kKinds.size())),
                .at = Whole(chance.UpTo(scenario.trouble)),
                .lasts = Whole(chance.UpTo(scenario.trouble / 2)),
                .daemon = daemon,
                .amount = size};
    if (fault.kind == Kind::kHostStill) fault.lasts = std::chrono::microseconds(size);
    if (fault.kind == Kind::kHostRate && !chance.OneIn(4)) fault.amount = -size;
    scenario.faults.push_back(fault);
    if (fault.kind != Kind::kHostStill || !chance.OneIn(2)) continue;
    fault.kind = Kind::kStop;
    scenario.faults.push_back(fault);
  }
}

// Administrators break the lock that all want, sometimes again and again. By a chance of their own: in
// the other worlds nothing is as if there were no breaks.
void AddBreaks(Scenario& scenario) {
  constexpr std::array kKinds = {Kind::kBreak, Kind::kBreak, Kind::kBreakNow, Kind::kBreakHere};
  Chance chance(scenario.seed, 'b', 0);
  if (!chance.OneIn(4)) return;
  for (std::uint64_t more = 1 + chance.Below(8); more > 0; --more) {
    scenario.faults.push_back({.kind = kKinds.at(chance.Below(kKinds.size())),
                               .at = Whole(chance.UpTo(scenario.trouble)),
                               .daemon = chance.Below(scenario.daemons),
                               .node = chance.Below(scenario.nodes)});
  }
}

// Daemons are reloaded, by a chance of their own as well.
void AddReloads(Scenario& scenario) {
  Chance chance(scenario.seed, 'r', 0);
  if (!chance.OneIn(8)) return;
  for (std::uint64_t more = 1 + chance.Below(8); more > 0; --more) {
    scenario.faults.push_back(
        {.kind = Kind::kReload,
         .at = Whole(chance.UpTo(scenario.trouble)),
         .daemon = chance.Below(scenario.daemons),
         .amount = chance.Between(std::int64_t{0}, std::int64_t{1'000'000}) >> chance.Below(20)});
  }
}

// Clients want several locks at once, by a chance of their own as well.
void AddSets(Scenario& scenario) {
  Chance chance(scenario.seed, 'm', 0);
  if (chance.OneIn(4)) scenario.sets = 1 + chance.Below(2 * scenario.daemons + 1);
}

// Clients share locks, by a chance of their own too.
void AddSharers(Scenario& scenario) {
  Chance chance(scenario.seed, 'f', 0);
  if (chance.OneIn(8)) scenario.sharers = 1 + chance.Below(3 * scenario.daemons + 1);
}

// Daemons are restarted with all that they know, by a chance of their own too, sometimes again and
// again, and at once after each other.
void AddReplacements(Scenario& scenario) {
  Chance chance(scenario.seed, 'h', 0);
  if (!chance.OneIn(3)) return;
  for (std::uint64_t more = 1 + chance.Below(12); more > 0; --more) {
    scenario.faults.push_back({.kind = Kind::kReplace,
                               .at = Whole(chance.UpTo(scenario.trouble)),
                               .lasts = Whole(chance.UpTo(100ms) / (1 + chance.Below(50))),
                               .daemon = chance.Below(scenario.daemons)});
  }
}

// The same happens to another node at about the same time: a rack, a switch.
void AddTwin(Chance& chance, Scenario& scenario, Fault fault) {
  fault.node = (fault.node + 1 + chance.Below(scenario.nodes - 1)) % scenario.nodes;
  fault.at = std::min(scenario.trouble, Whole(fault.at + chance.UpTo(10ms)));
  if (Allowed(scenario, fault)) scenario.faults.push_back(fault);
}

}  // namespace

Scenario MakeScenario(std::uint64_t seed) {
  Chance chance(seed, 's', 0);
  Scenario scenario;
  scenario.seed = seed;
  scenario.nodes = chance.OneIn(4) ? 5 : 3;
  scenario.daemons = 1 + chance.Below(3) + (chance.OneIn(4) ? 1 : 0);
  std::size_t clients = scenario.daemons * (1 + chance.Below(3));
  if (chance.OneIn(64)) {  // enough of them that most stand far back in a queue (rule E8.3)
    scenario.daemons = 5 + chance.Below(4);
    clients = scenario.daemons;
  }
  for (std::size_t c = 0; c < clients; ++c) scenario.clients.push_back(c);
  scenario.kill_allowed = !chance.OneIn(3);
  scenario.haste = chance.OneIn(3);
  scenario.trouble = Whole(chance.Between(Duration(500ms), Duration(4s)));

  // From none at all to one after the other.
  const std::size_t topic = chance.Below(kOneHost + 1);
  const std::size_t about = std::min(topic, kClocks);
  std::size_t faults = chance.OneIn(20) ? 0 : 1 + chance.Below(16);
  if (topic == kClocks) MistakeClocks(chance, scenario);
  if (topic == kRaces) {
    AddRaces(chance, scenario);
    faults = scenario.faults.size() + chance.Below(3);
  }
  if (topic == kOneHost) {
    AddOneHost(chance, scenario);
    faults = 0;
  }
  while (scenario.faults.size() < faults) {
    const Fault fault = Make(chance, scenario, Pick(chance, kTastes, about));
    if (!Allowed(scenario, fault)) continue;
    scenario.faults.push_back(fault);
    if (chance.OneIn(3)) AddTwin(chance, scenario, fault);
  }
  if (topic != kOneHost && chance.OneIn(8)) {
    for (std::uint64_t more = 1 + chance.Below(8); more > 0; --more) {
      scenario.faults.push_back(Make(chance, scenario, Pick(chance, kBeyond, about)));
    }
  }
  if (topic != kOneHost) AddBreaks(scenario);
  if (topic != kOneHost) AddReloads(scenario);
  AddSets(scenario);
  AddSharers(scenario);
  if (topic != kOneHost) AddReplacements(scenario);
  if (chance.OneIn(3)) scenario.attempts = 1 + chance.Below(3);
  constexpr std::array<Duration, 3> kLinger = {0ms, 20ms, 1s};  // not, as is usual, beyond the ttl
  scenario.linger = kLinger.at(chance.Below(kLinger.size()));
  scenario.tenure = Whole(chance.Between(Duration(200ms), Duration(400ms)));
  scenario.hints = static_cast<Hints>(chance.Below(3));
  scenario.plain = chance.OneIn(4);
  std::stable_sort(scenario.faults.begin(), scenario.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return ParseScenario(ToText(scenario));  // it is what its text says, and no more
}

}  // namespace redlockd::sim
