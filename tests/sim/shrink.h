#pragma once

#include <functional>

#include "tests/sim/scenario.h"

namespace redlockd::sim {

// Takes away from a scenario what is not needed for it to go wrong: faults, clients, time. `fails`
// says whether what is left still does; it is asked at most `most` times.
Scenario Shrink(Scenario scenario, const std::function<bool(const Scenario&)>& fails,
                std::size_t most = 300);

}  // namespace redlockd::sim
