"""The core and its socket. What is common to the session of threads and that of asyncio."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import sys
from typing import Callable, List, Optional, Tuple

from . import _clock
from ._core import Core, Event
from ._page import Page
from .errors import ConnectFailed

logger = logging.getLogger("redlockd")

_ROOM_FOR_A_DESCRIPTOR = socket.CMSG_SPACE(4)

DEFAULT_SOCKET = "/run/redlockd/redlockd.sock"


class Link:
    """Belongs to one thread, or to one event loop. Nothing here blocks."""

    def __init__(self, path: Optional[str], on_event: Optional[Callable[[Event], object]]) -> None:
        self.path = path
        self.core = Core(on_event)
        self.socket: Optional[socket.socket] = None
        self.before_close: Callable[[socket.socket], object] = lambda link: None

    def turn(self) -> None:
        """Reads what has come, does what is due, connects, writes."""
        core = self.core
        if self.socket is not None:
            self._read(self.socket)
        core.run(_clock.now())
        while core.wants_close or core.wants_connect:
            if core.wants_close:
                core.wants_close = False
                if self.socket is not None:
                    self.before_close(self.socket)
                self.close_socket()
            if core.wants_connect:
                core.wants_connect = False
                self._connect()
            core.run(_clock.now())
        if self.socket is not None and core.outgoing:
            self._write(self.socket)

    def close(self) -> None:
        self.core.close(_clock.now())
        self.core.wants_close = self.core.wants_connect = False
        self.close_socket()

    def close_socket(self) -> None:
        """Only this process's copy: `shutdown` would end the session of a parent."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def take_notices(self) -> List[Callable[[], object]]:
        notices = self.core.notices.copy()
        self.core.notices.clear()
        return notices

    def _connect(self) -> None:
        path = self.path or os.environ.get("REDLOCK_SOCKET") or DEFAULT_SOCKET
        before = _clock.now()
        link = None
        try:
            # Close-on-exec, as all sockets of Python. A local connection is there at once, or not at all.
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.setblocking(False)
            link.connect(path)
        except OSError as why:
            if link is not None:
                link.close()
            error = ConnectFailed(f"{path}: {why.strerror or why}")
            self.core.connect_failed(error, why.errno not in (errno.EACCES, errno.EPERM, None), _clock.now())
            return
        self.socket = link
        self.core.connected(before, path)

    def _read(self, link: socket.socket) -> None:
        while not self.core.wants_close:
            try:
                data, control, _, _ = link.recvmsg(65536, _ROOM_FOR_A_DESCRIPTOR, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError as why:
                self.core.ended(f"the connection to the daemon ended: {why.strerror}", _clock.now())
                return
            if not data:
                self.core.ended("the daemon closed the connection", _clock.now())
                return
            self._take_page(control)
            self.core.receive(data, _clock.now())
            if len(data) < 65536:
                return

    def _take_page(self, control: List[Tuple[int, int, bytes]]) -> None:
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                with contextlib.suppress(OSError, ValueError):  # then there is none
                    self.core.page = Page(int.from_bytes(data[:4], sys.byteorder))

    def _write(self, link: socket.socket) -> None:
        outgoing = self.core.outgoing
        try:
            while outgoing:
                del outgoing[:link.send(outgoing)]  # Python ignores SIGPIPE
        except BlockingIOError:
            pass
        except OSError:
            outgoing.clear()  # why, the next read says, after what the daemon still had to say


def deliver(notice: Callable[[], object]) -> None:
    """Calls a function of the caller. What it raises is logged: nobody is there to catch it."""
    try:
        notice()
    except Exception:
        logger.exception("a callback failed")
