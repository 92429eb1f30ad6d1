// The report of a run as a table for people, and its last line.
#pragma once

#include <string>

#include "tests/faults/checker.h"
#include "tests/faults/schedule.h"

namespace redlockd::test::faults {

std::string Summary(const Plan& plan, const Report& report);
// "verdict: PASS seed=7 ...", "verdict: FAIL seed=7 ...".
std::string Verdict(const Plan& plan, const Report& report);

}  // namespace redlockd::test::faults
