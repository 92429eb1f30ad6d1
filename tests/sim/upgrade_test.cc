// Hosts are upgraded one after the other, so for a while daemons of two versions, whose queues differ, want
// the same locks on the same nodes.
#include <gtest/gtest.h>

#include <deque>

#include "tests/sim/client.h"
#include "tests/sim/earlier_daemon.h"
#include "tests/sim/hosts.h"
#include "tests/sim/settings.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

#ifdef REDLOCKD_TEST_SANITIZED
constexpr std::uint64_t kWorlds = 4;  // each takes five times as long
#else
constexpr std::uint64_t kWorlds = 20;
#endif

// Two or three hosts of each version; those of the earlier one are upgraded one by one.
class Fleet {
 public:
  Fleet(const ScriptSet& scripts, EarlierScripts& earlier, std::uint64_t seed)
      : seed_(seed),
        chance_(seed, 'u', 0),
        ground_({.seed = seed, .nodes = chance_.OneIn(2) ? 3u : 5u, .linger = 20ms},
                Trace::Mode::kOff) {
    for (std::size_t n = 0; n < ground_.scenario.nodes; ++n) {
      const NodeClock clock(kYear2025, chance_.Between(-kOffRate, kOffRate), chance_.UpTo(2s), 0);
      ground_.nodes.emplace_back(scripts, ground_.timeline, clock, n, SetOf(WorldTiming())).Trust();
    }
    for (std::uint64_t more = 2 + chance_.Below(2); more > 0; --more) AddHost();
    for (std::size_t e = 0; e < 2 + chance_.Below(2); ++e) {
      earlier_.emplace_back(EarlierDaemon::Parts{.timeline = ground_.timeline,
                                                 .checker = ground_.checker,
                                                 .nodes = ground_.nodes,
                                                 .scripts = earlier,
                                                 .last_connection = ground_.last_connection,
                                                 .seed = seed,
                                                 .index = e});
    }
  }

  void Upgrade() {
    Pass(1s);
    for (EarlierDaemon& daemon : earlier_) daemon.Begin();
    for (EarlierDaemon& daemon : earlier_) {
      Pass(700ms);
      Disturb();
      Pass(700ms);
      EXPECT_GT(daemon.grants(), 0u) << "of the earlier version";
      chance_.OneIn(2) ? daemon.Drain() : daemon.Kill();
      AddHost();
    }
    Pass(700ms);
    for (Client& client : clients_) client.GoHome();
    Pass(1s);
  }
  const std::vector<Violation>& violations() const { return ground_.checker.violations(); }
  std::size_t grants() const { return ground_.checker.grants(); }

 private:
  void AddHost() {
    SimDaemon& daemon = ground_.AddDaemon(WorldTiming());
    for (std::uint64_t more = 1 + chance_.Below(2); more > 0; --more) {
      clients_.emplace_back(Client::Parts{.timeline = ground_.timeline,
                                          .checker = ground_.checker,
                                          .trace = ground_.trace,
                                          .reached = ground_.reached,
                                          .daemon = daemon,
                                          .seed = seed_,
                                          .number = clients_.size(),
                                          .haste = true,
                                          .polite = false,
                                          .in_line = false,
                                          .calm = calm_});
      clients_.back().Share();
    }
  }

  // A node forgets everything, hangs, or one of today's daemons dies or stands still.
  void Disturb() {
    const Moment now = ground_.timeline.now();
    const std::size_t n = chance_.Below(ground_.nodes.size());
    SimNode& node = ground_.nodes[n];
    SimDaemon& daemon = ground_.daemons[chance_.Below(ground_.daemons.size())];
    switch (chance_.Below(5)) {
      case 0:
        node.Die(chance_.OneIn(2) ? SimNode::Memory::kNone : SimNode::Memory::kKept, 0ms);
        for (SimDaemon& each : ground_.daemons) each.NodeDied(n);
        return ground_.timeline.After(chance_.UpTo(500ms), [&node] { node.Start(); });
      case 1:
        return node.HangUntil(now + chance_.UpTo(500ms));
      case 2:
        daemon.Kill();
        return ground_.timeline.After(chance_.UpTo(100ms), [&daemon] { daemon.Start(); });
      case 3:
        return daemon.StopUntil(now + chance_.UpTo(500ms));
      default:
        return;
    }
  }

  void Pass(Duration time) { ground_.timeline.RunUntil(ground_.timeline.now() + time); }

  const std::uint64_t seed_;
  Chance chance_;
  bool calm_ = true;
  Ground ground_;
  std::deque<Client> clients_;
  std::deque<EarlierDaemon> earlier_;
};

TEST(Upgrade, DaemonsOfTwoVersionsExcludeEachOtherAndAllGetOn) {
  const ScriptSet scripts;
  EarlierScripts earlier;
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fleet fleet(scripts, earlier, seed);
    fleet.Upgrade();
    EXPECT_GT(fleet.grants(), 100u);
    for (const Violation& violation : fleet.violations()) ADD_FAILURE() << ToText(violation);
  }
}

}  // namespace
}  // namespace redlockd::sim
