// A host that alone uses a lock rests after a tenure for clients that poll the nodes, and the more rarely
// the longer it has met none (rule E1).
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "tests/sim/hosts.h"
#include "tests/sim/plain_client.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr char kLock[] = "all";  // which the plain client takes, too
constexpr Duration kTenure = 1s;

// Takes the lock, works for 1 ms under it, and takes it again at once.
class Busy : public SessionUser {
 public:
  Busy(Timeline& timeline, SimDaemon& daemon) : timeline_(timeline), daemon_(daemon) {
    session_ = daemon_.Open(*this);
    Lock();
  }

  void OnAnswer(engine::RequestId, const engine::Answer& answer) override {
    const auto* granted = std::get_if<engine::Granted>(&answer);
    if (granted == nullptr) return;
    waits_.push_back(timeline_.now() - asked_);
    fence_ = granted->fence;
    timeline_.After(1ms, [this] {
      fence_.reset();
      daemon_.Feed(engine::UnlockRequested{.session = session_, .request = 2, .name = kLock});
      Lock();
    });
  }
  void OnNotice(const engine::Notice&) override {}
  void OnHangUp() override {}
  bool CountsOn(const std::string&, engine::Fence fence) const override { return fence_ == fence; }

  // How long it waited each time since it was asked last.
  std::vector<Duration> TakeWaits() { return std::exchange(waits_, {}); }

 private:
  void Lock() {
    asked_ = timeline_.now();
    daemon_.Feed(engine::LockRequested{.session = session_, .request = 1, .name = kLock});
  }

  Timeline& timeline_;
  SimDaemon& daemon_;
  engine::SessionId session_ = 0;
  std::optional<engine::Fence> fence_;
  Moment asked_{};
  std::vector<Duration> waits_;
};

class RestTest : public testing::Test {
 protected:
  RestTest() { hosts_.Pass(3s); }

  // Of a thousand times that it waited, all but one were shorter.
  static Duration OfAThousand(std::vector<Duration> waits) {
    const auto at = waits.begin() + static_cast<std::ptrdiff_t>(waits.size() * 999 / 1000);
    std::nth_element(waits.begin(), at, waits.end());
    return *at;
  }
  std::size_t Served() const {
    return hosts_.reached.Of(static_cast<std::size_t>(Reached::kPlainHeld));
  }

  ScriptSet scripts_;
  Hosts hosts_{scripts_, 1};
  PlainClient plain_{{.timeline = hosts_.timeline,
                      .checker = hosts_.checker,
                      .trace = hosts_.trace,
                      .reached = hosts_.reached,
                      .nodes = hosts_.nodes,
                      .seed = 1}};
};

TEST_F(RestTest, ALoneClientHardlyEverWaitsAndOneThatPollsIsServed) {
  Busy busy(hosts_.timeline, hosts_.daemons[0]);
  hosts_.Pass(10s);
  busy.TakeWaits();
  for (int minute = 0; minute < 3; ++minute) {
    hosts_.Pass(1min);
    EXPECT_LT(OfAThousand(busy.TakeWaits()), Duration(5ms)) << "minute " << minute;
  }
  // By now it rests each 64 s. Once it has met a client that polls it rests after each tenure.
  plain_.Begin(std::nullopt);
  hosts_.Pass(2 * 64 * kTenure);
  EXPECT_GE(Served(), 1u);
  const std::size_t before = Served();
  hosts_.Pass(20 * kTenure);
  EXPECT_GE(Served(), before + 5);
  plain_.End();
  hosts_.Pass(1s);
  for (const Violation& violation : hosts_.checker.violations()) {
    ADD_FAILURE() << ToText(violation);
  }
}

}  // namespace
}  // namespace redlockd::sim
