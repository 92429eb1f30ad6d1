#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/floor_node.h"

namespace redlockd::bench {

// The bare loop: some locks, each of which is taken or let go on all nodes at once, over one
// connection to each. A step is done when a majority has done it. Failures are std::runtime_error.
class FloorRounds {
 public:
  // Called with the lock's number, from Turn(); it may begin the lock's next step.
  using Done = std::function<void(std::size_t lock)>;
  FloorRounds(const std::vector<int>& ports, std::size_t locks, Done done,
              FloorNode::Commands commands = FloorNode::Commands::kOurs);

  void Acquire(std::size_t lock);  // a name that was never used before
  void Release(std::size_t lock);  // the one that was acquired last

  // Writes what was asked, waits for something to read, for a second at most, and reads it.
  // Returns whether there is something to read from `other` too, a descriptor of the caller's.
  bool Turn(int other = -1);

 private:
  struct Lock {
    std::string cycle;
    std::size_t oks = 0;
    unsigned step = 0;  // late replies are those of an earlier one
  };
  struct Asked {
    std::size_t lock;
    unsigned step;
  };

  template <class Command>
  void Ask(std::size_t lock, const Command& command);
  void TakeReplies(std::size_t node);

  const Done done_;
  const std::size_t majority_;
  long long next_cycle_;
  std::vector<Lock> locks_;
  std::deque<FloorNode> nodes_;
  std::vector<pollfd> polled_;            // the nodes, and `other`
  std::vector<std::deque<Asked>> asked_;  // by node
};

}  // namespace redlockd::bench
