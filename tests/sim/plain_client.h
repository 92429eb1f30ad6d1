#pragma once

#include <deque>
#include <optional>
#include <string>

#include "tests/sim/chance.h"
#include "tests/sim/checker.h"
#include "tests/sim/reached.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/trace.h"

namespace redlockd::sim {

// Someone who takes the lock of all without redlockd, as the Redlock of libraries does: asks the
// nodes itself, knows no queue and no hint, and polls. Only for times when nodes forget nothing:
// what excludes it from a node that does is redlockd's, not its own.
class PlainClient {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    Trace& trace;
    ReachedCounts& reached;
    std::deque<SimNode>& nodes;
    std::uint64_t seed;
  };
  static constexpr Duration kPoll = std::chrono::milliseconds(15);  // at most
  static constexpr Duration kHold = std::chrono::milliseconds(10);  // at most

  explicit PlainClient(const Parts& parts) : parts_(parts), chance_(parts.seed, 'p', 0) {}

  // It wants the lock from now on; and it must not go without for longer than `longest`.
  void Begin(std::optional<Duration> longest);
  void End();

 private:
  struct Round {
    Moment asked;
    std::size_t answers = 0, votes = 0;
  };

  Duration OneWay();
  void Poll();
  void Answered(bool vote);
  void Judge();
  void Release();

  const Parts parts_;
  Chance chance_;
  bool on_ = false;
  std::optional<Duration> longest_;
  Moment waits_since_{};
  std::string value_;
  std::uint64_t rounds_ = 0;
  Round round_{};
};

}  // namespace redlockd::sim
