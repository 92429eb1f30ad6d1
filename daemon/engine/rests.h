#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/engine/options.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Which tenures of a lock are followed by a rest, the cooldown of rule E1: it is for clients that poll
// the nodes, of which no daemon knows until it meets a key of theirs. Where none was ever met, a lock that
// is busy on one host rests more and more rarely. Pure: knows no lock.
class Rests {
 public:
  // A lock rests again after 1, 2, 4, ... tenures; after that many at the latest.
  static constexpr int kRarest = 64;
  // Locks that are remembered. Others rest after each tenure.
  static constexpr std::size_t kMost = 1024;

  // Both outlive it, and may change.
  Rests(const Linger& linger, const Timing& timing) : linger_(linger), timing_(timing) {}

  // A tenure of the lock is over: whether it is to rest now.
  bool IsDue(Time now, const std::string& lock) const;
  // It rests.
  void Begin(Time now, const std::string& lock);
  // A client that no redlockd knows has the lock. From now on all locks with this lock's rule for
  // lingering rest after each tenure.
  void MeetPlainClient(std::string_view lock) { met_.emplace(linger_.PrefixOf(lock)); }

 private:
  struct Rest {
    Time last;
    Duration spacing;
    // It has not been busy since the next was due.
    bool IsForgotten(Time now) const { return now - last > 2 * spacing; }
  };

  const Linger& linger_;
  const Timing& timing_;
  std::set<std::string, std::less<>> met_;  // prefixes of linger_, of now or of before
  std::unordered_map<std::string, Rest> rests_;
};

}  // namespace redlockd::engine
