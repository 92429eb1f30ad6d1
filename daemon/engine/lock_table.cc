#include "daemon/engine/lock_table.h"

#include <utility>

#include "base/check.h"

namespace redlockd::engine {

Lock* LockTable::Find(const std::string& name) const {
  const auto found = locks_.find(name);
  return found == locks_.end() ? nullptr : found->second.get();
}

Lock* LockTable::OfAttempt(AttemptNumber attempt) const {
  const auto found = by_attempt_.find(attempt);
  return found == by_attempt_.end() ? nullptr : found->second;
}

Lock& LockTable::FindOrMake(const std::string& name) {
  if (Lock* lock = Find(name)) return *lock;
  Registry& registry = *this;
  auto lock = std::make_unique<Lock>(shared_, registry, name);
  const std::string_view key = lock->name();
  return *locks_.emplace(key, std::move(lock)).first->second;
}

const Lock* LockTable::AnyLeased() const {
  for (const auto& [name, lock] : locks_) {
    if (IsLeased(lock->state())) return lock.get();
  }
  return nullptr;
}

void LockTable::TaskHasMore(TaskId task) {
  while (auto cycle = shared_.waits_for.CycleOf(task)) {
    Lock* const lock = Find(cycle->waits.front().lock);
    const bool did_wait = lock->line().Cancel(cycle->session, cycle->request,
                                              {.failure = Failure::kDeadlock,
                                               .text = "it would wait in a cycle",
                                               .cycle = std::move(cycle->waits)});
    CHECK(did_wait);
  }
}

// A lock may touch itself again while it is settled.
void LockTable::SettleTouched(Time now) {
  for (std::size_t i = 0; i < touched_.size(); ++i) touched_[i]->Settle(now);
  touched_.clear();
}

void LockTable::ForgetIdle() {
  for (const std::string& name : idle_) {
    const Lock* lock = Find(name);
    if (lock && lock->MayBeForgotten()) locks_.erase(name);
  }
  idle_.clear();
}

}  // namespace redlockd::engine
