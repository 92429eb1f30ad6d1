#pragma once

#include <chrono>
#include <string>

#include "daemon/engine/types.h"

namespace redlockd::host {

// CLOCK_BOOTTIME now: goes on in suspend, never steps. No system call (vDSO). Any thread.
engine::Time Now();

// "2026-11-28T13:03:07": that time in UTC, without the letter that says so. Any thread.
std::string UtcText(std::chrono::sys_seconds time);
// "2026-11-28T13:03:07Z": the time of day now. Any thread.
std::string UtcNow();

}  // namespace redlockd::host
