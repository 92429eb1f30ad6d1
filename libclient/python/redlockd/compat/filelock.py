"""Used like `filelock.FileLock`, for programs that have it: reentrant, counted, and each thread by itself.

    from redlockd.compat.filelock import FileLock, Timeout
    with FileLock("/var/lib/app/data.lock", timeout=5): ...

The path is only a name here: no file is made, and the lock excludes all hosts. `poll_interval` is taken and not used.
`release(force=True)` releases all levels, as there. There are no `mode`, `thread_local=False` and `is_singleton`.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Optional, Type, Union

from .. import Hold, Session
from ..locks import UnownedLock


class Timeout(TimeoutError):
    """As `filelock.Timeout`: another has the lock. `lock_file` is its name."""

    def __init__(self, lock_file: str) -> None:
        super().__init__(f"The file lock '{lock_file}' could not be acquired.")
        self.lock_file = lock_file


class FileLock:
    """`timeout`: seconds to wait, negative without end."""

    def __init__(self, lock_file: "Union[str, os.PathLike[str]]", timeout: float = -1, *, blocking: bool = True,
                 session: Optional[Session] = None) -> None:
        self.lock_file = os.fspath(lock_file)
        self.timeout = timeout
        self.blocking = blocking
        # Another object of that name in this thread waits for its time, as there.
        self._lock = UnownedLock(self.lock_file, session=session)
        self._mine = _Mine()

    @property
    def is_locked(self) -> bool:
        """Whether this thread holds it by this object."""
        return self._mine.hold is not None and self._mine.hold.valid

    @property
    def lock_counter(self) -> int:
        return self._mine.count

    def acquire(self, timeout: Optional[float] = None, poll_interval: float = 0.05, *,
                blocking: Optional[bool] = None) -> _Acquired:
        """Raises Timeout; or redlockd.LockLost if this thread has it already, by this object, and has lost it: it is to
        release it then, and to begin again. The result is for `with`, which releases what was acquired."""
        timeout = self.timeout if timeout is None else timeout
        blocking = self.blocking if blocking is None else blocking
        mine = self._mine
        if mine.hold is not None and mine.hold.reason == "fork":
            mine.hold, mine.count = None, 0  # what a parent had taken is not held here
        if mine.hold is None:
            is_endless = isinstance(timeout, (int, float)) and timeout < 0
            mine.hold = self._lock.acquire(blocking, None if is_endless or not blocking else timeout)
        else:
            # Another hold would hide from the outer block that its own is over.
            mine.hold.raise_if_lost()
        if mine.hold is None:
            raise Timeout(self.lock_file)
        mine.count += 1
        return _Acquired(self)

    def release(self, force: bool = False) -> None:
        """Raises redlockd.LockLost if the lock was lost before, which a file lock cannot be."""
        self._mine.count = 0 if force else max(0, self._mine.count - 1)
        if self._mine.hold is not None and self._mine.count == 0:
            hold, self._mine.hold = self._mine.hold, None
            hold.release()

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.release()


class _Mine(threading.local):
    """What the thread has of a lock."""

    hold: Optional[Hold] = None
    count = 0


class _Acquired:
    def __init__(self, lock: FileLock) -> None:
        self.lock = lock

    def __enter__(self) -> FileLock:
        return self.lock

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.lock.release()
