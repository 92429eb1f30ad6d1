#include "daemon/engine/node_clocks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace redlockd::engine {

bool NodeClocks::Observe(NodeIndex node, NodeTime node_time, Time asked, Time heard) {
  const ClockOffset::Step step = offsets_[node].Observe(node_time, asked, heard);
  if (step == ClockOffset::Step::kForward) {
    judge_.Stepped(node, heard);
    return true;
  }
  judge_.Expire(heard);
  judge_.Read(node, asked, step == ClockOffset::Step::kAhead);
  return false;
}

void NodeClocks::Reset(NodeIndex node) {
  offsets_[node].Reset();
  judge_.Forget(node);
}

std::optional<std::int64_t> NodeClocks::Median(NodeSet of) const {
  std::array<std::int64_t, kMaxNodes> middles;
  middles.fill(std::numeric_limits<std::int64_t>::max());  // sorted after all that there are
  std::size_t count = 0;
  for (NodeIndex i = 0; i < offsets_.size(); ++i) {
    const auto middle = of.test(i) ? offsets_[i].Middle() : std::nullopt;
    if (middle) middles[count++] = *middle;
  }
  if (count == 0) return std::nullopt;
  std::sort(middles.begin(), middles.end());  // for so few faster than nth_element
  return middles[(count - 1) / 2];
}

std::optional<Duration> NodeClocks::Off(NodeIndex node, NodeSet of) const {
  const auto own = offsets_[node].Middle();
  const auto median = Median(of);
  if (!own || !median) return std::nullopt;
  return Duration(std::chrono::microseconds(*own - *median));
}

}  // namespace redlockd::engine
