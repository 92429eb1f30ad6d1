"""The holds of a session: their deadlines, their events and their ends."""

from __future__ import annotations

import functools
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ._hold import HoldBase
from ._request import LockRequest, Phase
from ._timers import Timers
from ._wire import Line


LONGEST_MARGIN = 5 * 10**9  # ns; the default: nobody needs longer to stop in, however long the ttl is


def margin_for(wanted: Optional[int], span: int) -> int:
    """How long before its deadline a hold is in jeopardy. `span` is the ttl, or the max-hold if that is shorter.

    More than half of it is cut to the half. With a margin near the ttl each hold would be in jeopardy from its grant
    on, since the daemon renews it when a third of the ttl has passed.
    """
    return min(span // 3, LONGEST_MARGIN) if wanted is None else min(wanted, span // 2)


class Held(NamedTuple):
    request: LockRequest
    hold: HoldBase


class Holds:
    """By their owners and names. `notices` is for the caller's own functions, and `give_back` sends the unlock of a
    hold."""

    def __init__(self, timers: Timers, notices: List[Callable[[], object]],
                 give_back: Callable[[HoldBase], None]) -> None:
        self._timers = timers
        self._notices = notices
        self._give_back = give_back
        self._held: Dict[Tuple[str, str], Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def has(self, hold: HoldBase) -> bool:
        held = self._held.get((hold._owner, hold.name))
        return held is not None and held.hold is hold

    def of_event(self, line: Line) -> Optional[HoldBase]:
        """None if that hold is over."""
        held = self._held.get((line.fields.get("as", ""), line.fields.get("lock", "")))
        return None if held is None else held.hold

    def enter(self, request: LockRequest, ttls: Sequence[int], now: int) -> None:
        """Of a grant, with the ttls that it came with."""
        request.phase = Phase.HELD
        for hold, ttl in zip(request.holds, ttls):
            hold._margin = margin_for(hold._margin, min(ttl, request.max_hold or ttl))
            self._held[hold._owner, hold.name] = Held(request, hold)
            self._watch(hold, now)

    def take(self, hold: HoldBase, line: Line, offset: int, now: int) -> None:
        """An event of the hold. `offset` is what to take from the daemon's times, for ours."""
        kind = line.words[0]
        if kind in ("LOST", "BROKEN"):
            self._lose(hold, "broken" if kind == "BROKEN" else line.fields.get("reason", "expired"))
            return
        if line.fields.get("deadline", "").isdigit():
            hold._deadline = int(line.fields["deadline"]) - offset
        if kind == "JEOPARDY":
            self._endanger(hold)
        elif kind in ("SAFE", "RENEWED"):
            hold._jeopardy = False
        self._watch(hold, now)

    def end(self, hold: HoldBase, how: str) -> None:
        """It was released, or why it was lost."""
        request = self._held.pop((hold._owner, hold.name)).request
        if not any(self.has(each) for each in request.holds):
            request.phase = Phase.ENDED
        hold._ended = how
        self._timers.cancel(hold._timer)

    def lost_before(self, hold: HoldBase, reason: str) -> None:
        """What its release was answered. The event of the loss crossed the release, and is not heard any more."""
        hold._ended = reason
        self._notices.append(functools.partial(hold._changed, True))

    def lose_all(self, reason: str) -> None:
        for held in list(self._held.values()):
            self._lose(held.hold, reason)

    def forget(self) -> None:
        """In a child process: nothing is held here."""
        for held in list(self._held.values()):
            held.hold._ended = "fork"

    def _watch(self, hold: HoldBase, now: int) -> None:
        """Our own timer: of a daemon that hangs nothing else is heard."""
        self._timers.cancel(hold._timer)
        warn_at = hold.deadline - (hold._margin or 0)
        if not hold._jeopardy and warn_at <= now:
            self._endanger(hold)
        when = hold.deadline if hold._jeopardy else warn_at
        hold._timer = self._timers.at(when, functools.partial(self._is_due, hold))

    def _is_due(self, hold: HoldBase, now: int) -> None:
        if now < hold.deadline:
            self._watch(hold, now)
            return
        # If the daemon goes on, it may still count us as the holder, and nobody else would get the lock.
        self._give_back(hold)
        self._lose(hold, "expired")

    def _endanger(self, hold: HoldBase) -> None:
        if not hold._jeopardy:
            hold._jeopardy = True
            self._notices.append(functools.partial(hold._changed, False))

    def _lose(self, hold: HoldBase, reason: str) -> None:
        self.end(hold, reason)
        self._notices.append(functools.partial(hold._changed, True))
