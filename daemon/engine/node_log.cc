#include "daemon/engine/node_log.h"

#include <chrono>
#include <utility>

namespace redlockd::engine {
namespace {

// How seldom what a node refused is logged: it may be one lock's trouble.
constexpr Duration kRefusedInterval = std::chrono::seconds(10);
// A clock that runs slow is seen to step again and again.
constexpr Duration kHostClockInterval = std::chrono::minutes(1);

bool IsTooSoon(Time now, const std::optional<Time>& last, Duration interval) {
  return last && now - *last < interval;
}

}  // namespace

void NodeLog::Changed(Time now, NodeIndex node) {
  const NodeRecord& record = records_[node];
  outbox_.Changed({node, record.state == NodeState::kUp, record.Reason(now)});
}

void NodeLog::Refused(Time now, NodeIndex node) {
  Logged& logged = logged_[node];
  if (IsTooSoon(now, logged.refused_at, kRefusedInterval)) return;
  logged.refused_at = now;
  Note(node, records_[node].trouble);
}

void NodeLog::Noted(NodeIndex node, const std::string& note) {
  if (std::exchange(logged_[node].note, note) == note) return;
  if (!note.empty()) Note(node, note);
}

void NodeLog::HostClockMoved(Time now) {
  if (IsTooSoon(now, host_clock_at_, kHostClockInterval)) return;
  host_clock_at_ = now;
  outbox_.Warn(
      "this host's clock stood still or ran slow: the clocks of most nodes moved ahead of it at "
      "the same time; their earlier promises to this daemon no longer count");
}

void NodeLog::Note(NodeIndex node, std::string text) {
  outbox_.Changed({node, records_[node].state == NodeState::kUp, std::move(text), true});
}

}  // namespace redlockd::engine
