"""Requests, from the caller's wish to its answer."""

from __future__ import annotations

import enum
from typing import Callable, Dict, List, Optional, Sequence

from ._hold import HoldBase
from ._timers import Timer
from ._wire import LONGEST_REQUEST, LONGEST_TAG, Line, duration, encode
from .errors import ProtocolError, RedlockError

ANSWER_TIME = 5 * 10**9  # ns; what is answered at once has this long


MOST_NAMES = 16  # of one request
LONGEST_WORDS = 128  # what `line_at` adds to a line


class OneAtATime(ProtocolError):
    """The daemon does not take several locks in one request."""


class Phase(enum.Enum):
    NEW = "not started"
    READY = "to be sent"
    SENT = "not answered yet"
    HELD = "granted, and not over"
    ENDED = "over"


class Request:
    """One request. `on_done` is called once, when `error`, `rows` and `fields` are set.

    `wait` is how long the caller waits, in ns, from `Core.start` on; None is without end. The caller may be answered
    (`done`) while the request still is on its way through the daemon.
    """

    def __init__(self, line: str, wait: Optional[int] = ANSWER_TIME) -> None:
        self.line = line
        self.wait = wait
        self.retries = False  # whether it is sent again while there is time
        self.connects_once = True  # whether one attempt to connect is all
        self.on_done: Callable[[], None] = lambda: None
        self.done = False
        self.error: Optional[RedlockError] = None
        self.rows: List[Line] = []
        self.fields: Dict[str, str] = {}
        # The rest is the core's.
        self.phase = Phase.NEW
        self.tag = ""
        self.until: Optional[int] = None
        self.timer: Optional[Timer] = None
        self.last_error: Optional[RedlockError] = None  # of the last attempt

    def finish(self, error: Optional[RedlockError] = None) -> None:
        if not self.done:
            self.done = True
            self.error = None if error is None else error.again()
            self.on_done()


class LockRequest(Request):
    """Takes a lock, or several at once, all or none, for an owner of its own: the tag of the attempt, which is set when it
    is sent. From the grant on, each lock is a hold by itself."""

    def __init__(self, holds: Sequence[HoldBase], options: str, wait: Optional[int], max_hold: Optional[int] = None,
                 task: Optional[int] = None, patience: Optional[int] = None) -> None:
        super().__init__(f"lock {' '.join(encode(hold._key) for hold in holds)}{options}", wait)
        self.retries = wait != 0
        self.connects_once = wait == 0 or (wait is None and patience == 0)
        self.holds = holds
        self.max_hold = max_hold
        self.task = task  # the number of the thread or task that waits; None if it is not known
        self.patience = patience  # ns that a wait without end puts up with there being no daemon; None is without end

    @property
    def hold(self) -> HoldBase:
        """The first."""
        return self.holds[0]

    @property
    def fits(self) -> bool:
        """Whether one request may be for so many names, of such a length."""
        return len(self.holds) <= MOST_NAMES and len(self.line) + LONGEST_WORDS + LONGEST_TAG <= LONGEST_REQUEST

    def line_at(self, now: int, caps: List[str]) -> str:
        """`caps` are those of the daemon."""
        words = [self.line, f"as={self.tag}"]
        if self.until is not None:
            words.append(f"wait={duration(max(0, self.until - now))}")
        if self.task is not None and "tasks" in caps:
            words.append(f"task={self.task}")
        if "renew" in caps:
            words.append("events=renew")
        return " ".join(words)


class ReleaseRequest(Request):
    """Releases a hold. With `sync` it is answered when a majority of the nodes is free of it."""

    def __init__(self, hold: HoldBase, sync: bool) -> None:
        super().__init__(unlock_line(hold) + " sync" * sync, (2 + 10 * sync) * 10**9)
        self.hold = hold


def unlock_line(hold: HoldBase) -> str:
    return f"unlock {encode(hold._key)} as={hold._owner} fence={hold.fence}"
