#include "tests/fuzz/engine_ledger.h"

#include <algorithm>
#include <functional>
#include <variant>

#include "daemon/engine/node_set.h"

namespace redlockd::fuzz {

using namespace engine;

void Ledger::Asked(const AskNodes& ask) {
  if (const auto* acquire = std::get_if<AcquireOp>(&ask.op)) {
    if (acquire->queueing == Queueing::kStand) return;  // no key comes of it (rule E8.3)
    number_[acquire->owner] = ask.ticket.subject;
    Attempt& attempt = attempts_[ask.ticket.subject];
    attempt.may_have |= ask.nodes;
    attempt.rounds[ask.ticket.round].ttl = acquire->ttl;
    attempt.rounds[ask.ticket.round].block = acquire->block;
    for (NodeIndex i = 0; i < options_.nodes; ++i) {
      if (ask.nodes.test(i)) attempt.asked_in[i] = ask.ticket.round;
    }
  } else if (const auto* renew = std::get_if<RenewOp>(&ask.op)) {
    attempts_[ask.ticket.subject].renewals[ask.ticket.round] = renew->ttl;
  } else if (const auto* confirm = std::get_if<ConfirmOp>(&ask.op)) {
    Round& round = attempts_[ask.ticket.subject].rounds[ask.ticket.round];
    round.confirming = confirm->fence;
    round.block = confirm->block;
  }
}

void Ledger::Heard(const NodeAnswer& answer) {
  const auto& [kind, round, subject, asked] = answer.ticket;
  if (kind > Ticket::Kind::kRenew || kind == Ticket::Kind::kStand || answer.verdict != Verdict::kOk)
    return;
  Attempt& attempt = attempts_[subject];
  if (kind == Ticket::Kind::kRenew) return Promised(attempt, answer, attempt.renewals[round]);
  if (kind == Ticket::Kind::kConfirm) {
    attempt.rounds[round].votes[answer.node] = attempt.rounds[round].confirming;
    return;
  }
  attempt.rounds[round].votes[answer.node] = answer.fence;
  Promised(attempt, answer, attempt.rounds[round].ttl);
}

void Ledger::HeardRefusal(const NodeAnswer& answer) {
  Attempt& attempt = attempts_[answer.ticket.subject];
  if (attempt.asked_in[answer.node] == answer.ticket.round) attempt.may_have.reset(answer.node);
}

void Ledger::Promised(Attempt& attempt, const NodeAnswer& answer, Duration ttl) {
  const Time until = answer.ticket.asked + ttl - options_.timing.DriftAllowance(ttl);
  const auto [promise, is_new] = attempt.promises.emplace(answer.node, until);
  if (!is_new) promise->second = std::max(promise->second, until);
}

const Ledger::Attempt* Ledger::Find(const std::string& owner) const {
  const auto number = number_.find(owner);
  return number == number_.end() ? nullptr : &attempts_.at(number->second);
}

NodeSet Ledger::MayHave(const std::string& owner) const {
  const Attempt* attempt = Find(owner);
  return attempt ? attempt->may_have : NodeSet();
}

bool Ledger::Agreed(const std::string& owner, Fence fence) const {
  const Attempt* attempt = Find(owner);
  if (attempt == nullptr) return false;
  return std::any_of(attempt->rounds.begin(), attempt->rounds.end(), [&](const auto& round) {
    const auto& [ttl, confirming, block, votes] = round.second;
    return std::any_of(
        votes.begin(), votes.end(), [&, &votes = votes, block = block](const auto& vote) {
          const Fence first = vote.second;
          const auto same = std::count_if(votes.begin(), votes.end(),
                                          [first](const auto& v) { return v.second == first; });
          return first <= fence && fence < first + block &&
                 static_cast<std::size_t>(same) >= Majority(options_.nodes);
        });
  });
}

std::optional<Time> Ledger::Deadline(const std::string& owner) const {
  const Attempt* attempt = Find(owner);
  const std::size_t m = Majority(options_.nodes);
  if (attempt == nullptr || attempt->promises.size() < m) return std::nullopt;
  std::vector<Time> promises;
  for (const auto& [node, until] : attempt->promises) promises.push_back(until);
  std::sort(promises.begin(), promises.end(), std::greater<>());
  return promises[m - 1];
}

}  // namespace redlockd::fuzz
