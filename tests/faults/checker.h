// Judges a story. Nothing is allowed for but what the README allows: within a schedule's limits no
// two hold a lock at a time before their deadlines, and fences only grow, whatever happened.
//
// Where a time counts (LOST by the deadline) the bound is generous, and a client or daemon that was
// stopped then is excused; so is `redlock run`, which has a tenth of a second to kill a command,
// when the machine stalled. Such excuses are counted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/faults/story.h"

namespace redlockd::test::faults {

struct Report {
  std::vector<Violation> violations;  // in order of time

  // What was seen, for the summary.
  std::map<std::string, std::size_t> grants;           // by daemon
  std::map<std::string, std::size_t> answers;          // by verb and answer
  std::map<std::string, std::size_t> faults;           // by kind
  std::vector<Duration> contended_waits, other_waits;  // of the locks that were granted; sorted
  std::size_t holds = 0, sections = 0;
  std::size_t writes = 0, rightful_writes = 0, refused_writes = 0;
  std::size_t unfenced_writes = 0;
  std::size_t lost_updates = 0;  // in the unfenced store, by clients past their deadlines
  std::size_t losses = 0,
              late_losses = 0;  // LOST read; read after the deadline, by one that was not stopped
  Duration latest_loss{};
  std::size_t excused = 0;
  std::size_t stalls = 0;
  Duration longest_stall{};
};

Report Check(const Story& story);

}  // namespace redlockd::test::faults
