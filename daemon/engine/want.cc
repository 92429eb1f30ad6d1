#include "daemon/engine/want.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace redlockd::engine {
namespace {

constexpr Stamp kFarFuture = 10 * 60 * Stamp{1'000'000};  // us; a stamp beyond it is a mistake

}  // namespace

Queueing Want::NextRound(Time now, Stamp clock, bool may_stand) {
  const bool is_near = IsNear();
  is_called_ = false;
  if (StaysOut()) return Queueing::kNone;
  if (IsPassedBy(now)) {
    only_queue_.reset();
    return Queueing::kIgnore;
  }
  Stamped(clock);
  if (Entries().none()) return Queueing::kIfRefused;
  return may_stand && !is_near ? Queueing::kStand : Queueing::kAlways;
}

Queueing Want::NextRoundOfTry(Stamp clock) {
  Stamped(clock);
  return Queueing::kAlways;
}

Queueing Want::NextStand(Stamp clock) {
  Stamped(clock);
  return Queueing::kStand;
}

void Want::Stamped(Stamp clock) {
  if (stamp_ == 0) stamp_ = std::max(clock, greatest_ + 1);
}

void Want::OnAsked(NodeSet nodes, Queueing queueing) {
  // Votes are for this round from now on: whether the one before was refused is not heard any more.
  entries_ |= std::exchange(if_refused_, {});
  const bool is_if_refused = queueing == Queueing::kIfRefused;
  is_stand_ = queueing == Queueing::kStand;
  if (is_if_refused) if_refused_ = nodes;
  if (queueing == Queueing::kAlways || is_stand_) entries_ |= nodes;
  const bool registers = is_if_refused || is_stand_ || queueing == Queueing::kAlways;
  if (registers) ++registered_;
  knows_place_ = false;
}

void Want::OnSeen(Stamp greatest, Stamp clock) {
  if (greatest <= clock + kFarFuture) greatest_ = std::max(greatest_, greatest);
}

Duration Want::UntilPassed(Stamp clock) const {
  // Without a clock, or after it was set back: no longer than what was seen can have been ahead.
  return std::chrono::microseconds(std::clamp(greatest_ - clock, Stamp{0}, kFarFuture));
}

void Want::OnPlace(std::uint32_t place) {
  if (place == 0) return;
  place_ = knows_place_ ? std::min(place_, place) : place;
  knows_place_ = true;
}

Duration Want::Interval(bool hears) const {
  if (StaysOut()) return timing_.retry_interval;
  const Duration interval = timing_.Interval(place_);
  // A newcomer's place may have become another before it has polled for the first time.
  const bool is_new = registered_ <= 1;
  return is_new || !hears ? std::min(interval, timing_.FirstPoll()) : interval;
}

// Rule E6.9: what stands in the way is a mistake of the queue's.
bool Want::IsPassedBy(Time now) const {
  return only_queue_ && now - only_queue_->since > timing_.WantPenalty();
}

void Want::OnRoundFailed(Time now, bool reached, bool only_queue) {
  if (!reached) {
    stays_out_until_ = now + timing_.WantPenalty();
    registered_ = 0;  // it comes anew
  } else if (stays_out_until_ && now >= *stays_out_until_) {
    stays_out_until_.reset();
  }
  if (!only_queue || is_stand_) {  // which would have got nothing
    only_queue_.reset();
  } else if (!only_queue_ || now - only_queue_->last > 2 * timing_.retry_interval) {
    only_queue_ = OnlyQueue{.since = now, .last = now};
  } else {
    only_queue_->last = now;
  }
}

void Want::TakeEntriesOf(const Want& other) {
  entries_ |= other.entries_;
  if_refused_ |= other.if_refused_;
}

void Want::End() {
  stamp_ = 0;
  entries_.reset();
  if_refused_.reset();
  place_ = 0;
  is_called_ = false;
  registered_ = 0;
  only_queue_.reset();
}

}  // namespace redlockd::engine
