#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "daemon/engine/counters.h"
#include "daemon/engine/types.h"

namespace redlockd::status {

// What the daemon did in the last minutes, in steps of a few seconds: a ring, so it takes the same
// memory however long the daemon runs.
class Timeline {
 public:
  static constexpr engine::Duration kStep = std::chrono::seconds(5);
  static constexpr std::size_t kSteps = 120;  // the most that are remembered

  // What is so at one moment.
  struct Now {
    engine::Counters counters;
    std::size_t sessions = 0;
    std::size_t nodes_up = 0;
  };
  struct Step {
    // That happened in it.
    std::uint64_t grants = 0;
    std::uint64_t refusals = 0;  // busy, timeout, no-turn and no-quorum
    std::uint64_t lost = 0;
    // The most that were seen in it, and the fewest nodes that voted.
    std::size_t holds = 0;
    std::size_t waits = 0;
    std::size_t sessions = 0;
    std::size_t nodes_up = 0;
  };

  // To be called about once a second; `time` never goes back. What happened while nobody called, as in
  // a suspend, leaves a gap.
  void Look(engine::Time time, const Now& now);

  // The oldest first; nothing where there is a gap. The newest ended at the last call at most kStep ago.
  const std::deque<std::optional<Step>>& steps() const { return steps_; }

 private:
  void Add(std::optional<Step> step);

  std::deque<std::optional<Step>> steps_;
  std::optional<engine::Time> began_;  // the step that is under way; nothing before the first call
  engine::Counters before_;            // as it began
  Step step_;
};

}  // namespace redlockd::status
