#include "daemon/engine/losses.h"

#include <algorithm>
#include <limits>

namespace redlockd::engine {

void Losses::Add(SessionId holder, const std::string& lock, Loss loss, std::size_t most) {
  losses_[{holder, lock, loss.fence}] = loss.reason;
  if (losses_.size() <= most) return;
  // Only a client that never looks gets here. Fences grow with the time, whatever the lock.
  losses_.erase(std::min_element(losses_.begin(), losses_.end(), [](const auto& a, const auto& b) {
    return a.first.fence < b.first.fence;
  }));
}

std::optional<Losses::Loss> Losses::Take(SessionId holder, const std::string& lock,
                                         std::optional<Fence> fence) {
  const Fence most = fence.value_or(std::numeric_limits<Fence>::max());
  auto found = losses_.upper_bound({holder, lock, most});
  if (found == losses_.begin()) return std::nullopt;
  --found;
  const Key& newest = found->first;
  const bool is_of_lock = newest.holder == holder && newest.lock == lock;
  if (!is_of_lock || (fence && *fence != newest.fence)) return std::nullopt;
  const Loss loss{newest.fence, found->second};
  losses_.erase(found);
  return loss;
}

bool Losses::HasAnyOf(SessionId holder) const {
  const auto first = losses_.lower_bound({holder, "", 0});
  return first != losses_.end() && first->first.holder == holder;
}

void Losses::Forget(SessionId holder) {
  losses_.erase(losses_.lower_bound({holder, "", 0}), losses_.lower_bound({holder + 1, "", 0}));
}

}  // namespace redlockd::engine
