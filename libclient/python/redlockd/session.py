"""The session of a process with threads: one connection, used by all of them."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import weakref
from collections import deque
from types import TracebackType
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Tuple, Type, TypeVar

from . import _clock
from ._core import Event
from ._link import Link, deliver, logger
from ._options import check_callback, check_path, request_line
from ._request import Request
from ._wire import Name
from .errors import ConnectionLost

R = TypeVar("R", bound=Request)


class Row(NamedTuple):
    fields: Dict[str, str]
    text: str


class Answer(NamedTuple):
    """`fields` of the `OK`, and the rows before it."""

    fields: Dict[str, str]
    rows: List[Row]


def answer_of(request: Request) -> Answer:
    return Answer(request.fields, [Row(line.fields, line.text) for line in request.rows])


class Session:
    """One connection to the daemon for any number of threads and locks.

    `path` is the daemon's socket; without it $REDLOCK_SOCKET is used, or else /run/redlockd/redlockd.sock. The first
    request connects, and so does the next one after the daemon has gone. A thread of the session's own reads all the
    time; it is started by the first request and ends with `close`. `on_event` is called there with each event of the
    daemon about this session's holds; like all callbacks it must return soon, and must not call the session.

    After `fork` the child has a session without a connection and without holds, which connects by itself when it is
    used.
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
        self._link = Link(self._path, self._on_event)
        self._commands: Deque[Callable[[], None]] = deque()
        self._guard = threading.Lock()  # of what follows
        self._thread: Optional[threading.Thread] = None
        self._wake: Optional[Tuple[int, int]] = None  # a pipe

    # --- for all threads ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connects now, by one attempt, if there is no connection yet. Takes at most 5.5 s.

        Not needed, but a service may want to know when it starts whether there is a daemon.
        """
        self._call(Request(""))

    def request(self, verb: str, *arguments: Name, **options: object) -> Answer:
        """Asks the daemon by a line of the protocol, e.g. `request("show", "jobs")`. Takes at most 5.5 s.

        An underscore in an option stands for a hyphen. Raises ValueError for what cannot be sent, or RedlockError.
        """
        return answer_of(self._call(Request(request_line(verb, arguments, options))))

    def close(self) -> None:
        """Releases all locks at once, ends all waits with ConnectionLost, and ends the thread. For good."""
        with self._guard:
            self._closed = True
            thread = self._thread
            self._wake_up()
        if thread is not None and thread is not threading.current_thread() and self._pid == os.getpid():
            thread.join()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("a session belongs to its process: it cannot be copied or pickled")

    # --- for this package -----------------------------------------------------------------------------

    def _call(self, request: R) -> R:
        """Returns when the request is answered, which its own time sees to. Raises its error.

        If this thread is interrupted the request is given up, and so is a lock that was granted just then.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback of a session must not call the session: its thread would wait for itself")
        answered = threading.Event()
        request.on_done = answered.set
        core = self._link.core
        try:
            self._post(lambda: core.start(request, _clock.now()))
            answered.wait()
        except BaseException:
            if self._thread is not None:  # else nothing was posted
                self._try_to_post(lambda: core.abandon(request, _clock.now()))
            raise
        if request.error is not None:
            raise request.error
        return request

    def _cancel(self, request: Request) -> None:
        """Ends the `_call` of another thread, unless it is answered already."""
        core = self._link.core
        self._try_to_post(lambda: core.cancel(request))

    def _try_to_post(self, command: Callable[[], None]) -> None:
        with contextlib.suppress(ConnectionLost):  # then all its requests are over
            self._post(command)

    def _post(self, command: Callable[[], None]) -> None:
        if self._pid != os.getpid():
            self._forked()
        with self._guard:
            if self._closed:
                raise ConnectionLost("the session was closed")
            if self._thread is None:
                self._start_thread()
            self._commands.append(command)
            self._wake_up()

    def _start_thread(self) -> None:
        """Raises OSError or RuntimeError if there is no descriptor or no thread left; the next request tries again."""
        wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        thread = threading.Thread(target=self._run, args=(wake,), name="redlockd", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            _close(wake)
            raise
        self._thread, self._wake = thread, wake

    def _wake_up(self) -> None:
        try:
            if self._wake is not None:
                os.write(self._wake[1], b".")
        except BlockingIOError:
            pass  # it is about to wake up

    @property
    def _offset(self) -> int:
        return self._link.core.offset

    def _forked(self) -> None:
        """In a child: closes the copies, so that the parent's locks do not outlive it."""
        self._link.core.holds.forget()
        self._link.close_socket()
        _close(self._wake)
        self._begin()

    # --- the session's thread -------------------------------------------------------------------------

    def _run(self, wake: Tuple[int, int]) -> None:
        with self._guard:
            if self._thread is not threading.current_thread():
                _close(wake)  # a signal interrupted `_start_thread`, and nobody knows of this thread
                return
        link = self._link
        try:
            while not self._closed or self._commands:
                while self._commands:
                    self._commands.popleft()()
                link.turn()
                for notice in link.take_notices():
                    deliver(notice)
                if not self._commands and not self._closed:
                    self._wait(wake[0])
        except Exception:
            logger.exception("the session's thread failed: this is a bug of redlockd's client")
        finally:
            with self._guard:
                self._closed = True  # from here on nothing comes in
            while self._commands:
                with contextlib.suppress(Exception):
                    self._commands.popleft()()
            link.close()
            for notice in link.take_notices():
                deliver(notice)
            with self._guard:
                _close(self._wake)
                self._wake = None

    def _wait(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._link.socket is not None:
            interest = select.POLLIN | (select.POLLOUT if self._link.core.outgoing else 0)
            poll.register(self._link.socket, interest)
        due = self._link.core.timers.next()
        # Rounded up: a timer that is not due yet would be waited for without a pause.
        poll.poll(None if due is None else max(0, (due - _clock.now()) // 10**6 + 1))
        try:
            os.read(wake, 4096)
        except BlockingIOError:
            pass


def _close(pipe: Optional[Tuple[int, int]]) -> None:
    for end in pipe or ():
        os.close(end)


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
_default: Optional[Session] = None
_default_guard = threading.Lock()


def default_session() -> Session:
    """The session of the locks that were made without one."""
    global _default
    with _default_guard:
        if _default is None or _default._closed:
            _default = Session()
        return _default


def _after_fork_in_child() -> None:
    global _default_guard
    _default_guard = threading.Lock()  # a thread of the parent may have had it
    for session in list(_sessions):
        session._forked()


os.register_at_fork(after_in_child=_after_fork_in_child)
