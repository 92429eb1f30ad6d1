"""Used like `redis.lock.Lock` of redis-py, for programs that have it.

    from redlockd.compat.redis_lock import Lock
    with Lock(None, "nightly", timeout=60, blocking_timeout=5): ...

`timeout` is how long the lock is held at most, as there. What redis-py cannot do by it, it does without: the daemon
renews the lock until then. `sleep` is taken and not used, since nobody polls. There is no `extend` and no `reacquire`:
a hold cannot be made longer than it was asked for, and until then it needs no help. Nor is there `local`, with the token
of a hold: a hold has a fence.

Two things to look at: a lock without `timeout` ends with its process, where redis-py leaves it in Redis for good; and
the errors are those of this module, which `except redis.exceptions.LockError` does not catch.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Optional, Type, Union

from .. import Hold, LockLost, NotHeld, RedlockError, Session
from ..locks import UnownedLock


_log = logging.getLogger("redlockd")


class LockError(RedlockError, ValueError):
    """As `redis.exceptions.LockError`: the lock cannot be taken, or is not taken."""


class LockNotOwnedError(LockError):
    """As `redis.exceptions.LockNotOwnedError`: the lock was lost."""


class Lock:
    """`redis` is not used. One that was acquired by a thread is released by it, unless `thread_local` is false. With
    `raise_on_release_error` false the end of a `with` logs that the lock was lost, and does not raise."""

    def __init__(self, redis: object, name: str, timeout: Optional[float] = None, sleep: float = 0.1,
                 blocking: bool = True, blocking_timeout: Optional[float] = None, thread_local: bool = True,
                 raise_on_release_error: bool = True, *, session: Optional[Session] = None) -> None:
        self.name = name
        self.blocking = blocking
        self.blocking_timeout = blocking_timeout
        self.raise_on_release_error = raise_on_release_error
        self._max_hold = timeout
        self._session = session
        self._mine: Union[_Local, _Shared] = _Local() if thread_local else _Shared()

    def acquire(self, sleep: Optional[float] = None, token: Optional[object] = None,
                blocking: Optional[bool] = None, blocking_timeout: Optional[float] = None) -> bool:
        """`token` is not used: the fence is in its place."""
        blocking = self.blocking if blocking is None else blocking
        timeout = self.blocking_timeout if blocking_timeout is None else blocking_timeout
        # A lock of its own: as there, one who asks again waits, in vain.
        hold = self._new_lock().acquire(blocking, timeout if blocking else None)
        if hold is not None:
            self._mine.hold = hold
        return hold is not None

    def release(self) -> None:
        hold = self._mine.hold
        if hold is None:
            raise LockError("Cannot release an unlocked lock", name=self.name)
        self._mine.hold = None
        try:
            hold.release()
        except (LockLost, NotHeld):
            raise LockNotOwnedError("Cannot release a lock that's no longer owned", name=self.name) from None

    def locked(self) -> bool:
        return self._new_lock().locked()

    def owned(self) -> bool:
        hold = self._mine.hold
        return hold is not None and hold.valid

    def _new_lock(self) -> UnownedLock:
        return UnownedLock(self.name, max_hold=self._max_hold, session=self._session)

    def __enter__(self) -> Lock:
        if not self.acquire():
            raise LockError("Unable to acquire lock within the time specified", name=self.name)
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        try:
            self.release()
        except LockError:
            if self.raise_on_release_error:
                raise
            _log.warning("lock %r was lost before the end of its with", self.name)


class _Shared:
    hold: Optional[Hold] = None


class _Local(threading.local):
    hold: Optional[Hold] = None
