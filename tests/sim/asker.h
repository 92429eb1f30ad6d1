#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// A session that asks its daemon now and then who holds a lock (rule E11). What it is shown of a holder
// elsewhere must be true. It also publishes questions and answers that nobody has reason to.
class Asker : public SessionUser {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    ReachedCounts& reached;
    std::deque<SimDaemon>& daemons;
    std::uint64_t seed;
    std::size_t number;  // of its daemon
    std::size_t nodes;
  };
  explicit Asker(const Parts& parts);

  void GoHome() { is_home_ = true; }

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override;
  void OnNotice(const engine::Notice&) override {}
  void OnHangUp() override {
    session_.reset();
    AskLater();
  }
  bool CountsOn(const std::string&, engine::Fence) const override { return false; }

 private:
  SimDaemon& daemon() { return parts_.daemons[parts_.number]; }
  void Broken(const std::string& what);
  void AskLater();
  void Ask();
  void Leave();
  void Forge();
  void Check(const std::string& owner, const engine::HolderFacts& holder);

  const Parts parts_;
  Chance chance_;
  std::optional<engine::SessionId> session_;
  bool is_home_ = false;
  Moment asked_{};
  std::set<engine::Fence> held_;  // by any daemon, when it asked
};

}  // namespace redlockd::sim
