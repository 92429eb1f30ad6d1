#pragma once

#include <deque>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/sim_node.h"

namespace redlockd::sim {

// Judges, while it is asked to, whether the daemons that want a lock get it by turns (rules E2,
// E6). Daemons are known by their instances.
class Turns {
 public:
  Turns(const Timeline& timeline, Checker& checker, const std::deque<SimNode>& nodes)
      : timeline_(timeline), checker_(checker), nodes_(nodes) {}

  static constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

  // From now on a daemon that has come into the queues of a majority of the nodes is overtaken by
  // `most_others` leases of others at most until it gets the lock, in the queues still or not, and
  // none that waits goes without a grant for longer than `longest`.
  void Judge(std::size_t most_others, Duration longest);

  // So many clients of the daemon wait for the lock.
  void Wait(const std::string& lock, const std::string& instance, std::size_t waiters);
  // The daemon asks for it with this owner value: all in the queues by now come before it,
  // or is overtaken. Who enters while its question is under way is not, nor who began to wait so
  // shortly before that the clocks do not tell.
  void Asked(const std::string& lock, const std::string& instance, const std::string& owner);
  // One of them got it, by the lease of this owner value.
  void Granted(const std::string& lock, const std::string& instance, const std::string& owner);
  // Looks at who is waiting.
  void Audit();

  // The longest that a daemon waited while that was judged.
  Duration longest_seen() const { return longest_seen_; }

 private:
  struct Waiting {
    Moment since;            // it waits, or was granted the lock last
    bool queued = false;     // it has been in the queues of a majority since
    std::size_t others = 0;  // leases of others since it is in the queues
  };
  struct Attempt {
    std::string owner;
    std::set<std::string> queued_before;  // instances
  };
  struct Lock {
    std::string owner;                        // of the lease
    std::map<std::string, Waiting> waiting;   // by instance
    std::map<std::string, Attempt> attempts;  // by instance, which has one at a time (rule C11)
  };

  bool IsQueued(const std::string& lock, const std::string& instance) const;
  void CheckTime(const std::string& lock, const std::string& instance, Waiting& waiting);

  const Timeline& timeline_;
  Checker& checker_;
  const std::deque<SimNode>& nodes_;
  bool judging_ = false;
  std::size_t most_others_ = 0;
  Duration longest_{}, longest_seen_{};
  std::map<std::string, Lock> locks_;
};

}  // namespace redlockd::sim
