#include "tests/sim/turns.h"

#include <algorithm>
#include <utility>

#include "daemon/engine/timing.h"

namespace redlockd::sim {
namespace {

// By how much daemons take the nodes' time for another, at most.
constexpr Duration kSkew = std::chrono::milliseconds(5);

}  // namespace

void Turns::Judge(std::size_t most_others, Duration longest) {
  judging_ = true;
  most_others_ = most_others;
  longest_ = longest;
  for (auto& [name, lock] : locks_) {
    for (auto& [instance, waiting] : lock.waiting) waiting = {timeline_.now()};
  }
}

void Turns::Wait(const std::string& lock, const std::string& instance, std::size_t waiters) {
  if (waiters == 0) {
    locks_[lock].waiting.erase(instance);
  } else {
    locks_[lock].waiting.try_emplace(instance, Waiting{timeline_.now()});
  }
}

bool Turns::IsQueued(const std::string& lock, const std::string& instance) const {
  const auto queues = std::count_if(nodes_.begin(), nodes_.end(), [&](const SimNode& node) {
    return node.HasWant(lock, instance);
  });
  return 2 * static_cast<std::size_t>(queues) > nodes_.size();
}

void Turns::Asked(const std::string& name, const std::string& instance, const std::string& owner) {
  if (!judging_) return;
  Lock& lock = locks_[name];
  Attempt& attempt = lock.attempts[instance];
  if (attempt.owner == owner) return;
  attempt = {owner, {}};
  for (auto& [other, waiting] : lock.waiting) {
    if (timeline_.now() - waiting.since < kSkew) continue;
    waiting.queued = waiting.queued || IsQueued(name, other);
    if (waiting.queued) attempt.queued_before.insert(other);
  }
}

void Turns::Granted(const std::string& name, const std::string& instance,
                    const std::string& owner) {
  Lock& lock = locks_[name];
  if (const auto served = lock.waiting.find(instance); served != lock.waiting.end()) {
    CheckTime(name, instance, served->second);
    served->second = {timeline_.now()};
  }
  if (owner == lock.owner) return;  // handed on, not taken
  lock.owner = owner;
  if (!judging_) return;
  const Attempt attempt = std::exchange(lock.attempts[instance], {});
  for (auto& [other, waiting] : lock.waiting) {
    if (other == instance || !attempt.queued_before.contains(other)) continue;
    if (++waiting.others <= most_others_) continue;
    checker_.Broken(Promise::kFair, other + " waits for " + name + ", and " + owner + " is the " +
                                        std::to_string(waiting.others) + "th lease of others");
    waiting.others = 0;
  }
}

void Turns::Audit() {
  for (auto& [name, lock] : locks_) {
    for (auto& [instance, waiting] : lock.waiting) CheckTime(name, instance, waiting);
  }
}

void Turns::CheckTime(const std::string& lock, const std::string& instance, Waiting& waiting) {
  if (!judging_) return;
  const Duration waited = timeline_.now() - waiting.since;
  longest_seen_ = std::max(longest_seen_, waited);
  if (waited <= longest_) return;
  checker_.Broken(Promise::kFair, instance + " has waited for " + lock + " for " +
                                      engine::ToText(waited) + ", expected " +
                                      engine::ToText(longest_) + " at most");
  waiting.since = timeline_.now();
}

}  // namespace redlockd::sim
