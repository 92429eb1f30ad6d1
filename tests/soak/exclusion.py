"""Checks that no two clients held a lock at a time, and that its fences grew from hold to hold."""

import bisect

KEPT = 10_000  # holds of each lock; nobody can report one after so many later ones
SHOWN = 20     # violations; the rest are counted


class Exclusion:
    def __init__(self):
        self._holds = {}  # by name: (fence, begin, end), in the order of the fences
        self._dropped = set()  # names of which KEPT were not enough
        self.holds = 0
        self.violations = 0
        self.shown = []

    def add(self, name, fence, begin, end):
        """A hold that is over. Times are those of one clock: `begin` when its client read that it
        had the lock, `end` before the client let go. Holds may come to be known in any order."""
        self.holds += 1
        holds = self._holds.setdefault(name, [])
        hold = (fence, begin, end)
        place = bisect.bisect_left(holds, hold)
        if place == 0 and name in self._dropped:
            self._violation(name, hold, "has a fence below those of all that are remembered")
        for other in holds[max(place - 1, 0):place + 1]:
            earlier, later = sorted((other, hold))
            if earlier[0] == later[0]:
                self._violation(name, hold, f"has the fence of another hold, {_shown(other)}")
            elif later[1] < earlier[2]:
                self._violation(name, later, "began before an earlier fence's end, "
                                + _shown(earlier))
        holds.insert(place, hold)
        if len(holds) > KEPT:
            del holds[0]
            self._dropped.add(name)

    def _violation(self, name, hold, what):
        self.violations += 1
        if len(self.shown) < SHOWN:
            self.shown.append(f"{name}: the hold {_shown(hold)} {what}")


def _shown(hold):
    return f"(fence {hold[0]}, {hold[1]} to {hold[2]} ns)"
