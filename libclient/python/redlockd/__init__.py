"""Distributed locks by redlockd. The names here are for threads; `redlockd.aio` has the same for asyncio."""

from __future__ import annotations

from ._core import Event
from .errors import (BadRequest, ConnectFailed, ConnectionLost, Deadlock, Denied, Draining, LimitReached, LockBusy,
                     LockCancelled, LockLost, LockTimeout, NoAnswer, NoQuorum, NoTurn, NotHeld, ProtocolError,
                     RedlockError)
from .locks import Hold, Lock, lock_all
from .queries import list as list  # not in __all__: an import of all names must not hide Python's own
from .queries import nodes, show, stats
from .session import Answer, Row, Session, default_session

__all__ = [
    "Answer", "BadRequest", "ConnectFailed", "ConnectionLost", "Deadlock", "Denied", "Draining", "Event", "Hold",
    "LimitReached", "Lock", "LockBusy", "LockCancelled", "LockLost", "LockTimeout", "NoAnswer", "NoQuorum", "NoTurn",
    "NotHeld", "ProtocolError", "RedlockError", "Row", "Session", "default_session", "lock_all", "nodes", "show", "stats",
]
