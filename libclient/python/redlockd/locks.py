"""Locks for threads."""

from __future__ import annotations

import contextlib
import functools
import threading
from types import TracebackType
from typing import Any, Callable, Dict, Generator, List, Optional, Tuple, Type, TypeVar, cast

from . import _clock
from ._hold import RELEASED, HoldBase
from ._options import LockOptions, check_decorated, check_session, task_numbers, time_left, wait_of
from ._request import LockRequest, OneAtATime, ReleaseRequest
from ._wire import Name, Seconds, checked, nanoseconds
from .errors import ConnectionLost, Deadlock, LockBusy, LockLost, LockTimeout, NoAnswer, NotHeld, NoTurn
from .session import Session, default_session

F = TypeVar("F", bound=Callable[..., Any])


class Hold(HoldBase):
    """A lock that is held, or was; see `HoldBase`. Any thread may use it, and release it."""

    def __init__(self, session: Session, options: LockOptions[Hold], mine: List[Hold]) -> None:
        # They are called with this very object.
        super().__init__(options.key, options.margin, cast(Any, options.on_jeopardy), cast(Any, options.on_lost))
        self._session = session
        self._mine = mine  # where it stands until it is released, see `_Mine`
        self._change = threading.Condition()

    def release(self, sync: bool = False) -> None:
        """Releases the lock. Raises LockLost if the hold ended before, NotHeld if it was released before.

        Takes a fraction of a millisecond, or 2.5 s if the daemon hangs; that is no error: the lock then ends with its
        lease. With `sync` a majority of the nodes is free when it returns, or it raises; at most 12.5 s.
        """
        with contextlib.suppress(ValueError):
            self._mine.remove(self)
        loss = self._loss_by_clock()
        try:
            self._session._call(ReleaseRequest(self, sync))
        except (ConnectionLost, NoAnswer):
            if loss is not None:
                raise loss from None
            if sync:
                raise
        finally:
            self._notify()

    def check(self) -> float:
        """Asks the daemon whether the lock is held; returns the seconds left. Raises LockLost or NotHeld."""
        self.raise_if_lost()
        answer = self._session.request("check", self._key, **self._identity())
        return max(0, int(answer.fields["deadline"]) - self._session._offset - _clock.now()) / 1e9

    def wait_jeopardy(self, timeout: Optional[Seconds] = None) -> bool:
        """Sleeps until `jeopardy`, at most `timeout`; returns whether it is. A sleep for work that must stop."""
        seconds = None if timeout is None else nanoseconds(timeout, "timeout") / 1e9
        with self._change:
            self._change.wait_for(lambda: self.jeopardy or self._ended is not None, seconds)
        return self.jeopardy

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """Releases it. Raises LockLost if it ended inside; an error that is on its way already gets a note instead."""
        try:
            if self._ended != RELEASED:
                self.release()
        except LockLost as loss:
            if error is None:
                raise
            self._add_loss(error, loss)

    def _changed(self, is_lost: bool) -> None:
        self._notify()
        super()._changed(is_lost)

    def _notify(self) -> None:
        with self._change:
            self._change.notify_all()


class _ThisThread(threading.local):
    """What the daemon knows the thread by, to find those that wait for each other."""

    def __init__(self) -> None:
        self.number = next(task_numbers)


_this_thread = _ThisThread()


class _Mine(threading.local):
    """What the thread has taken by a lock. A thread's number would not do: the next thread may get the same."""

    def __init__(self) -> None:
        self.holds: List[Hold] = []  # those that are over, too, as long as `release` was not called
        self.entered: List[Hold] = []  # by `with`, the innermost last: each is ended by its own `with`

    def __reduce__(self) -> Tuple[Type[_Mine], Tuple[()]]:
        return _Mine, ()  # a copy of the lock is held by nobody


