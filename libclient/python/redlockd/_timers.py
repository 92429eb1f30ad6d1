"""Things to do at a time. No clock of its own: times are ns of whatever clock the caller uses."""

from __future__ import annotations

import heapq
from typing import Callable, List, Optional, Tuple


class Timer:
    """`action` is called with the time, once, unless the timer is cancelled before."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[int], None]) -> None:
        self.action: Optional[Callable[[int], None]] = action


class Timers:
    def __init__(self) -> None:
        self._heap: List[Tuple[int, int, Timer]] = []
        self._count = 0  # keeps the order of equal times, and timers from being compared
        self._cancelled = 0

    def at(self, when: int, action: Callable[[int], None]) -> Timer:
        timer = Timer(action)
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, timer))
        return timer

    def cancel(self, timer: Optional[Timer]) -> None:
        """None, and a timer that has run or is cancelled already, are fine."""
        if timer is None or timer.action is None:
            return
        timer.action = None
        self._cancelled += 1
        # Most timers are cancelled long before their time, and must not pile up until then.
        if self._cancelled > 64 and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next(self) -> Optional[int]:
        """When something is to be done next; None if nothing is."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def run(self, now: int) -> None:
        while True:
            due = self.next()
            if due is None or due > now:
                return
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action(now)
