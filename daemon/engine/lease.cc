#include "daemon/engine/lease.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {

Lease::Lease(std::size_t nodes, AttemptNumber attempt, Duration ttl, Agenda& agenda, User& user)
    : attempt_(attempt),
      ttl_(ttl),
      longest_ttl_(ttl),
      validity_(nodes),
      alarm_(agenda, [&user](Time now) { user.OnLeaseDue(now); }) {}

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

void Lease::AskedToTake(NodeSet nodes) {
  may_have_ |= nodes;
  Sent(nodes);
}

void Lease::Sent(NodeSet nodes) {
  in_flight_ |= nodes;
  for (NodeIndex i = 0; i < kMaxNodes; ++i) {
    if (nodes.test(i)) sent_in_[i] = round_;
  }
}

NodeSet Lease::Promised(std::size_t nodes) const {
  NodeSet promised;
  for (NodeIndex i = 0; i < nodes; ++i) promised.set(i, validity_.Promised(i));
  return promised;
}

// --- hearing ------------------------------------------------------------------------------------

// A first round may follow another before that was answered by all; acquires are answered in their
// order, so the answer to the newest is the last.
void Lease::Heard(NodeIndex node, std::uint32_t asked_in) {
  if (asked_in == sent_in_[node]) in_flight_.reset(node);
}

void Lease::OnRefused(NodeIndex node) {
  if (!in_flight_.test(node)) may_have_.reset(node);
}

void Lease::OnPromise(const NodeAnswer& answer, const Timing& timing) {
  const Duration ttl = TtlOf(answer.ticket.round);
  validity_.Ack(answer.node, answer.ticket.asked, ttl, timing.DriftAllowance(ttl));
  if (failures_) failures_->erase(answer.node);
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

// --- when what is due ---------------------------------------------------------------------------

void Lease::EndAt(Time end) {
  end_at_ = end;
  Arm();
}

void Lease::OnHoldEnd(Time now, Time hold_end) {
  const Time lease_end = Deadline().value_or(now);
  CHECK(hold_end <= lease_end);
  announced_ = std::max(announced_, hold_end);
  const Duration left = std::max(Duration(0), hold_end - now);
  end_at_ = now + left - Timing::ToldAhead(left);
  // Where max-hold ends it, that is what was asked for.
  warn_at_ =
      hold_end < lease_end ? kNever : std::max(now, lease_end - Timing::JeopardyRemainder(ttl_));
  Arm();
}

// The next round is due ttl/3 after what the deadline rests on was asked (rule C5).
void Lease::PlanRenewal(Time now, const Timing& timing) {
  const Time asked = Deadline().value_or(now) - ttl_ + timing.DriftAllowance(ttl_);
  RenewAt(std::max(Timing::Together(asked + Timing::RenewAfter(ttl_) - apart_),
                   round_asked_ + timing.retry_interval));
}

void Lease::RenewAt(Time at) {
  renew_at_ = at;
  Arm();
}

void Lease::Keep() {
  renew_at_ = warn_at_ = kNever;
  EndAt(announced_);
}

std::optional<Lease::Due> Lease::TakeDue(Time now) {
  const auto take = [now](Time& at) { return at <= now && (at = kNever, true); };
  if (take(warn_at_)) return Due::kWarning;
  if (take(end_at_)) return Due::kEnd;
  // After the end: what has ended is not renewed.
  if (take(renew_at_)) return Due::kRenewal;
  return std::nullopt;
}

}  // namespace redlockd::engine
