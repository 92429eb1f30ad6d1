#include "daemon/engine/tenure.h"

#include <algorithm>

#include "base/check.h"

namespace redlockd::engine {

void Tenure::OnGranted(Time now, bool owes_cooldown) {
  CHECK(!is_granted_ && since_ == kNever);
  is_granted_ = true;
  owes_cooldown_ = owes_cooldown;
  if (wanted_) wanted_since_ = now;
}

void Tenure::OnWanted(Time now, bool is_queued) {
  wanted_ = true;
  if (is_queued) is_queued_for_ = true;
  if (is_granted_ && !IsWanted()) wanted_since_ = now;
}

void Tenure::OnUnwanted(Time asked) {
  CHECK(is_shared_);
  if (!IsWanted() || asked <= wanted_since_) return;
  wanted_ = false;
  is_queued_for_ = false;
  wanted_since_ = kNever;
  handoffs_while_wanted_ = 0;
}

Tenure::Next Tenure::OnFree(Time now, const Timing& timing, Duration linger, bool has_waiters) {
  CHECK(is_granted_);
  if (IsOver(now, timing)) return Next::kEnd;
  if (IsWanted()) {
    if (!has_waiters || !MayGoOn(now)) return Next::kEnd;
  } else if (!has_waiters && linger <= Duration(0)) {
    return Next::kEnd;
  }
  if (since_ == kNever) since_ = now;
  return has_waiters ? Next::kHandOff : Next::kLinger;
}

bool Tenure::MayGoOn(Time now) const {
  return !IsWanted() || (handoffs_while_wanted_ < Timing::kHandoffsWhileWanted &&
                         now - wanted_since_ < Timing::kHandoffTimeWhileWanted);
}

void Tenure::OnHold(bool is_handoff) {
  CHECK(is_granted_);
  if (is_handoff && IsWanted()) ++handoffs_while_wanted_;
  asked_for_next_ = false;
  StopLingering();
}

bool Tenure::Linger(Time now, const Timing& timing, Duration linger) {
  CHECK(is_granted_ && since_ != kNever);
  if (lingers_until_ != kNever) return false;
  lingers_until_ = now + linger;
  if (!is_shared_) lingers_until_ = std::min(lingers_until_, since_ + timing.tenure_max);
  return true;
}

void Tenure::AskForNext() {
  CHECK(!asked_for_next_);
  asked_for_next_ = true;
}

bool Tenure::IsOver(Time now, const Timing& timing) const {
  if (is_shared_) return false;
  return owes_cooldown_ || (since_ != kNever && now - since_ >= timing.tenure_max);
}

}  // namespace redlockd::engine
