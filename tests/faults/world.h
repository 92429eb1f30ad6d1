// The servers of a run, and what can be done to them: nodes, links, daemons.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/links.h"
#include "tests/faults/schedule.h"
#include "tests/support/daemon.h"

namespace redlockd::test::faults {

// A redis-server with a memory that outlives it, and with a clock of its own.
class FaultyNode {
 public:
  FaultyNode();
  std::uint16_t port() const { return node_.port(); }
  void Begin(const Fault& fault);
  void End(const Fault& fault);
  // Moves a clock that drifts; call it every few milliseconds.
  void Tick();
  // The keys of locks that are there.
  std::vector<std::string> LockKeys() const;

 private:
  void Shift(Duration by);
  void Restart(bool empty);

  RedisNode node_;
  Duration shift_{};  // of the clock
  double rate_ = 0;   // of its drift
  Duration ticked_{};
};

class World {
 public:
  // Daemons and nodes run, and all nodes vote, once constructed.
  World(const Plan& plan, const Journal& journal);

  std::size_t daemons() const { return daemons_.size(); }
  const std::string& Socket(std::size_t daemon) const { return daemons_[daemon].socket(); }

  // A fault of nodes, links or daemons.
  void Begin(const Fault& fault);
  void End(const Fault& fault);
  // Every few milliseconds. Notes a daemon that has ended by itself.
  void Tick();

  // At the end, when no fault is there any more and no client. Each notes as a problem what is not
  // as it should be.
  void ExpectAllNodesVote();
  void ExpectNothingIsHeld();
  void ExpectLocksCanBeHad();
  void StopDaemons();
  // Their logs, for one who looks for the reason of something.
  void SaveLogs(const std::string& directory) const;

 private:
  void Problem(std::string text) const { journal_.Note("problem", {}, std::move(text)); }
  void EndDaemon(std::size_t daemon, int signal);

  const Journal& journal_;
  std::deque<FaultyNode> nodes_;
  std::unique_ptr<Links> links_;
  std::deque<Daemon> daemons_;
  std::vector<bool> is_down_;  // by daemon: ended on purpose
};

}  // namespace redlockd::test::faults
