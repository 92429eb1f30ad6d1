#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/engine/lock.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// The locks that this host holds, waits for, or has something to remember of. Knows each by its name,
// and by the attempt whose answers it waits for; has those settled that an event touched, and forgets
// those that nothing is left of.
class LockTable : private Lock::Registry {
 public:
  explicit LockTable(Shared& shared) : shared_(shared) {}

  Lock* Find(const std::string& name) const;
  Lock* OfAttempt(AttemptNumber attempt) const;
  Lock& FindOrMake(const std::string& name);
  // The first lock by name that has a lease; null if none has.
  const Lock* AnyLeased() const;

  // In order of name; those after `name`, and that one.
  using Locks = std::map<std::string_view, std::unique_ptr<Lock>>;  // by their own names
  Locks::const_iterator begin() const { return locks_.begin(); }
  Locks::const_iterator end() const { return locks_.end(); }
  Locks::const_iterator From(std::string_view name) const { return locks_.lower_bound(name); }

  // Rule W1: if that task, which has something more, is in a cycle, the youngest request of that is refused.
  void TaskHasMore(TaskId task) override;
  // Settles all that were touched, in the order in which they were.
  void SettleTouched(Time now);
  void ForgetIdle();

 private:
  void Touched(Lock& lock) override { touched_.push_back(&lock); }
  void MayBeIdle(const Lock& lock) override { idle_.push_back(lock.name()); }
  void AttemptBegan(AttemptNumber attempt, Lock& lock) override { by_attempt_[attempt] = &lock; }
  void AttemptEnded(AttemptNumber attempt) override { by_attempt_.erase(attempt); }

  Shared& shared_;
  std::unordered_map<AttemptNumber, Lock*> by_attempt_;
  std::vector<Lock*> touched_;
  std::vector<std::string> idle_;  // names: one may be there twice
  Locks locks_;
};

}  // namespace redlockd::engine
