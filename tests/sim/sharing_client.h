#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// A process that mostly reads what one of a few locks protects, and shares the lock for that, and writes now
// and then, for which it wants the lock for itself (rules F). It waits, tries, cancels, dies, is thrown out.
// What it does follows from its own stream of chance.
class SharingClient : public SessionUser {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    Trace& trace;
    SimDaemon& daemon;
    std::uint64_t seed;
    std::size_t number;
    const bool& calm;  // nothing new is begun any more
  };
  static constexpr std::size_t kNames = 2;

  explicit SharingClient(const Parts& parts);

  // Among the clients of a world.
  static std::size_t NumberOf(std::size_t number) { return 2000 + number; }

  // Soon lets go of what it holds, if it does not before.
  void Finish();
  // From now on it holds what it gets for a moment only, and comes again and again, until it goes home.
  void Hurry();
  void GoHome();

  bool waiting() const { return request_.has_value(); }
  bool holding() const { return hold_.has_value(); }
  // The longest that it has waited since it is in a hurry, or waits by now; and how often it got what it wanted.
  Duration LongestWait() const;
  std::size_t grants() const { return grants_; }

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override;
  void OnNotice(const engine::Notice& notice) override;
  void OnHangUp() override;
  bool CountsOn(const std::string& lock, engine::Fence fence) const override;

 private:
  // The one request that is under way.
  struct Request {
    engine::RequestId id;
    Moment sent;
    bool is_lock;
  };
  struct Hold {
    engine::Fence fence;
    engine::Mode mode;
    std::uint64_t number;  // of the holds of all clients, to the checker
  };

  std::string Name() const { return "sharing client " + std::to_string(parts_.number); }
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
  void Granted(const engine::Granted& granted);
  void Use();
  void EndHold();
  void Unlock();

  const Parts parts_;
  Chance chance_;
  std::uint64_t changes_ = 0;
  bool in_hurry_ = false, is_home_ = false;
  std::optional<engine::SessionId> session_;
  engine::RequestId last_request_ = 0;
  std::optional<Request> request_;
  std::string lock_;
  engine::Mode mode_ = engine::Mode::kExclusive;  // asked for
  std::optional<Hold> hold_;
  Duration longest_{};
  std::size_t grants_ = 0;
};

}  // namespace redlockd::sim
