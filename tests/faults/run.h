// One run: the servers and the clients are started, the schedule happens to them, everything is
// healed, the clients go on for a while, end, and what they leave behind is looked at.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/schedule.h"

namespace redlockd::test::faults {

// Writes the history and the daemons' logs to the directory, which it makes; says now and then on
// standard output how far it is. `program`: this program, for the clients.
std::vector<Event> Run(const Plan& plan, const std::string& program, const std::string& directory);

}  // namespace redlockd::test::faults
