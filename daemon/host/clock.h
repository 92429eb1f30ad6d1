#pragma once

#include "daemon/engine/types.h"

namespace redlockd::host {

// CLOCK_BOOTTIME now: goes on in suspend, never steps. No system call (vDSO). Any thread.
engine::Time Now();

}  // namespace redlockd::host
