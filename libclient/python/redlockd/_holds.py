"""The holds of a session: their deadlines, their events and their ends."""

from __future__ import annotations

import functools
from typing import Callable, Dict, List, Optional

from ._hold import HoldBase
from ._request import LockRequest, Phase
from ._timers import Timers
from ._wire import Line


class Holds:
    """By their owners. `notices` is for the caller's own functions, and `give_back` sends the unlock of a hold."""

    def __init__(self, timers: Timers, notices: List[Callable[[], object]],
                 give_back: Callable[[HoldBase], None]) -> None:
        self._timers = timers
        self._notices = notices
        self._give_back = give_back
        self._held: Dict[str, LockRequest] = {}

    def __len__(self) -> int:
        return len(self._held)

    def has(self, hold: HoldBase) -> bool:
        request = self._held.get(hold._owner)
        return request is not None and request.hold is hold

    def of_event(self, line: Line) -> Optional[LockRequest]:
        """None if that hold is over."""
        return self._held.get(line.fields.get("as", ""))

    def enter(self, request: LockRequest, ttl: int, now: int) -> None:
        """Of a grant, with the ttl that it came with."""
        hold = request.hold
        if hold._margin is None:
            hold._margin = min(ttl, request.max_hold or ttl) // 3
        request.phase = Phase.HELD
        self._held[hold._owner] = request
        self._watch(request, now)

    def take(self, request: LockRequest, line: Line, offset: int, now: int) -> None:
        """An event of the hold. `offset` is what to take from the daemon's times, for ours."""
        hold, kind = request.hold, line.words[0]
        if kind in ("LOST", "BROKEN"):
            self._lose(hold, "broken" if kind == "BROKEN" else line.fields.get("reason", "expired"))
            return
        if line.fields.get("deadline", "").isdigit():
            hold._deadline = int(line.fields["deadline"]) - offset
        if kind == "JEOPARDY":
            self._endanger(hold)
        elif kind in ("SAFE", "RENEWED"):
            hold._jeopardy = False
        self._watch(request, now)

    def end(self, hold: HoldBase, how: str) -> None:
        """It was released, or why it was lost."""
        request = self._held.pop(hold._owner)
        request.phase = Phase.ENDED
        hold._ended = how
        self._timers.cancel(request.hold_timer)

    def lost_before(self, hold: HoldBase, reason: str) -> None:
        """What its release was answered. The event of the loss crossed the release, and is not heard any more."""
        hold._ended = reason
        self._notices.append(functools.partial(hold._changed, True))

    def lose_all(self, reason: str) -> None:
        for request in list(self._held.values()):
            self._lose(request.hold, reason)

    def forget(self) -> None:
        """In a child process: nothing is held here."""
        for request in list(self._held.values()):
            request.hold._ended = "fork"

    def _watch(self, request: LockRequest, now: int) -> None:
        """Our own timer: of a daemon that hangs nothing else is heard."""
        hold = request.hold
        self._timers.cancel(request.hold_timer)
        warn_at = hold.deadline - (hold._margin or 0)
        if not hold._jeopardy and warn_at <= now:
            self._endanger(hold)
        when = hold.deadline if hold._jeopardy else warn_at
        request.hold_timer = self._timers.at(when, functools.partial(self._is_due, request))

    def _is_due(self, request: LockRequest, now: int) -> None:
        if now < request.hold.deadline:
            self._watch(request, now)
            return
        # If the daemon goes on, it may still count us as the holder, and nobody else would get the lock.
        self._give_back(request.hold)
        self._lose(request.hold, "expired")

    def _endanger(self, hold: HoldBase) -> None:
        if not hold._jeopardy:
            hold._jeopardy = True
            self._notices.append(functools.partial(hold._changed, False))

    def _lose(self, hold: HoldBase, reason: str) -> None:
        self.end(hold, reason)
        self._notices.append(functools.partial(hold._changed, True))
