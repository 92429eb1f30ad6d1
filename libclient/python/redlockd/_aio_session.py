"""The session for asyncio: one connection, used by all tasks of a loop."""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from types import TracebackType
from typing import Callable, Optional, Type, TypeVar

from . import _clock
from ._core import Event
from ._link import Link, deliver, logger
from ._options import check_callback, check_path, request_line
from ._request import Request
from ._wire import Name
from .errors import ConnectionLost
from .session import Answer, answer_of

R = TypeVar("R", bound=Request)


class Session:
    """One connection to the daemon for any number of tasks of one event loop. See `redlockd.Session`.

    Callbacks are called by the loop, after the tasks whose answers came before have gone on.
    """

    def __init__(self, path: Optional[str] = None, *, on_event: Optional[Callable[[Event], object]] = None) -> None:
        check_path(path)
        check_callback(on_event, "on_event")
        self._path = path
        self._on_event = on_event
        self._closed = False
        self._begin()
        _sessions.add(self)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._loop: "Optional[weakref.ref[asyncio.AbstractEventLoop]]" = None
        self._link = Link(self._path, self._on_event)
        self._link.before_close = self._unwatch
        self._watched: Optional[socket.socket] = None
        self._is_writing = False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._due: Optional[int] = None
        self._turn_is_due = False

    async def connect(self) -> None:
        """Connects now, by one attempt, if there is no connection yet. Takes at most 5.5 s."""
        await self._call(Request(""))

    async def request(self, verb: str, *arguments: Name, **options: object) -> Answer:
        """Asks the daemon by a line of the protocol, e.g. `await request("show", "jobs")`."""
        return answer_of(await self._call(Request(request_line(verb, arguments, options))))

    async def close(self) -> None:
        """Releases all locks at once, and ends all waits with ConnectionLost. For good."""
        if not self._closed and self._pid == os.getpid():
            self._end(asyncio.get_running_loop())

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    def __del__(self) -> None:
        if hasattr(self, "_link"):
            self._link.close_socket()

    def __reduce__(self) -> str:
        raise TypeError("a session belongs to its process: it cannot be copied or pickled")

    # --- for this package -----------------------------------------------------------------------------

    async def _call(self, request: R) -> R:
        """Returns when the request is answered, which its own time sees to. Raises its error.

        If the task is cancelled the request is given up, and so is a lock that was granted just then.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConnectionLost("the session was closed")
        self._bind(loop)
        answered: "asyncio.Future[None]" = loop.create_future()
        request.on_done = lambda: None if answered.done() else answered.set_result(None)
        self._link.core.start(request, _clock.now())
        self._turn_soon(loop)
        try:
            await answered
        except BaseException:
            self._link.core.abandon(request, _clock.now())
            self._turn_soon(loop)
            raise
        if request.error is not None:
            raise request.error
        return request

    @property
    def _offset(self) -> int:
        return self._link.core.offset

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins anew in another process, and in the loop after one that was closed."""
        if self._pid != os.getpid():
            self._forked()
        bound = None if self._loop is None else self._loop()
        if bound is not None and bound is not loop:
            if not bound.is_closed():
                raise RuntimeError("the session belongs to another event loop, which is not closed")
            self._link.close()
            self._begin()
        if self._loop is None:
            self._loop = weakref.ref(loop)

    def _turn_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """One turn for all that the tasks of this turn of the loop ask for."""
        if not self._turn_is_due:
            self._turn_is_due = True
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        try:
            self._link.turn()
            self._after_turn(loop)
        except Exception:
            logger.exception("the session failed: this is a bug of redlockd's client")
            self._end(loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """For good. All requests are answered."""
        self._closed = True
        if self._link.socket is not None:
            self._unwatch(self._link.socket)
        self._link.close()
        self._after_turn(loop)

    def _after_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sees to it that what comes next is noticed."""
        for notice in self._link.take_notices():
            loop.call_soon(deliver, notice)
        link = self._link.socket
        if link is not None and self._watched is None:
            loop.add_reader(link, self._turn)
            self._watched = link
        if link is not None and bool(self._link.core.outgoing) is not self._is_writing:
            self._is_writing = not self._is_writing
            if self._is_writing:
                loop.add_writer(link, self._turn)
            else:
                loop.remove_writer(link)
        due = self._link.core.timers.next()
        if due != self._due or (self._timer is not None and self._timer.when() <= loop.time()):
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = None if due is None else loop.call_later(max(0, due - _clock.now()) / 1e9, self._turn)

    def _unwatch(self, link: socket.socket) -> None:
        """While it is open: its number may be another's at once."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(link)
        loop.remove_writer(link)
        self._watched = None
        self._is_writing = False

    def _forked(self) -> None:
        """In a child: closes the copy, so that the parent's locks do not outlive it. The loop is the parent's."""
        self._link.core.holds.forget()
        self._link.close_socket()
        self._begin()


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
_defaults: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Session]" = weakref.WeakKeyDictionary()


def default_session() -> Session:
    """The session of the running loop, for the locks that were made without one."""
    loop = asyncio.get_running_loop()
    session = _defaults.get(loop)
    if session is None or session._closed:
        session = _defaults[loop] = Session()
    return session


def _after_fork_in_child() -> None:
    for session in list(_sessions):
        session._forked()


os.register_at_fork(after_in_child=_after_fork_in_child)
