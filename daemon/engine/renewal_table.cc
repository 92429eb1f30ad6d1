#include "daemon/engine/renewal_table.h"

#include <utility>

#include "base/check.h"

namespace redlockd::engine {
namespace {

// What the node said of one lease; see RenewOp.
Verdict VerdictOf(char letter) {
  switch (letter) {
    case RenewOp::kRenewed:
    case RenewOp::kRenewedWanted:
      return Verdict::kOk;
    case RenewOp::kNotOwner:
      return Verdict::kNotOwner;
    default:
      return Verdict::kError;
  }
}

}  // namespace

std::size_t RenewalTable::Add(Time now, NodeSet nodes, AttemptNumber attempt, std::uint32_t round,
                              RenewOp::Lease lease) {
  if (nodes.none()) return 0;
  Gathered& gathered = gathered_[nodes.to_ulong()];
  gathered.parts.push_back({attempt, round});
  gathered.op.leases.push_back(std::move(lease));
  if (gathered.parts.size() == RenewOp::kMost) Send(now, nodes, gathered);
  return added_++ / RenewOp::kMost;
}

void RenewalTable::Flush(Time now) {
  for (auto& [nodes, gathered] : gathered_) {
    if (!gathered.parts.empty()) Send(now, NodeSet(nodes), gathered);
  }
  gathered_.clear();
  added_ = 0;
}

void RenewalTable::Send(Time now, NodeSet nodes, Gathered& gathered) {
  CHECK(gathered.parts.size() == gathered.op.leases.size());
  CHECK(gathered.parts.size() <= RenewOp::kMost);
  const std::uint64_t number = ++last_;
  outbox_.Ask(nodes, Ticket{Ticket::Kind::kRenew, 0, number, now}, std::exchange(gathered.op, {}));
  sent_[number] = {std::exchange(gathered.parts, {}), nodes};
}

void RenewalTable::Answered(const NodeAnswer& answer,
                            const std::function<void(const NodeAnswer&)>& tell) {
  const auto found = sent_.find(answer.ticket.subject);
  if (found == sent_.end()) return;
  const std::vector<Part>& parts = found->second.parts;  // stays, though more is sent meanwhile
  const bool ok = answer.verdict == Verdict::kOk;        // else the text is no letters
  NodeAnswer part;
  part.node = answer.node;
  part.ticket = answer.ticket;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    part.ticket.subject = parts[i].attempt;
    part.ticket.round = parts[i].round;
    const char letter = ok && i < answer.text.size() ? answer.text[i] : '?';
    part.verdict = ok ? VerdictOf(letter) : answer.verdict;
    if (part.verdict == Verdict::kError) part.text = answer.text;
    part.left = answer.left;
    part.greatest = letter == RenewOp::kRenewedWanted ? 1 : 0;  // whose and when is not said
    tell(part);
  }
  Close(answer.ticket.subject, answer.node);
}

void RenewalTable::Missed(const NodeSilence& silence,
                          const std::function<void(const NodeSilence&)>& tell) {
  const auto found = sent_.find(silence.ticket.subject);
  if (found == sent_.end()) return;
  const std::vector<Part>& parts = found->second.parts;
  NodeSilence part = silence;
  for (const Part& missed : parts) {
    part.ticket.subject = missed.attempt;
    part.ticket.round = missed.round;
    tell(part);
  }
  if (silence.gone) Close(silence.ticket.subject, silence.node);
}

void RenewalTable::Close(std::uint64_t number, NodeIndex node) {
  const auto found = sent_.find(number);
  CHECK(found != sent_.end());
  found->second.open.reset(node);
  if (found->second.open.none()) sent_.erase(found);
}

}  // namespace redlockd::engine
