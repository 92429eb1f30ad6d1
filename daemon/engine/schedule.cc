#include "daemon/engine/schedule.h"

#include <algorithm>

#include "base/check.h"

namespace redlockd::engine {

Schedule::Schedule(Agenda& agenda, Observer& observer)
    : alarm_(agenda, [&observer](Time now) { observer.OnLeaseDue(now); }) {}

void Schedule::EndAt(Time end) {
  end_at_ = end;
  Arm();
}

void Schedule::OnHoldEnd(Time now, Time hold_end, Time lease_end, Duration ttl, bool warns) {
  CHECK(hold_end <= lease_end);
  announced_ = std::max(announced_, hold_end);
  const Duration left = std::max(Duration(0), hold_end - now);
  end_at_ = now + left - Timing::NoticeOfLoss(left);
  // Where max-hold ends it, that is what was asked for.
  warn_at_ = warns ? std::max(now, lease_end - Timing::JeopardyRemainder(ttl)) : kNever;
  Arm();
}

void Schedule::RenewAt(Time at) {
  renew_at_ = at;
  Arm();
}

void Schedule::Keep(Time until) {
  CHECK(until >= announced_);
  renew_at_ = warn_at_ = kNever;
  kept_until_ = until;
}

std::optional<Schedule::Due> Schedule::TakeDue(Time now) {
  const auto take = [now](Time& at) { return at <= now && (at = kNever, true); };
  if (take(warn_at_)) return Due::kWarning;
  if (take(end_at_)) return Due::kEnd;
  // After the end: what has ended is not renewed.
  if (take(renew_at_)) return Due::kRenewal;
  return std::nullopt;
}

void Schedule::Arm() { alarm_.Set(std::min({renew_at_, warn_at_, end_at_})); }

}  // namespace redlockd::engine
