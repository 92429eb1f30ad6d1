#include "daemon/engine/release_table.h"

#include <algorithm>

#include "daemon/engine/quorum.h"

namespace redlockd::engine {

void ReleaseTable::Add(Time now, AttemptNumber attempt, std::string lock, std::string owner,
                       NodeSet may_have, Time gone_by, std::optional<Waiter> waiter) {
  auto expire = [this, attempt](Time) {
    Finish(pending_.at(attempt));
    pending_.erase(attempt);
  };
  Pending& pending = pending_.try_emplace(attempt, agenda_, std::move(expire)).first->second;
  pending.lock = std::move(lock);
  pending.owner = std::move(owner);
  pending.unacked = may_have;
  pending.waiter = waiter;
  pending.expiry.Set(gone_by);
  Ask(now, attempt, pending, may_have);
}

void ReleaseTable::Ask(Time now, AttemptNumber attempt, Pending& pending, NodeSet nodes) {
  pending.in_flight |= nodes;
  outbox_.Ask(nodes, Ticket{Ticket::Kind::kRelease, 0, attempt, now},
              ReleaseOp{pending.lock, pending.owner});
}

void ReleaseTable::LinkUp(Time now, NodeIndex node) {
  for (auto& [attempt, pending] : pending_) {
    if (pending.unacked.test(node) && !pending.in_flight.test(node)) {
      Ask(now, attempt, pending, NodeSet().set(node));
    }
  }
}

void ReleaseTable::Answered(const NodeAnswer& answer) {
  const auto found = pending_.find(answer.ticket.subject);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  pending.in_flight.reset(answer.node);
  if (answer.verdict != Verdict::kOk && answer.verdict != Verdict::kNotOwner) return;
  pending.unacked.reset(answer.node);
  if (pending.unacked.count() + Majority(nodes_) <= nodes_) Finish(pending);
  if (pending.unacked.none()) pending_.erase(found);
}

void ReleaseTable::Missed(const NodeSilence& silence) {
  const auto found = pending_.find(silence.ticket.subject);
  if (found != pending_.end() && silence.gone) found->second.in_flight.reset(silence.node);
}

void ReleaseTable::Finish(Pending& pending) {
  if (!pending.waiter) return;
  outbox_.Reply(pending.waiter->session, pending.waiter->request,
                Released{pending.lock, pending.waiter->fence});
  pending.waiter.reset();
}

void ReleaseTable::SessionClosed(SessionId session) {
  for (auto& [attempt, pending] : pending_) {
    if (pending.waiter && pending.waiter->session == session) pending.waiter.reset();
  }
}

bool ReleaseTable::InFlight() const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [](const auto& entry) { return entry.second.in_flight.any(); });
}

}  // namespace redlockd::engine
