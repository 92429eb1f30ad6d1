"""Sessions and locks for asyncio. The names are those of the package itself, which are for threads."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import weakref
from types import TracebackType
from typing import Any, AsyncGenerator, Awaitable, Callable, List, Optional, Type, TypeVar, cast

from . import _clock
from ._aio_session import Session, default_session
from ._hold import RELEASED, HoldBase
from ._options import LockOptions, check_decorated, check_session, task_numbers, time_left, wait_of
from ._request import OneAtATime, ReleaseRequest
from ._wire import Name, Seconds, checked, nanoseconds
from .errors import ConnectionLost, Deadlock, LockBusy, LockLost, LockTimeout, NoAnswer, NotHeld, NoTurn

__all__ = ["Hold", "Lock", "Session", "default_session", "lock_all"]

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class Hold(HoldBase):
    """A lock that is held, or was; see `HoldBase`. Any task may use it, and release it."""

    def __init__(self, session: Session, options: LockOptions[Hold]) -> None:
        # They are called with this very object.
        super().__init__(options.key, options.margin, cast(Any, options.on_jeopardy), cast(Any, options.on_lost))
        self._session = session
        self._waiters: "List[asyncio.Future[None]]" = []
        self._guarded: "Optional[asyncio.Task[Any]]" = None  # what is cancelled with the hold
        self._cancel_on: Optional[str] = None
        self._has_cancelled = False

    async def release(self, sync: bool = False) -> None:
        """Releases the lock. Raises LockLost if the hold ended before, NotHeld if it was released before.

        Takes a fraction of a millisecond, or 2.5 s if the daemon hangs; that is no error: the lock then ends with its
        lease. With `sync` a majority of the nodes is free when it returns, or it raises; at most 12.5 s.
        """
        loss = self._loss_by_clock()
        try:
            await self._session._call(ReleaseRequest(self, sync))
        except (ConnectionLost, NoAnswer):
            if loss is not None:
                raise loss from None
            if sync:
                raise
        finally:
            self._wake_up()

    async def check(self) -> float:
        """Asks the daemon whether the lock is held; returns the seconds left. Raises LockLost or NotHeld."""
        self.raise_if_lost()
        answer = await self._session.request("check", self._key, **self._identity())
        return max(0, int(answer.fields["deadline"]) - self._session._offset - _clock.now()) / 1e9

    async def wait_jeopardy(self, timeout: Optional[Seconds] = None) -> bool:
        """Sleeps until `jeopardy`, at most `timeout`; returns whether it is."""
        end = None if timeout is None else _clock.now() + nanoseconds(timeout, "timeout")
        while not self.jeopardy and self._ended is None:
            left = None if end is None else (end - _clock.now()) / 1e9
            if left is not None and left <= 0:
                break
            waiter: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await asyncio.wait({waiter}, timeout=left)
            finally:
                self._waiters.remove(waiter)
        return self.jeopardy

    async def __aenter__(self) -> Hold:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        """Releases it. Raises LockLost if it ended inside; an error that is on its way already gets a note instead."""
        is_ours = self._unguard(error)
        try:
            if self._ended != RELEASED:
                await self.release()
        except LockLost as loss:
            if error is None or is_ours:
                raise loss from None
            self._add_loss(error, loss)
            return
        if is_ours:
            raise self._loss("jeopardy") from None

    def _changed(self, is_lost: bool) -> None:
        self._wake_up()
        self._cancel_if_due()
        super()._changed(is_lost)

    def _wake_up(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _guard(self, task: "asyncio.Task[Any]", cancel_on: Optional[str]) -> None:
        self._guarded = task
        self._cancel_on = cancel_on
        # Not now: a task that cancels itself hears of it at its next await, which may be after the `async with`.
        asyncio.get_running_loop().call_soon(self._cancel_if_due)

    def _cancel_if_due(self) -> None:
        is_due = self.lost if self._cancel_on == "lost" else self.jeopardy and self._cancel_on is not None
        if self._guarded is not None and is_due and not self._has_cancelled:
            self._has_cancelled = True
            self._guarded.cancel()

    def _unguard(self, error: Optional[BaseException]) -> bool:
        """Whether `error` is our cancellation of the task, and nobody else's."""
        task, self._guarded = self._guarded, None
        is_ours = self._has_cancelled
        if sys.version_info >= (3, 11):
            is_ours = is_ours and task is not None and task.uncancel() == 0
        return is_ours and isinstance(error, asyncio.CancelledError)


