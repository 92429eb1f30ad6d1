#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/engine/node_op.h"
#include "tests/sim/link.h"
#include "tests/sim/scenario.h"

namespace redlockd::sim {

// The daemon's end of what a node publishes to it (rule E5): a connection of its own, over the same
// path as its link. It is made anew after it broke; what is published meanwhile is lost.
class Subscription {
 public:
  struct Parts {
    Timeline& timeline;
    SimNode& node;
    std::shared_ptr<Path> path;
    std::size_t node_index;
    std::string instance;
    Hints hints;
    std::function<void(std::function<void()>)> run;  // as Link::Parts
    std::function<void(const engine::Hint&)> feed;
    std::function<void(const engine::NodeSubscribed&)> changed;
    std::function<void()> lost;
    ConnectionId& last_connection;  // of the world
  };
  Subscription(Parts parts, Chance& chance);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  bool is_subscribed() const { return is_subscribed_; }

  // The connection breaks now, with what is on its way.
  void Cut();
  // The node's process died; its kernel says so.
  void NodeDied();

 private:
  std::string Channel() const { return "redlockd:to:" + parts_.instance; }
  void Subscribe();
  void Confirmed(ConnectionId connection);
  void Abandon();
  void SubscribeAfter(Duration delay);
  void Published(const std::string& text);

  const Parts parts_;
  Chance& chance_;
  std::shared_ptr<Connection> connection_;
  bool is_subscribed_ = false;  // the node has said so
};

}  // namespace redlockd::sim
