#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "tests/sim/administrator.h"
#include "tests/sim/asker.h"
#include "tests/sim/checker.h"
#include "tests/sim/client.h"
#include "tests/sim/hosts.h"
#include "tests/sim/plain_client.h"
#include "tests/sim/reached.h"
#include "tests/sim/scenario.h"
#include "tests/sim/set_client.h"
#include "tests/sim/sharing_client.h"
#include "tests/sim/watcher.h"

namespace redlockd::sim {

// What became of a scenario.
struct Outcome {
  std::vector<Violation> violations;
  std::size_t grants = 0;
  std::size_t confirmed = 0;  // grants that took rule A4
  std::size_t stale_refused = 0;
  std::size_t stale_taken = 0;
  std::size_t overlaps = 0;
  std::size_t fenced_overlaps = 0;
  std::size_t fences_twice = 0;
  std::uint64_t happened = 0;  // events of the timeline
  ReachedCounts reached{};
  Duration longest_wait{};   // of a daemon for its turn
  std::uint64_t digest = 0;  // of its trace, where that was wanted
};

// Whether something happened that must not: within the assumptions any violation; beyond them that
// a fence was given twice, which no clock and no lost key excuses (RULES.md, A).
bool Failed(const Scenario& scenario, const Outcome& outcome);

// A world made of a scenario: nodes, daemons, their links and clients, all in one thread and one
// made-up time. First things go wrong; then all of it is healed, and everybody must be served;
// then everybody goes home, and nothing may be left.
class World {
 public:
  // `scripts` outlives it.
  World(const Scenario& scenario, const ScriptSet& scripts, Trace::Mode trace = Trace::Mode::kOff);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome Run();

 private:
  void MakeNodes(const ScriptSet& scripts);
  void Happen(const Fault& fault);
  void HappenToNode(const Fault& fault);
  void KillNode(const Fault& fault, SimNode::Memory memory);
  void BreakOwner(SimDaemon& daemon, const SimNode& node, bool at_once);
  void Break(SimDaemon& daemon, engine::BreakRequested request);
  bool IsUndisturbed(std::size_t daemon) const;
  void AuditUndisturbed();
  void EveryNow(Duration interval, std::function<void()> act);

  void Trouble();
  void Calm();
  void AdoptStrangers();
  void CheckServed();
  void CheckNodesVote();
  void UseOneByOne();
  void CompeteAll();
  bool AllNodesVote() const;
  void TryTogether();
  void TryOnce(const std::string& lock, Chance& chance, bool all);
  void GiveUpAll();
  void BreakAll();
  void BreakHolder(bool at_once);
  void ShareSets();
  void HurrySharers();
  void ShareAll();
  Duration LongestWait() const;
  // For how long locks linger now: the least and the most. A reload changes it.
  std::pair<Duration, Duration> Lingers() const;
  void GoHome();
  void CheckReleased();
  void CheckNothingLeft();

  Ground ground_;
  const Scenario& scenario_ = ground_.scenario;
  Timeline& timeline_ = ground_.timeline;
  Trace& trace_ = ground_.trace;
  Checker& checker_ = ground_.checker;
  std::deque<SimNode>& nodes_ = ground_.nodes;
  std::deque<SimDaemon>& daemons_ = ground_.daemons;
  bool calm_ = false;
  std::deque<Client> clients_;
  std::deque<SetClient> set_clients_;
  std::deque<SharingClient> sharing_clients_;
  std::deque<Watcher> watchers_;
  std::deque<Asker> askers_;
  PlainClient plain_client_;
  Administrator administrator_;
};

}  // namespace redlockd::sim
