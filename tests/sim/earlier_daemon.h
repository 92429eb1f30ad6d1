#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/sim/chance.h"
#include "tests/sim/checker.h"
#include "tests/sim/lua.h"
#include "tests/sim/sim_node.h"
#include "tests/support/redis_call.h"

namespace redlockd::sim {

// The scripts of the version before the queue by stamps (rules E8), which stand in earlier/. Much of them
// is as in today's, and yet they are copies: they must stay as that version has them.
class EarlierScripts {
 public:
  EarlierScripts();

  Lua lua;
  std::size_t acquire, confirm, release;
};

// A daemon of that version as the others see it, by what it asks of the nodes: while hosts are upgraded
// one after the other it runs beside today's. Its queue is another, so neither is before the other in
// the other's; each comes when it finds the lock free. It wants the lock of all for one client, again
// and again.
class EarlierDaemon {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    std::deque<SimNode>& nodes;
    EarlierScripts& scripts;
    ConnectionId& last_connection;  // of the world
    std::uint64_t seed;
    std::size_t index;
  };
  explicit EarlierDaemon(const Parts& parts);

  void Begin();
  // Its host is upgraded: it ends, drained, or killed in the middle of whatever it does.
  void Drain() { is_draining_ = true; }
  void Kill() { is_on_ = false; }
  std::size_t grants() const { return grants_; }

 private:
  struct Round {
    std::uint64_t number = 0;
    bool confirms = false;
    Moment asked{};
    std::size_t answers = 0;
    std::vector<engine::Fence> votes{};
  };

  Duration OneWay();
  std::string Owner() const;
  std::vector<std::string> Settings(const SimNode& node) const;
  void Listen();
  void Poll();
  void Ask(std::size_t script, const test::ScriptWords& call);
  void Answered(std::uint64_t round, const Reply& reply);
  void Judge();
  void Confirm(engine::Fence fence);
  void Hold(engine::Fence fence);
  void End(bool is_served);
  void Release(bool leaves);
  void ComeAgain();

  const Parts parts_;
  Chance chance_;
  const ConnectionId connection_;
  const std::string instance_;
  bool is_on_ = true, is_draining_ = false, is_asking_ = false;
  std::uint64_t attempt_ = 0, rounds_ = 0;
  std::int64_t stamp_ = 0;
  Moment attempt_asked_{};
  engine::Fence last_ = 0;  // the greatest fence that it has seen
  Round round_;
  std::size_t grants_ = 0;
};

}  // namespace redlockd::sim
