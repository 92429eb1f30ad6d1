#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/clocks.h"
#include "tests/sim/fake_node.h"

namespace redlockd::sim {

// One connection as the node knows it.
using ConnectionId = std::uint64_t;

// A node in the world: a FakeNode with a clock, a process that dies and comes back, that hangs, and
// that has lost its memory, kept it, or has an old one. Knows no daemons and no network.
class SimNode {
 public:
  SimNode(const ScriptSet& scripts, Timeline& timeline, NodeClock clock, std::size_t index,
          redis::SetOptions set);

  // --- what arrives; each call is one command. Nothing happens while it is down.
  // Runs `command` now, or once it no longer hangs, unless the connection is dead by then.
  void Receive(ConnectionId connection, std::function<void()> command);
  // CLIENT KILL: what comes over that connection from now on is not run (rule C7).
  void KillConnection(ConnectionId connection) { killed_.insert(connection); }
  // SUBSCRIBE: `hear` is called with each message on `channel`, until the process ends, the node
  // finds that the connection is gone, or the channel is subscribed to anew: each has one subscriber
  // at a time.
  void Subscribe(const std::string& channel, ConnectionId by,
                 std::function<void(const std::string&)> hear) {
    subscribers_[channel] = {by, std::move(hear)};
  }
  void Unsubscribe(const std::string& channel, ConnectionId by);

  // What an operator does with a new node (rule D7).
  void Trust() {
    Run(Facts().run_id, engine::ProbeOp{}, false);
    Run(Facts().run_id, engine::TrustOp{}, false);
  }

  bool up() const { return up_; }
  // Which process it is; connections to an earlier one are dead.
  std::uint64_t process() const { return process_; }
  engine::NodeFacts Facts() const { return fake_.Facts(); }
  engine::NodeAnswer Run(const std::string& run_id, const engine::NodeOp& op, bool hears);
  // What another version of the daemon does: runs a script of its own.
  Reply Eval(Lua& lua, std::size_t script, const test::ScriptWords& call);
  // What a client of plain Redlock does: SET NX PX, and compare and delete.
  bool SetIfFree(const std::string& key, const std::string& value, Duration ttl);
  void DeleteIf(const std::string& key, const std::string& value);

  // --- what goes wrong
  enum class Memory { kNone, kKept, kOld };
  // Dies now. `age`: of the dump that it will come back with (kOld).
  void Die(Memory memory, Duration age);
  void Start();
  void Flush() { fake_.store().Clear(); }
  void HangUntil(Moment end);
  void SetPolicy(const std::string& policy);
  void StepClock(std::int64_t microseconds) { clock_.Step(microseconds); }
  void Evict();  // drops the keys of all locks
  void KeepDump();

  // How many scripts it has run for locks, and for daemons that introduced themselves, and how many
  // messages it has published.
  std::uint64_t scripts() const { return ran_; }
  std::uint64_t introductions() const { return introduced_; }
  std::uint64_t published() const { return published_; }
  // What a string says; none if there is none.
  std::optional<std::string> ValueOf(const std::string& key) const {
    return fake_.store().Get(Time(), key);
  }
  // All keys that are there now; for checkers.
  std::vector<std::string> Keys() const;
  // That daemon has a fresh entry in the lock's queue (rule E8.1).
  bool HasWant(const std::string& lock, const std::string& instance) const;
  // The daemon that is first in the lock's queue, that one left out; empty if there is none.
  std::string FirstBut(const std::string& instance, const std::string& lock) const;

 private:
  struct Dump {
    Moment at;
    Store store;
  };

  engine::NodeTime Time() const { return clock_.At(timeline_.now()); }
  void GoOn();
  void Deliver(const std::vector<Store::Message>& messages);
  std::string NewRunId();

  Timeline& timeline_;
  NodeClock clock_;
  const std::size_t index_;
  const redis::SetOptions set_;
  std::uint64_t ran_ = 0;
  std::uint64_t introduced_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t process_ = 1;  // the run_id is made of it
  FakeNode fake_;
  bool up_ = true;
  Moment hung_until_{};
  std::set<ConnectionId> killed_;
  struct Subscriber {
    ConnectionId by;
    std::function<void(const std::string&)> hear;
  };
  std::map<std::string, Subscriber, std::less<>> subscribers_;  // by channel
  std::deque<std::pair<ConnectionId, std::function<void()>>> waiting_;
  std::deque<Dump> dumps_;
};

}  // namespace redlockd::sim