class Lock:
    """A lock of the given name, on all hosts, for tasks. The options are those of `redlockd.Lock`, and

    `cancel_on`: what cancels the body of an `async with`: "jeopardy" (in time to stop before the deadline), "lost", or
    None, the default. The `async with` then raises LockLost. The task is cancelled at its next await, so a body that
    computes for long must look at `hold.jeopardy` itself.

    A Lock may be shared by tasks; those of a session are served in the order in which they asked. It is not
    reentrant: a task that holds it and takes it again gets Deadlock, and so does one that would wait for one that waits
    for it, perhaps by way of others, tasks or processes of this host.
    """

    def __init__(self, name: Name, *, wait: Optional[Seconds] = None, ttl: Optional[Seconds] = None,
                 max_hold: Optional[Seconds] = None, min_hold: Optional[Seconds] = None,
                 note: Optional[Name] = None, session: Optional[Session] = None,
                 margin: Optional[Seconds] = None, connect_timeout: Optional[Seconds] = 5,
                 on_jeopardy: Optional[Callable[[Hold], object]] = None,
                 on_lost: Optional[Callable[[Hold], object]] = None, cancel_on: Optional[str] = None) -> None:
        if cancel_on not in (None, "jeopardy", "lost"):
            raise ValueError(f"cancel_on: expected 'jeopardy', 'lost' or None, found {cancel_on!r}")
        self._options: LockOptions[Hold] = LockOptions(name, wait, ttl, max_hold, min_hold, note, margin,
                                                       connect_timeout, on_jeopardy, on_lost)
        check_session(session, Session)
        self._cancel_on = cancel_on
        self._session = session
        self._holds: "weakref.WeakKeyDictionary[asyncio.Task[Any], Hold]" = weakref.WeakKeyDictionary()
        # By `async with`, the innermost last: each is ended by its own `async with`.
        self._entered: "weakref.WeakKeyDictionary[asyncio.Task[Any], List[Hold]]" = weakref.WeakKeyDictionary()

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def session(self) -> Session:
        return self._session or default_session()

    async def acquire(self, blocking: bool = True, timeout: Optional[Seconds] = None) -> Optional[Hold]:
        """Takes the lock; returns None if another has it until the time is over. See `redlockd.Lock.acquire`."""
        try:
            return await self._take(wait_of(blocking, timeout, self._options.wait))
        except (LockBusy, LockTimeout, NoTurn):
            return None

    async def release(self, sync: bool = False) -> None:
        """Releases what this task took. Another task can use `Hold.release`. Raises as that does."""
        hold = self._holds.pop(_task(), None)
        if hold is None:
            raise NotHeld("this task has not taken it, or has released it", name=self.name)
        await hold.release(sync)

    async def locked(self) -> bool:
        """Whether anybody holds it, on any host, or keeps it. Asks the nodes."""
        return (await self.session.request("show", self._options.key)).fields.get("state") != "free"

    async def __aenter__(self) -> Hold:
        hold = await self._take(self._options.wait)
        self._entered.setdefault(_task(), []).append(hold)
        hold._guard(_task(), self._cancel_on)
        return hold

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        if not self._entered.get(_task()):
            raise NotHeld("the `async with` was entered by another task: use acquire() and Hold.release()",
                          name=self.name)
        hold = self._entered[_task()].pop()
        if self._holds.get(_task()) is hold:
            del self._holds[_task()]
        await hold.__aexit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """As a decorator: each call of the coroutine function holds the lock. Raises TypeError for others."""
        check_decorated(function, "coroutine function")

        @functools.wraps(function)
        async def locked(*args: Any, **kwargs: Any) -> Any:
            async with self:
                return await function(*args, **kwargs)
        return cast(F, locked)

    async def _take(self, wait: Optional[int]) -> Hold:
        mine = self._holds.get(_task())
        if mine is not None and mine.valid:
            raise Deadlock("this task holds it already", name=self.name)
        session = self.session
        hold = Hold(session, self._options)
        await session._call(self._options.request(hold, wait, _number_of(_task())))
        self._holds[_task()] = hold
        return hold

    def __repr__(self) -> str:
        return f"<redlockd.aio.Lock {self.name!r}>"


# What the daemon knows the tasks by, to find those that wait for each other.
_numbers: "weakref.WeakKeyDictionary[asyncio.Task[Any], int]" = weakref.WeakKeyDictionary()


def _number_of(task: "asyncio.Task[Any]") -> int:
    return _numbers.setdefault(task, next(task_numbers))


def _task() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("expected to be called by a task")
    return task


@contextlib.asynccontextmanager
async def lock_all(*names: Name, wait: Optional[Seconds] = None, session: Optional[Session] = None,
                   **options: Any) -> AsyncGenerator[List[Hold], None]:
    """Takes several locks, all within `wait`; see `redlockd.lock_all`."""
    end = None if not wait else _clock.now() + nanoseconds(wait, "wait")
    own = sorted({checked(name, "name of a lock") for name in names})
    async with contextlib.AsyncExitStack() as stack:
        holds = await _take_at_once([Lock(name, wait=wait, session=session, **options) for name in own])
        for hold in holds or []:
            await stack.enter_async_context(hold)
        if holds is None:
            holds = []
            for name in own:
                left = wait if end is None else time_left(end)
                holds.append(await stack.enter_async_context(Lock(name, wait=left, session=session, **options)))
        yield holds


async def _take_at_once(locks: List[Lock]) -> Optional[List[Hold]]:
    """None if one request cannot be for all of them."""
    if len(locks) < 2:
        return None
    options, session = locks[0]._options, locks[0].session
    holds = [Hold(session, lock._options) for lock in locks]
    request = options.request_of_all(holds, options.wait, _number_of(_task()))
    if not request.fits:
        return None
    try:
        await session._call(request)
    except OneAtATime:
        return None
    for hold in holds:
        hold._guard(_task(), locks[0]._cancel_on)
    return holds
