"""What a holder can ask of its hold without asking the daemon."""

from __future__ import annotations

import sys
from typing import Callable, Dict, Optional

from . import _clock, _process
from ._page import Place
from ._timers import Timer
from ._wire import Name, checked, to_text
from .errors import LockLost

RELEASED = "released"


class HoldBase:
    """A lock that is held, or was.

    The session's thread (or event loop) writes; any thread may read. All properties answer at once, from what this
    process knows and from the clock, whatever state the daemon is in.
    """

    def __init__(self, name: Name, margin: Optional[int],
                 on_jeopardy: Optional[Callable[["HoldBase"], object]],
                 on_lost: Optional[Callable[["HoldBase"], object]]) -> None:
        self._key = checked(name, "name of a lock")
        self._margin = margin  # ns; what the caller wants (None: the default) until the grant, then what it is
        self._on_jeopardy = on_jeopardy
        self._on_lost = on_lost
        self._owner = ""  # the owner within the session that has taken it
        self._fence = 0
        self._deadline = 0  # as read from the socket
        self._place: Optional[Place] = None
        self._jeopardy = False
        self._ended: Optional[str] = None  # RELEASED, or why it was lost
        self._timer: Optional[Timer] = None
        self._pid = _process.pid()

    @property
    def name(self) -> str:
        """The lock's name. Bytes that are no UTF-8 are surrogates, as in `os.fsdecode`."""
        return to_text(self._key)

    @property
    def fence(self) -> int:
        """It is greater than the fence of each earlier holder, on all hosts. Send it with every write."""
        return self._fence

    @property
    def deadline(self) -> int:
        """Nobody else has the lock before it: ns of this process's CLOCK_BOOTTIME. It moves on with each renewal."""
        return self._newest() or self._deadline

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0.0 after it. It says nothing of a release or a loss."""
        return max(0, self.deadline - _clock.now()) / 1e9

    @property
    def valid(self) -> bool:
        """Whether the holder may still rely on the lock."""
        return self._ended is None and _clock.now() < self._newest() and self._pid == _process.pid()

    def _newest(self) -> int:
        """The deadline that the daemon goes by; 0 if it says that the hold is over."""
        return self._deadline if self._place is None else self._place.deadline()

    @property
    def lost(self) -> bool:
        """Whether the hold ended without being released."""
        return not self.valid and self._ended != RELEASED

    @property
    def jeopardy(self) -> bool:
        """Whether to stop: renewal is failing, less than the margin is left, or the lock is lost."""
        return self._jeopardy or self.lost

    @property
    def reason(self) -> Optional[str]:
        """Why the lock was lost, see `LockLost`; None while it is not."""
        if not self.lost:
            return None
        return "fork" if self._pid != _process.pid() else self._ended or "expired"

    def raise_if_lost(self) -> None:
        """Raises `LockLost` if the hold ended without being released."""
        reason = self.reason
        if reason is not None:
            raise self._loss(reason)

    def _loss_by_clock(self) -> Optional[LockLost]:
        """For a release: raises what is certain. By our clock alone a hold is not over for certain: the daemon may have
        renewed it, and that was not read yet. Then returns what is to be raised if the daemon does not answer."""
        reason = self.reason
        if reason is None:
            return None
        if self._ended is not None or self._pid != _process.pid():
            raise self._loss(reason)
        return self._loss(reason)

    def _loss(self, reason: str) -> LockLost:
        fields = {"reason": reason, "fence": str(self._fence)}
        if reason == "jeopardy":
            return LockLost("the body was cancelled, and the lock is released", name=self.name, code=reason,
                            fields=fields)
        return LockLost("the hold ended before it was released", name=self.name, fields=fields)

    def _add_loss(self, error: BaseException, loss: LockLost) -> None:
        """To an error of the body of a `with`, which is not replaced. Python has no notes before 3.11."""
        is_known = isinstance(error, LockLost) and error.name == self.name
        if sys.version_info >= (3, 11) and not is_known:
            error.add_note(str(loss))

    def _identity(self) -> Dict[str, object]:
        """The options that name this very hold to the daemon."""
        return {"as": self._owner, "fence": self._fence}

    def _changed(self, is_lost: bool) -> None:
        """Called by the session, for each jeopardy and for the loss, where the caller's functions may run."""
        callback = self._on_lost if is_lost else self._on_jeopardy
        if callback is not None:
            callback(self)

    def __repr__(self) -> str:
        state = "valid" if self.valid else self.reason or RELEASED
        return f"<{type(self).__name__} {self.name!r} fence={self._fence} {state}>"

    def __reduce__(self) -> str:
        raise TypeError("a hold belongs to the process that took it: it cannot be copied or pickled")
