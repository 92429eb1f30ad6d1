#include "daemon/status/timeline.h"

#include <algorithm>

namespace redlockd::status {
namespace {

std::uint64_t Refusals(const engine::Counters& counters) {
  return counters.busy + counters.timeouts + counters.no_turn + counters.no_quorum;
}

void TakeExtremes(Timeline::Step& step, const Timeline::Now& now) {
  step.holds = std::max(step.holds, now.counters.holds);
  step.waits = std::max(step.waits, now.counters.waits);
  step.sessions = std::max(step.sessions, now.sessions);
  step.nodes_up = std::min(step.nodes_up, now.nodes_up);
}

Timeline::Step First(const Timeline::Now& now) {
  Timeline::Step step;
  step.nodes_up = now.nodes_up;
  TakeExtremes(step, now);
  return step;
}

}  // namespace

void Timeline::Look(engine::Time time, const Now& now) {
  if (began_ && time - *began_ < kStep) return TakeExtremes(step_, now);
  if (began_) {
    TakeExtremes(step_, now);
    step_.grants = now.counters.grants - before_.grants;
    step_.refusals = Refusals(now.counters) - Refusals(before_);
    step_.lost = now.counters.lost - before_.lost;
    Add(step_);
    // Who looks late by more than a step has not seen what was between.
    const auto missed = static_cast<std::size_t>((time - *began_) / kStep) - 1;
    for (std::size_t i = 0; i < std::min(missed, kSteps); ++i) Add(std::nullopt);
  }
  began_ = time;
  before_ = now.counters;
  step_ = First(now);
}

void Timeline::Add(std::optional<Step> step) {
  steps_.push_back(step);
  if (steps_.size() > kSteps) steps_.pop_front();
}

}  // namespace redlockd::status
