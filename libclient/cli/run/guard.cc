#include "libclient/cli/run/guard.h"

#include <algorithm>

#include "protocol/duration.h"

namespace redlock::cli {

using namespace std::chrono_literals;

std::variant<Guard::Margins, std::string> Guard::Plan(Duration span,
                                                      std::optional<Duration> kill_after) {
  const Margins margins{kill_after.value_or(std::min<Duration>(span / 3, 5s)),
                        std::min<Duration>(span / 10, 100ms)};
  if (margins.term < margins.kill || margins.term > span / 2) {
    return "--kill-after is " + protocol::FormatDuration(margins.term) + ": expected " +
           protocol::FormatDuration(margins.kill) + " to " + protocol::FormatDuration(span / 2) +
           ", half of the lock's ttl (or max-hold) of " + protocol::FormatDuration(span);
  }
  return margins;
}

void Guard::Told(Time deadline) {
  if (lost_) return;
  deadline_ = is_ending() ? std::min(deadline_, deadline) : deadline;
}

void Guard::Lost(Time now, bool deadline_kept) {
  lost_ = true;
  if (!deadline_kept) deadline_ = std::min(deadline_, now);
}

Guard::Action Guard::Judge(Time now) {
  const bool begins = !is_ending() && !MayStart(now);
  if (begins) ending_since_ = now;
  if (!is_ending() || killed_) return Action::kNone;
  if (now >= KillAt()) {
    killed_ = true;
    return Action::kKill;
  }
  return begins ? Action::kTerm : Action::kNone;
}

Guard::Time Guard::next() const {
  if (killed_) return kNever;
  return is_ending() ? KillAt() : deadline_ - margins_.term;
}

Guard::Time Guard::KillAt() const {
  return std::min(deadline_, *ending_since_ + margins_.term) - margins_.kill;
}

}  // namespace redlock::cli
