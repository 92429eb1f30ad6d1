#include "daemon/engine/lease.h"

#include <algorithm>
#include <utility>

namespace redlockd::engine {

Lease::Lease(std::size_t nodes, AttemptNumber attempt, Duration ttl)
    : attempt_(attempt), ttl_(ttl), longest_ttl_(ttl), validity_(nodes) {}

void Lease::ChangeTtl(Duration to) {
  if (to == ttl_) return;
  former_ttl_ = ttl_since_ == 0 ? ttl_ : std::min(former_ttl_, ttl_);
  longest_ttl_ = std::max(longest_ttl_, to);
  ttl_ = to;
  ttl_since_ = round_ + 1;
}

Duration Lease::TtlOf(std::uint32_t asked_in) const {
  return asked_in >= ttl_since_ ? ttl_ : std::min(former_ttl_, ttl_);
}

// --- asking -------------------------------------------------------------------------------------

void Lease::BeginRound(Time now) {
  NextRound();
  round_asked_ = now;
  round_open_.reset();
  round_acked_.reset();
}

void Lease::Asked(NodeSet nodes) {
  in_flight_ |= nodes;
  for (NodeIndex i = 0; i < kMaxNodes; ++i) {
    if (nodes.test(i)) sent_in_[i] = static_cast<std::uint16_t>(round_);
  }
}

void Lease::AskedToTake(NodeSet nodes) {
  may_have_ |= nodes;
  Asked(nodes);
}

NodeSet Lease::Promised(std::size_t nodes) const {
  NodeSet promised;
  for (NodeIndex i = 0; i < nodes; ++i) promised.set(i, validity_.Promised(i));
  return promised;
}

// --- hearing ------------------------------------------------------------------------------------

// A first round may follow another before that was answered by all; acquires are answered in their
// order, so the answer to the newest is the last.
void Lease::OnHeard(NodeIndex node, std::uint32_t asked_in) {
  if (static_cast<std::uint16_t>(asked_in) == sent_in_[node]) in_flight_.reset(node);
}

void Lease::OnRefused(NodeIndex node) {
  if (!in_flight_.test(node)) may_have_.reset(node);
}

bool Lease::OnPromise(const NodeAnswer& answer, const Timing& timing) {
  const auto before = Deadline();
  const Duration ttl = TtlOf(answer.ticket.round);
  validity_.Ack(answer.node, answer.ticket.asked, ttl, timing.DriftAllowance(ttl));
  if (failures_) failures_->erase(answer.node);
  return Deadline() != before;
}

void Lease::OnFailed(NodeIndex node, std::string why) {
  if (!failures_) failures_ = std::make_unique<NodeFailures>();
  (*failures_)[node] = std::move(why);
}

bool Lease::CloseInRound(NodeIndex node, std::uint32_t asked_in, bool acked) {
  if (asked_in != round_) return false;
  if (acked) round_acked_.set(node);
  if (!round_open_.test(node)) return false;
  round_open_.reset(node);
  return round_open_.none() && round_acked_.count() < validity_.majority();
}

Time Lease::NextRenewal(Time now, const Timing& timing) const {
  const Time asked = Deadline().value_or(now) - ttl_ + timing.DriftAllowance(ttl_);
  return std::max(Timing::Together(asked + Timing::RenewAfter(ttl_) - apart_),
                  round_asked_ + timing.retry_interval);
}

}  // namespace redlockd::engine
