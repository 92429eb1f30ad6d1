#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"
#include "tests/unit/engine/obedient_node.h"

namespace redlockd::engine {

// A small world made from a seed: some hosts with an engine each, their clients, and nodes that
// obey the rules. Messages are late, nodes hang, restart empty and lose their connections, clocks
// run at different rates. A checker looks at every grant.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  // Lets it run, then sends all clients home and waits until nothing is left.
  void Run();

  // What was found wrong; empty if nothing.
  const std::vector<std::string>& faults() const { return faults_; }
  std::size_t grants() const { return grants_; }

 private:
  struct Host;
  struct Link;
  struct Hold;
  struct LockHistory {
    Fence last_fence = 0;
    std::vector<Hold> holds;
  };
  struct Later {
    Time at;
    std::uint64_t order;
    std::function<void()> act;
    bool operator<(const Later& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };

  std::uint64_t Below(std::uint64_t bound) { return chance_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  Duration UpTo(Duration most);
  void After(Duration delay, std::function<void()> act);
  void RunUntil(Time end);

  // Nodes.
  void Ask(std::size_t host, NodeIndex node, const Ticket& ticket, const NodeOp& op);
  void Carry(std::size_t host, NodeIndex node, const Ticket& ticket, const NodeOp& op);
  void Connect(std::size_t host, NodeIndex node);
  void Disconnect(std::size_t host, NodeIndex node);
  void Trouble();

  // Hosts and their clients.
  Time LocalTime(const Host& host) const;
  Time TrueTime(const Host& host, Time local) const;
  void Step(std::size_t host, const Event& event);
  void Timer(std::size_t host);
  void NewClient(std::size_t host);
  void Use(std::size_t host, SessionId session, const std::string& lock);
  void EndHold(SessionId session);

  // The checker.
  void OnGranted(std::size_t host, SessionId session, const Granted& granted);
  void OnNotice(std::size_t host, SessionId session, const Notice& notice);
  void CheckEmpty();
  void Fault(std::string text) { faults_.push_back(std::move(text)); }

  std::mt19937_64 chance_;
  Timing timing_;
  Time now_{std::chrono::seconds(1000)};
  std::uint64_t order_ = 0;
  std::priority_queue<Later> later_;
  std::deque<ObedientNode> nodes_;
  std::deque<Host> hosts_;
  std::map<std::string, LockHistory> locks_;
  SessionId last_session_ = 0;
  std::uint64_t last_run_ = 0;
  bool closing_ = false;
  std::size_t grants_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace redlockd::engine
