#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// A process that needs several locks at once, some of a few that all such processes want (rules G1-G5); now and then
// just one. It gets all or none, and none while it waits. It lets them go together or one after the other, gives up,
// cancels, dies. What it does follows from its own stream of chance.
class SetClient : public SessionUser {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    Trace& trace;
    ReachedCounts& reached;
    SimDaemon& daemon;
    std::uint64_t seed;
    std::size_t number;
    const bool& calm;  // nothing new is begun any more
  };
  static constexpr std::size_t kNames = 5;

  explicit SetClient(const Parts& parts);

  // Among the clients of a world.
  static std::size_t NumberOf(std::size_t number) { return 1000 + number; }

  // Whether it has a part of what it waits for.
  void Audit();
  // Soon lets go of what it holds, if it does not before.
  void Finish();
  // From now on it holds what it gets for a moment only, and comes again and again, until it goes home.
  void Share();
  void GoHome();

  bool waiting() const { return request_.has_value(); }
  bool holding() const { return !held_.empty(); }
  // The longest that it has waited since it began to share, or waits by now.
  Duration LongestWait() const;
  std::size_t grants() const { return grants_; }

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override;
  void OnNotice(const engine::Notice& notice) override;
  void OnHangUp() override;
  bool CountsOn(const std::string& lock, engine::Fence fence) const override;

 private:
  using Names = std::vector<std::string>;
  // The one request that is under way.
  struct Request {
    engine::RequestId id;
    Moment sent;
    Names names;
    bool is_lock;
  };

  std::string Name() const { return "set client " + std::to_string(parts_.number); }
  void Broken(Promise promise, const std::string& what);
  // `act` later, if nothing else has happened to the client by then.
  void Later(Duration delay, std::function<void()> act);
  void Changed() { ++changes_; }

  void Come();
  void Ask();
  void AskAgain();
  void ChangeOfMind();
  void Leave();
  void Forget();
  void Granted(const Names& asked, const engine::Granted& granted);
  void GrantedOne(const std::string& lock, engine::Fence fence, engine::Time deadline);
  void Released(const Names& asked, const engine::Released& released);
  void Ended(const Names& names);
  void EndHold();
  void Unlock(Names names);

  const Parts parts_;
  Chance chance_;
  std::uint64_t changes_ = 0;
  bool shares_ = false, is_home_ = false;
  std::optional<engine::SessionId> session_;
  engine::RequestId last_request_ = 0;
  std::optional<Request> request_;
  std::map<std::string, engine::Fence> held_;
  Duration longest_{};
  std::size_t grants_ = 0;
};

}  // namespace redlockd::sim
