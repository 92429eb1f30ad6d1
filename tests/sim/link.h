#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/engine/events.h"
#include "tests/sim/chance.h"
#include "tests/sim/sim_node.h"

namespace redlockd::sim {

// What lies between a daemon and a node: two ways that can each be blocked for a time (then what
// was sent arrives when it is over, as TCP's does) or slow.
struct Path {
  Moment to_node_blocked{}, to_daemon_blocked{};  // until then
  Moment slow_until{};
  Duration slow_by{};
  bool even = false;  // nothing takes longer than it mostly does
};

// One connection over a path. What is sent one way arrives in order. It may outlive the daemon's
// interest in it: what is on its way to the node still arrives (rule C7).
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Timeline& timeline, std::shared_ptr<Path> path, Chance& chance, SimNode& node,
             ConnectionId id);

  ConnectionId id() const { return id_; }
  // To the node, to be run there; not at all if the node's process is another by then, or all that
  // is on its way is lost.
  void ToNode(std::function<void()> command);
  // To the daemon; not if it has abandoned the connection by then.
  void ToDaemon(std::function<void()> news);
  // The daemon does not listen any more. `lost`: and what it has sent does not arrive.
  void Abandon(bool lost);
  // The process that it was made to is gone.
  bool Dead() const { return !node_.up() || node_.process() != process_; }

 private:
  // One direction.
  struct Way {
    std::deque<std::pair<Moment, std::function<void()>>> items;
    Moment last{};
    bool pumping = false;
  };
  void Send(Way& way, Moment Path::*blocked, std::function<void()> item);
  void Pump(Way& way, Moment Path::*blocked);

  Timeline& timeline_;
  const std::shared_ptr<Path> path_;
  Chance& chance_;
  SimNode& node_;
  const ConnectionId id_;
  const std::uint64_t process_;
  bool abandoned_ = false;
  Duration straggling_{};  // once it is abandoned: so much later arrives what is still on its way
  bool lost_ = false;
  Way to_node_, to_daemon_;
};

// The daemon's end of its connections to one node: what daemon/redis/link.h does, without bytes.
// Dials, dials again, counts time-outs, hands over what is heard.
class Link {
 public:
  // `run` calls what the daemon's process would do now: at once, later if it is stopped, never once
  // it has been killed. `feed` is its Engine::Step.
  struct Parts {
    Timeline& timeline;
    SimNode& node;
    std::shared_ptr<Path> path;
    std::size_t node_index;
    std::function<void(std::function<void()>)> run;
    std::function<void(engine::Event)> feed;
    std::function<bool()> hears;    // the node sends hints to this daemon
    ConnectionId& last_connection;  // of the world
    Duration command_timeout;
    bool kill_allowed;
  };
  Link(Parts parts, Chance& chance);
  // The daemon is gone; what it had sent still arrives.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void Ask(const engine::Ticket& ticket, std::shared_ptr<const engine::NodeOp> op);
  // The connection breaks now. `lost`: and what is on its way to the node never arrives.
  void Cut(bool lost);
  // The node's process died; its kernel says so.
  void NodeDied();
  // Answers that are due.
  std::size_t Due() const { return due_.size(); }

 private:
  struct Sent {
    engine::Ticket ticket;
    Moment sent;
    bool timed_out = false;
  };

  // It goes over that connection.
  bool IsOver(ConnectionId connection) const;
  void Dial();
  void Ready(const engine::NodeFacts& facts);
  void Answered(engine::NodeAnswer answer);
  void Lose(const std::string& reason, bool lost = false);
  void WatchTime();
  void OnTime();

  const Parts parts_;
  Chance& chance_;
  std::shared_ptr<Connection> connection_;  // being made, or ready
  bool ready_ = false;
  std::string run_id_;                  // learned on it
  std::optional<ConnectionId> former_;  // the last one that was ready, and its run_id
  std::string former_run_id_;
  std::deque<Sent> due_;
  Moment quiet_since_{};
  std::optional<Moment> watching_;
  Duration backoff_{};
};

}  // namespace redlockd::sim
