#include "daemon/engine/node_record.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "daemon/engine/reasons.h"
#include "daemon/engine/timing.h"

namespace redlockd::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kDefaultRoundTrip = milliseconds(1);
constexpr Duration kLeastRoundTrip = microseconds(50);

}  // namespace

// The longest one counts at first, and less with each that is shorter. One that is longer than any grace
// allows for is as good as any other of those.
void NodeRecord::TakeRoundTrip(Duration trip) {
  round_trip = trip;
  const Duration counted = std::min<Duration>(trip, Timing::kLongestGrace / 3);
  slow_trip = std::max(counted, slow_trip - (slow_trip - counted) / 64);
}

std::string NodeRecord::Reason(Time now) const {
  if (state == NodeState::kUp) return "up";
  if (!IsInQuarantine()) return text;
  const Duration left = std::max(Duration(0), ReadyAt().value_or(now) - now);
  return text + ", ready in " + ToText(left);
}

bool NodeRecord::TakeTrouble(Time now, const NodeAnswer& answer) {
  using Kind = Ticket::Kind;
  CHECK(answer.verdict == Verdict::kError);
  if (answer.ticket.kind == Kind::kProbe || answer.ticket.kind == Kind::kQuery) return false;
  trouble = std::string("refused ") + NameOf(answer.ticket.kind) + ": " + answer.text;
  trouble_at = now;
  return true;
}

bool LostMemory(const NodeFacts& old, const NodeFacts& facts) {
  return facts.run_id == old.run_id && old.count > 0 && facts.refuses.empty() &&
         facts.memory != NodeFacts::Memory::kNone && facts.count <= old.count;
}

NodeRecords::NodeRecords(std::size_t nodes) : records_(nodes) { CHECK(nodes <= kMaxNodes); }

NodeSet NodeRecords::All() const {
  NodeSet set;
  for (NodeIndex i = 0; i < size(); ++i) set.set(i);
  return set;
}

NodeSet NodeRecords::Linked() const {
  NodeSet set;
  for (NodeIndex i = 0; i < size(); ++i) set.set(i, records_[i].linked);
  return set;
}

NodeSet NodeRecords::Voters() const {
  NodeSet set;
  for (NodeIndex i = 0; i < size(); ++i) set.set(i, records_[i].state == NodeState::kUp);
  return set;
}

bool NodeRecords::MetOtherSet() const {
  return std::any_of(begin(), end(),
                     [](const NodeRecord& record) { return record.state == NodeState::kOtherSet; });
}

std::optional<NodeIndex> NodeRecords::SameServer(NodeIndex node) const {
  for (NodeIndex i = 0; i < node; ++i) {
    // Also while the other is away: it may have promised before.
    if (records_[i].facts.run_id == records_[node].facts.run_id) return i;
  }
  return std::nullopt;
}

bool NodeRecords::NothingToAdopt() const {
  return std::all_of(begin(), end(), [](const NodeRecord& record) {
    return record.state == NodeState::kUp || record.state == NodeState::kProbing ||
           record.IsInQuarantine() || record.state == NodeState::kSkewed ||
           record.state == NodeState::kFull;
  });
}

Duration NodeRecords::RoundTrip() const {
  std::vector<Duration> trips;
  for (const NodeRecord& record : records_) {
    if (record.state == NodeState::kUp && record.round_trip) trips.push_back(*record.round_trip);
  }
  if (trips.empty()) return kDefaultRoundTrip;
  const auto middle = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2);
  std::nth_element(trips.begin(), middle, trips.end());
  return std::max(*middle, kLeastRoundTrip);
}

Duration NodeRecords::SlowTrip() const {
  Duration slowest{0};
  for (const NodeRecord& record : records_) {
    if (record.state == NodeState::kUp) slowest = std::max(slowest, record.slow_trip);
  }
  return slowest;
}

bool NodeRecords::AllSendHints() const {
  return std::all_of(begin(), end(), [](const NodeRecord& record) {
    return record.state != NodeState::kUp || record.subscribed;
  });
}

bool NodeRecords::AcquitAll() {
  bool doubted = false;
  for (NodeRecord& record : records_) {
    doubted = doubted || record.doubted_until;
    record.doubted_until.reset();
    if (record.suspected == NodeRecord::Suspicion::kClock) {
      record.suspected = NodeRecord::Suspicion::kNone;
    }
  }
  return doubted;
}

}  // namespace redlockd::engine
