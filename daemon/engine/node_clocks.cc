#include "daemon/engine/node_clocks.h"

#include <cstdint>

#include "daemon/engine/few.h"

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
  Few<std::int64_t> middles;
  for (NodeIndex i = 0; i < offsets_.size(); ++i) {
    const auto middle = of.test(i) ? offsets_[i].Middle() : std::nullopt;
    if (middle) middles.Add(*middle);
  }
  if (middles.size() == 0) return std::nullopt;
  return middles[(middles.size() - 1) / 2];
}

std::optional<Duration> NodeClocks::Off(NodeIndex node, NodeSet of) const {
  const auto own = offsets_[node].Middle();
  const auto median = Median(of);
  if (!own || !median) return std::nullopt;
  return Duration(std::chrono::microseconds(*own - *median));
}

}  // namespace redlockd::engine
