#include "tests/unit/engine/want_queue.h"

#include <algorithm>

namespace redlockd::engine {
namespace {

constexpr NodeTime kFarthestAhead = 600'000'000;  // 10 min

}  // namespace

void WantQueue::Expire(NodeTime now) {
  std::erase_if(entries_, [now](const auto& entry) {
    return entry.second.fresh_until <= now || entry.second.stamp > now + kFarthestAhead;
  });
}

void WantQueue::Register(const std::string& instance, Stamp stamp, NodeTime fresh_until) {
  entries_[instance] = {std::max(stamp, StampOf(instance)), fresh_until};
}

Stamp WantQueue::StampOf(const std::string& instance) const {
  const auto found = entries_.find(instance);
  return found == entries_.end() ? 0 : found->second.stamp;
}

Stamp WantQueue::GreatestBut(const std::string& instance) const {
  Stamp greatest = 0;
  for (const auto& [other, entry] : entries_) {
    if (other != instance) greatest = std::max(greatest, entry.stamp);
  }
  return greatest;
}

std::optional<WantQueue::Place> WantQueue::FirstBut(const std::string& instance) const {
  std::optional<Place> first;
  for (const auto& [other, entry] : entries_) {
    const Place place{entry.stamp, other};
    if (other != instance && (!first || place < *first)) first = place;
  }
  return first;
}

}  // namespace redlockd::engine
