// A job that timers start on three hosts runs on one of them in each period, whatever happens to it and
// to its host (rule I2).
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <variant>

#include "tests/sim/chance.h"
#include "tests/sim/hosts.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPeriod = 45s;
constexpr Duration kMinHold = 20s;
#ifdef REDLOCKD_TEST_SANITIZED
constexpr std::size_t kPeriods = 50;  // each takes five times as long
#else
constexpr std::size_t kPeriods = 200;
#endif
constexpr std::size_t kHosts = 3;

// What happens to the host that runs the job.
enum class Fate { kNothing, kWrapperDies, kDaemonRestarts, kDaemonDiesAfterwards, kNodeDies };
constexpr std::uint64_t kFates = 5;

// The job of one host: tries the lock, and if it gets it does its work for a moment.
class Job : public SessionUser {
 public:
  Job(Timeline& timeline, SimDaemon& daemon) : timeline_(timeline), daemon_(daemon) {}

  // `work`: for how long, if it gets the lock.
  void Start(Duration work, Fate fate) {
    if (!daemon_.up()) return;  // as the command line says then: no daemon
    work_ = work;
    fate_ = fate;
    session_ = daemon_.Open(*this);
    daemon_.Feed(engine::LockRequested{.session = *session_,
                                       .request = 1,
                                       .name = "nightly",
                                       .wait = Duration(0),
                                       .min_hold = kMinHold});
  }
  std::size_t runs() const { return runs_; }

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override {
    if (request != 1) return;
    const auto* granted = std::get_if<engine::Granted>(&answer);
    if (granted == nullptr) return Leave();
    ++runs_;
    fence_ = granted->fence;
    if (fate_ == Fate::kDaemonRestarts) daemon_.Drain(10ms, 1s);
    timeline_.After(work_, [this] { End(); });
  }
  void OnNotice(const engine::Notice& notice) override {
    if (notice.kind == engine::Notice::Kind::kLost) fence_.reset();
  }
  void OnHangUp() override {
    session_.reset();
    fence_.reset();
  }
  bool CountsOn(const std::string&, engine::Fence fence) const override { return fence_ == fence; }

 private:
  void End() {
    if (session_ && fence_ && fate_ != Fate::kWrapperDies) {
      fence_.reset();
      daemon_.Feed(engine::UnlockRequested{.session = *session_, .request = 2, .name = "nightly"});
    }
    Leave();
    if (fate_ != Fate::kDaemonDiesAfterwards) return;
    // One round trip is enough for the nodes to keep it.
    timeline_.After(100ms, [this] {
      daemon_.Kill();
      daemon_.Start();
    });
  }
  void Leave() {
    fence_.reset();
    if (session_) daemon_.Close(*std::exchange(session_, std::nullopt));
  }

  Timeline& timeline_;
  SimDaemon& daemon_;
  Duration work_{0};
  Fate fate_ = Fate::kNothing;
  std::optional<engine::SessionId> session_;
  std::optional<engine::Fence> fence_;
  std::size_t runs_ = 0;
};

class NightlyTest : public testing::Test {
 protected:
  NightlyTest() {
    for (SimDaemon& daemon : hosts_.daemons) jobs_.emplace_back(hosts_.timeline, daemon);
    hosts_.Pass(3s);
  }

  std::size_t Runs() const {
    std::size_t runs = 0;
    for (const Job& job : jobs_) runs += job.runs();
    return runs;
  }

  ScriptSet scripts_;
  Hosts hosts_{scripts_, kHosts};
  std::deque<Job> jobs_;
  Chance chance_{1, 'n', 0};
};

TEST_F(NightlyTest, RunsOnceInEachPeriod) {
  for (std::size_t period = 0; period < kPeriods; ++period) {
    const Moment begin = hosts_.timeline.now();
    const std::size_t before = Runs();
    const auto fate = static_cast<Fate>(chance_.Below(kFates));
    if (fate == Fate::kNodeDies) {
      SimNode& node = hosts_.nodes[chance_.Below(hosts_.nodes.size())];
      hosts_.timeline.After(chance_.UpTo(kMinHold),
                            [&node] { node.Die(SimNode::Memory::kNone, 0ms); });
      hosts_.timeline.After(kMinHold, [&node] { node.Start(); });
    }
    for (Job& job : jobs_) {
      // The hosts' clocks differ by less than min-hold.
      hosts_.timeline.After(chance_.UpTo(kMinHold - 1s),
                            [this, &job, fate] { job.Start(chance_.UpTo(50ms), fate); });
    }
    hosts_.timeline.RunUntil(begin + kPeriod);
    ASSERT_EQ(Runs(), before + 1) << "period " << period << ", fate " << static_cast<int>(fate);
  }
  for (const Violation& violation : hosts_.checker.violations()) ADD_FAILURE() << ToText(violation);
  const auto [least, most] = std::minmax_element(
      jobs_.begin(), jobs_.end(), [](const Job& a, const Job& b) { return a.runs() < b.runs(); });
  EXPECT_GT(least->runs(), 0u) << "each host had its turns";
  EXPECT_LT(most->runs(), kPeriods);
}

}  // namespace
}  // namespace redlockd::sim