class Lock:
    """A lock of the given name, on all hosts.

        with Lock("nightly-report") as hold:
            ...

    `wait`: how long `with` and `acquire` wait; 0 not to wait, None without end. `ttl`: of the lease on the nodes.
    `max_hold`: the lock is lost that long after the grant. `min_hold`: nobody gets it sooner than that after the
    grant. `note`: a text for people, shown by `redlock show`. `margin`: how long before the deadline the hold is in
    jeopardy: by default a third of the ttl (or of `max_hold`, if that is shorter), but at most 5 s; more than half of
    that time is cut to the half. `connect_timeout`: how long a wait without end puts up with there being no daemon that
    answers, 0 for one attempt to connect, None without end; what the last attempt failed with is raised then, such as
    ConnectFailed. All times are seconds or `timedelta`s. `on_jeopardy` and `on_lost` are called with the hold in the
    session's thread.

    A Lock may be shared by threads. They stand in one line with all other threads and processes of the host, and are
    served in the order in which they asked. It is not reentrant: a thread that holds it and takes it again gets
    Deadlock. So does a thread that would wait for one that waits for it, perhaps by way of others: threads and
    processes of this host that take several locks in different orders. It releases what it holds, and begins again.
    """

    def __init__(self, name: Name, *, wait: Optional[Seconds] = None, ttl: Optional[Seconds] = None,
                 max_hold: Optional[Seconds] = None, min_hold: Optional[Seconds] = None,
                 note: Optional[Name] = None, session: Optional[Session] = None,
                 margin: Optional[Seconds] = None, connect_timeout: Optional[Seconds] = 5,
                 on_jeopardy: Optional[Callable[[Hold], object]] = None,
                 on_lost: Optional[Callable[[Hold], object]] = None) -> None:
        self._options: LockOptions[Hold] = LockOptions(name, wait, ttl, max_hold, min_hold, note, margin,
                                                       connect_timeout, on_jeopardy, on_lost)
        check_session(session, Session)
        self._session = session
        self._mine = _Mine()
        self._waits: Dict[LockRequest, Session] = {}

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def session(self) -> Session:
        return self._session or default_session()

    def acquire(self, blocking: bool = True, timeout: Optional[Seconds] = None) -> Optional[Hold]:
        """Takes the lock; returns None if another has it until the time is over. Raises RedlockError otherwise.

        `timeout` is used instead of the lock's `wait`. Returns at most half a second after the time is over, whatever
        state the daemon is in. Until then it connects again and again if there is no daemon, and asks again if there
        is no quorum.
        """
        try:
            return self._take(wait_of(blocking, timeout, self._options.wait))
        except (LockBusy, LockTimeout, NoTurn):
            return None

    def release(self, sync: bool = False) -> None:
        """Releases what this thread took. Another thread can use `Hold.release`. Raises as that does."""
        if not self._mine.holds:
            raise NotHeld("this thread has not taken it, or has released it", name=self.name)
        self._mine.holds[-1].release(sync)

    def cancel(self) -> None:
        """Ends the waits of all threads for this very object by LockCancelled. Any thread may call it.

        A thread that was granted the lock just then has it.
        """
        for request, session in list(self._waits.items()):
            session._cancel(request)

    def locked(self) -> bool:
        """Whether anybody holds it, on any host, or keeps it. Asks the nodes."""
        return self.session.request("show", self._options.key).fields.get("state") != "free"

    def __enter__(self) -> Hold:
        hold = self._take(self._options.wait)
        self._mine.entered.append(hold)
        return hold

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if not self._mine.entered:
            raise NotHeld("the `with` was entered by another thread: use acquire() and Hold.release()", name=self.name)
        self._mine.entered.pop().__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """As a decorator: each call of the function holds the lock. Raises TypeError for coroutines and generators."""
        check_decorated(function, "function")

        @functools.wraps(function)
        def locked(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)
        return cast(F, locked)

    def _take(self, wait: Optional[int]) -> Hold:
        mine = self._mine.holds
        if any(hold.valid for hold in mine):
            raise Deadlock("this thread holds it already", name=self.name)
        session = self.session
        hold = Hold(session, self._options, mine)
        request = self._options.request(hold, wait, self._task())
        self._waits[request] = session
        try:
            session._call(request)
        finally:
            del self._waits[request]
        mine[:] = [hold]
        return hold

    def _task(self) -> Optional[int]:
        """Who waits, and holds it then, to the daemon."""
        return _this_thread.number

    def __repr__(self) -> str:
        return f"<redlockd.Lock {self.name!r}>"


class UnownedLock(Lock):
    """Belongs to no thread: whoever has the hold may release it. So a thread may wait for what it holds itself."""

    def _task(self) -> Optional[int]:
        return None


@contextlib.contextmanager
def lock_all(*names: Name, wait: Optional[Seconds] = None, session: Optional[Session] = None,
             **options: Any) -> Generator[List[Hold], None, None]:
    """Takes several locks, all of them or none, within `wait`. The order of the names does not matter, and each is
    taken once.

    One request is for all of them, and none is held while another is waited for. Only if the daemon is too old for
    that, or there are more than 16 names or too long ones, they are taken one after the other in the order of their
    names' bytes, so that two who do the same do not wait for each other. Yields the holds in that order. `options` are
    those of Lock.
    """
    end = None if not wait else _clock.now() + nanoseconds(wait, "wait")
    own = sorted({checked(name, "name of a lock") for name in names})
    with contextlib.ExitStack() as stack:
        holds = _take_at_once([Lock(name, wait=wait, session=session, **options) for name in own])
        for hold in holds or []:
            stack.enter_context(hold)
        if holds is None:
            holds = []
            for name in own:
                left = wait if end is None else time_left(end)
                holds.append(stack.enter_context(Lock(name, wait=left, session=session, **options)))
        yield holds


def _take_at_once(locks: List[Lock]) -> Optional[List[Hold]]:
    """None if one request cannot be for all of them."""
    if len(locks) < 2:
        return None
    options, session = locks[0]._options, locks[0].session
    holds = [Hold(session, lock._options, []) for lock in locks]
    request = options.request_of_all(holds, options.wait, _this_thread.number)
    if not request.fits:
        return None
    try:
        session._call(request)
    except OneAtATime:
        return None
    return holds
