#include "daemon/engine/rests.h"

#include <algorithm>

namespace redlockd::engine {

bool Rests::IsDue(Time now, const std::string& lock) const {
  const auto rest = rests_.find(lock);
  if (rest == rests_.end() || met_.contains(linger_.PrefixOf(lock))) return true;
  return rest->second.IsForgotten(now) || now - rest->second.last >= rest->second.spacing;
}

void Rests::Begin(Time now, const std::string& lock) {
  if (rests_.size() >= kMost) {
    std::erase_if(rests_, [now](const auto& rest) { return rest.second.IsForgotten(now); });
  }
  auto rest = rests_.find(lock);
  if (rest == rests_.end() && rests_.size() >= kMost) return;
  if (rest == rests_.end()) rest = rests_.try_emplace(lock).first;
  const bool is_first = rest->second.spacing == Duration(0) || rest->second.IsForgotten(now);
  const Duration tenure = timing_.tenure_max;
  rest->second = {
      now, is_first ? tenure : std::min<Duration>(2 * rest->second.spacing, kRarest * tenure)};
}

}  // namespace redlockd::engine
