#include "daemon/engine/losses.h"

#include <algorithm>
#include <limits>

namespace redlockd::engine {

void Losses::Add(const std::string& lock, Loss loss, std::size_t most) {
  losses_[{lock, loss.fence}] = loss.reason;
  if (losses_.size() <= most) return;
  // Only a client that never looks gets here. Fences grow with the time, whatever the lock.
  losses_.erase(std::min_element(losses_.begin(), losses_.end(), [](const auto& a, const auto& b) {
    return a.first.second < b.first.second;
  }));
}

std::optional<Losses::Loss> Losses::Take(const std::string& lock, std::optional<Fence> fence) {
  auto found = losses_.upper_bound({lock, fence.value_or(std::numeric_limits<Fence>::max())});
  if (found == losses_.begin()) return std::nullopt;
  --found;
  const auto& [name, newest] = found->first;
  if (name != lock || (fence && *fence != newest)) return std::nullopt;
  const Loss loss{newest, found->second};
  losses_.erase(found);
  return loss;
}

}  // namespace redlockd::engine
