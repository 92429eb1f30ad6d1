// A run as a picture: time from left to right; a row for each contended lock with its holders, and
// rows for the faults of nodes, daemons, clients and links.
#pragma once

#include <string>

#include "tests/faults/schedule.h"
#include "tests/faults/story.h"

namespace redlockd::test::faults {

// `verdict` stands under the title.
std::string MakeSvg(const Plan& plan, const Story& story, const std::string& verdict);

}  // namespace redlockd::test::faults
