#include "daemon/engine/release_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {
namespace {

constexpr Duration kAskAgain = std::chrono::seconds(1);

}  // namespace

void ReleaseTable::Add(Time now, Release release) {
  if (pending_.size() >= kMost) ForgetOldest();
  const AttemptNumber attempt = release.attempt;
  CHECK(release.nodes.any() && !pending_.contains(attempt));
  Pending& pending = pending_
                         .try_emplace(
                             attempt, agenda_, [this, attempt](Time) { Expire(attempt); },
                             [this, attempt](Time at) { AskAgain(at, attempt); })
                         .first->second;
  pending.op = std::move(release.op);
  pending.unacked = release.nodes;
  pending.asker = release.asker;
  pending.pass = std::move(release.pass);
  pending.awaited = release.awaited;
  pending.expiry.Set(release.gone_by);
  Ask(now, attempt, pending, release.nodes);
  if (IsThrough(pending)) pending.pass.reset();
  // Asked once more, it must not take a newer want out of the queue.
  pending.op.leave = false;
}

void ReleaseTable::ForgetOldest() {
  Pending& oldest = pending_.begin()->second;
  oldest.missed |= oldest.unacked;
  AnswerAsker(oldest);
  pending_.erase(pending_.begin());
}

void ReleaseTable::Ask(Time now, AttemptNumber attempt, Pending& pending, NodeSet nodes) {
  CHECK((nodes & ~pending.unacked).none());
  pending.in_flight |= nodes;
  outbox_.Ask(nodes, Ticket{Ticket::Kind::kRelease, 0, attempt, now}, pending.op);
}

const std::string* ReleaseTable::LockOf(AttemptNumber attempt) const {
  const auto found = pending_.find(attempt);
  return found == pending_.end() ? nullptr : &found->second.op.lock;
}

// The keys have ended by themselves, on all nodes. Mostly nobody waits to hear it; but this timer
// goes on while the machine sleeps, those of the commands do not.
void ReleaseTable::Expire(AttemptNumber attempt) {
  Pending& pending = pending_.at(attempt);
  pending.unacked.reset();
  AnswerAsker(pending);
  pending_.erase(attempt);
}

void ReleaseTable::AskAgain(Time now, AttemptNumber attempt) {
  Pending& pending = pending_.at(attempt);
  Ask(now, attempt, pending, pending.unacked & ~pending.in_flight & nodes_.Linked());
}

void ReleaseTable::OnLinkUp(Time now, NodeIndex node) {
  for (auto& [attempt, pending] : pending_) {
    if (pending.unacked.test(node) && !pending.in_flight.test(node)) {
      Ask(now, attempt, pending, NodeSet().set(node));
    }
  }
}

void ReleaseTable::OnAnswered(Time now, const NodeAnswer& answer) {
  const auto found = pending_.find(answer.ticket.subject);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  const auto awaited = Landed(pending, answer.node);
  const bool acked = answer.verdict == Verdict::kOk || answer.verdict == Verdict::kNotOwner;
  if (acked) {
    pending.unacked.reset(answer.node);
    pending.failures.erase(answer.node);
    AnswerAsker(pending);
  } else {
    NotTaken(now, pending, answer.node, ReasonOf(answer));
  }
  if (pending.unacked.none()) pending_.erase(found);
  if (awaited) observer_.OnReleased(*awaited);
}

void ReleaseTable::OnMissed(Time now, const NodeSilence& silence) {
  const auto found = pending_.find(silence.ticket.subject);
  if (found == pending_.end()) return;
  std::optional<std::string> awaited;
  if (silence.gone) awaited = Landed(found->second, silence.node);
  NotTaken(now, found->second, silence.node, ReasonOf(silence));
  if (awaited) observer_.OnReleased(*awaited);
}

void ReleaseTable::NotTaken(Time now, Pending& pending, NodeIndex node, std::string why) {
  pending.missed.set(node);
  pending.failures[node] = std::move(why);
  if (!pending.again.at()) pending.again.Set(now + kAskAgain);
  AnswerAsker(pending);
}

bool ReleaseTable::IsThrough(const Pending& pending) const {
  return pending.in_flight.count() <= nodes_.size() - Majority(nodes_.size());
}

std::optional<std::string> ReleaseTable::Landed(Pending& pending, NodeIndex node) {
  pending.in_flight.reset(node);
  if (!IsThrough(pending)) return std::nullopt;
  pending.pass.reset();
  if (!std::exchange(pending.awaited, false)) return std::nullopt;
  return pending.op.lock;
}

void ReleaseTable::AnswerAsker(Pending& pending) {
  if (!pending.asker || !sessions_.Has(pending.asker->session)) return;
  const std::size_t n = nodes_.size();
  const std::size_t m = Majority(n);
  const std::size_t released = n - pending.unacked.count();
  if (released >= m) {
    pending.asker->Reply(outbox_, Released{.name = pending.op.lock, .fence = pending.asker->fence});
  } else if (released + (pending.unacked & ~pending.missed).count() < m) {
    pending.asker->Reply(
        outbox_,
        Failed{.failure = Failure::kNoQuorum,
               .name = pending.op.lock,
               .fence = pending.asker->fence,
               .text = "released on this host; " + std::to_string(pending.unacked.count()) +
                       " of " + std::to_string(n) + " nodes have not confirmed it yet" +
                       ToText(pending.failures)});
  } else {
    return;
  }
  pending.asker.reset();
}

bool ReleaseTable::InFlight() const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [](const auto& entry) { return entry.second.in_flight.any(); });
}

}  // namespace redlockd::engine
