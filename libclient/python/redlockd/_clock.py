"""The clock of deadlines."""

from __future__ import annotations

import time

# CLOCK_BOOTTIME is the daemon's clock. The other one is right too, only not while the machine sleeps: whatever the
# clock, the greeting says how far it is from the daemon's.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> int:
    """In ns."""
    return time.clock_gettime_ns(_CLOCK)
