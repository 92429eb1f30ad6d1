#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// A session that watches the locks of a daemon, all or one, from the daemon's start to its end. What
// it hears must make up what the daemon says that it holds.
class Watcher : public SessionUser {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    SimDaemon& daemon;
    std::uint64_t seed;
    std::size_t number;  // of the daemon
  };
  explicit Watcher(const Parts& parts);

  // Compares what it heard with what is held.
  void Audit();
  void GoHome();

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override;
  void OnNotice(const engine::Notice&) override { Broken("hears of a hold, but it holds nothing"); }
  void OnWatch(const engine::WatchNotice& notice) override;
  void OnHangUp() override;
  bool CountsOn(const std::string&, engine::Fence) const override { return false; }

 private:
  struct Hold {
    engine::Fence fence;
    std::optional<std::int32_t> pid;  // none: it began before the watch
  };

  void Broken(const std::string& what);
  void Come();
  std::map<std::string, engine::Fence> Held() const;
  void OnEnded(const engine::WatchNotice& notice);
  void OnWanted(const engine::WatchNotice& notice);

  const Parts parts_;
  Chance chance_;
  std::string lock_;  // empty: all
  std::optional<engine::SessionId> session_;
  bool is_home_ = false;
  bool has_begun_ = false;                         // to watch
  std::map<std::string, std::vector<Hold>> held_;  // as it heard
  std::set<std::string> kept_;
  std::set<std::string> wanted_;  // since the last grant
};

}  // namespace redlockd::sim
