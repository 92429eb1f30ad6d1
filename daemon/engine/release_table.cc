#include "daemon/engine/release_table.h"

#include <algorithm>

#include "daemon/engine/quorum.h"

namespace redlockd::engine {

void ReleaseTable::Add(Time now, AttemptNumber attempt, std::string lock, std::string owner,
                       NodeSet may_have, Time gone_by, std::optional<Waiter> waiter) {
  auto expire = [this, attempt](Time) { pending_.erase(attempt); };
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
  const bool acked = answer.verdict == Verdict::kOk || answer.verdict == Verdict::kNotOwner;
  (acked ? pending.unacked.reset(answer.node) : pending.missed.set(answer.node));
  AnswerWaiter(pending);
  if (pending.unacked.none()) pending_.erase(found);
}

void ReleaseTable::Missed(const NodeSilence& silence) {
  const auto found = pending_.find(silence.ticket.subject);
  if (found == pending_.end()) return;
  if (silence.gone) found->second.in_flight.reset(silence.node);
  found->second.missed.set(silence.node);
  AnswerWaiter(found->second);
}

void ReleaseTable::AnswerWaiter(Pending& pending) {
  if (!pending.waiter) return;
  const auto [session, request, fence] = *pending.waiter;
  const std::size_t m = Majority(nodes_);
  const std::size_t released = nodes_ - pending.unacked.count();
  if (released >= m) {
    outbox_.Reply(session, request, Released{pending.lock, fence});
  } else if (released + (pending.unacked & ~pending.missed).count() < m) {
    outbox_.Reply(session, request,
                  Failed{.failure = Failure::kNoQuorum,
                         .name = pending.lock,
                         .fence = fence,
                         .text = "let go here; " + std::to_string(pending.unacked.count()) +
                                 " of " + std::to_string(nodes_) + " nodes are still to be told"});
  } else {
    return;
  }
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
