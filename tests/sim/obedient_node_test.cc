#include "tests/unit/engine/obedient_node.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <variant>

#include "tests/sim/fake_node.h"

// The node of the engine's unit tests is written in C++, so that a test can read what it has. Here
// it is held to the scripts: the same random questions get the same answers from both. FakeNode runs
// the scripts, and tests/contract holds it to real servers.
namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using engine::Duration;

// Times are such that nothing ends in the very millisecond in which it is looked at: a node that
// counts milliseconds and one that counts microseconds may differ there.
engine::Timing SmallTiming() {
  engine::Timing timing;
  timing.max_ttl = 401ms;
  timing.fence_window = 100ms;
  timing.fence_life = 501ms;
  return timing;
}

redis::SetOptions SetOf(const engine::Timing& timing) {
  return {.key_prefix = "",
          .max_ttl = timing.max_ttl,
          .fence_window = timing.fence_window,
          .fence_life = timing.fence_life,
          .quarantine = timing.Quarantine()};
}

class TwoNodes {
 public:
  explicit TwoNodes(std::uint32_t seed) : random_(seed) {
    Both(engine::ProbeOp{.node_id = "node", .set = "set"});
    Both(engine::TrustOp{});
  }

  // Asks both for something after a while.
  void Turn() {
    now_ += 2ms * Below(60);
    Both(Question());
  }

 private:
  std::uint32_t Below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  std::string Owner() {
    return std::string("abc").substr(Below(3), 1) + ":" + std::to_string(1 + Below(3)) + ":h";
  }
  // A fence near the clock, or a little too far ahead.
  engine::Fence Proposal() {
    return obedient_.Clock(engine::Time(now_)) - 150'000 + Below(300'000);
  }

  engine::NodeOp Question() {
    constexpr std::array kQueueings = {engine::Queueing::kNone, engine::Queueing::kIfRefused,
                                       engine::Queueing::kAlways, engine::Queueing::kIgnore};
    constexpr std::array<Duration, 3> kTtls = {101ms, 203ms, 401ms};
    const std::string lock = Below(4) == 0 ? "y" : "x";
    switch (Below(12)) {
      case 0:
        return engine::ConfirmOp{lock, Owner(), Proposal(), Below(2) == 0 ? 64 : 1};
      case 1:
      case 2:
        return engine::RenewOp{lock, Owner(), kTtls.at(Below(3))};
      case 3:
      case 4:
      case 5:
        return engine::ReleaseOp{lock, Owner(), Below(2) == 0};
      case 6:
        return engine::InspectOp{lock};
      case 7:
        if (Below(4) == 0) return engine::SuspectOp{};
        return engine::TrustOp{};
      default:
        return engine::AcquireOp{.lock = lock,
                                 .owner = Owner(),
                                 .ttl = kTtls.at(Below(3)),
                                 .proposal = Proposal(),
                                 .block = Below(2) == 0 ? 64 : 1,
                                 .queueing = kQueueings.at(Below(4)),
                                 .stamp = engine::kNodeEpoch + Below(1000),
                                 .want_life = 361ms};
    }
  }

  void Both(const engine::NodeOp& op) {
    const engine::Time now(now_);
    const auto ours = obedient_.Run(now, timing_, kRun, op);
    const auto real = scripted_.Run(obedient_.Clock(now), SetOf(timing_), kRun, op);
    const std::string where = "question " + std::to_string(++asked_) + ", op " +
                              std::to_string(op.index()) + ": " + real.text;
    EXPECT_EQ(static_cast<int>(ours.verdict), static_cast<int>(real.verdict)) << where;
    EXPECT_EQ(ours.node_time, real.node_time) << where;
    EXPECT_EQ(ours.fence, real.fence) << where;
    EXPECT_LT(std::chrono::abs(ours.left - real.left), 1ms) << where;  // scripts count those
    EXPECT_EQ(ours.greatest, real.greatest) << where;
    EXPECT_EQ(ours.wanted, real.wanted) << where;
    if (real.verdict != engine::Verdict::kSettings) {
      EXPECT_EQ(ours.text, real.text) << where;
    }
    const std::size_t hints = obedient_.TakePublished().size();
    // An introduction publishes something for a trial.
    if (!std::holds_alternative<engine::ProbeOp>(op)) {
      EXPECT_EQ(hints, scripted_.published().size()) << where;
    }
  }

  const std::string kRun = std::string(40, 'a');
  const engine::Timing timing_ = SmallTiming();
  const ScriptSet scripts_;
  engine::ObedientNode obedient_{kRun};
  FakeNode scripted_{scripts_, kRun};
  std::minstd_rand random_;
  Duration now_ = 1h;
  int asked_ = 0;
};

TEST(ObedientNode, AnswersAsTheScriptsDo) {
  for (std::uint32_t seed = 1; seed <= 200 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TwoNodes nodes(seed);
    for (int i = 0; i < 100 && !::testing::Test::HasFailure(); ++i) nodes.Turn();
  }
}

}  // namespace
}  // namespace redlockd::sim
