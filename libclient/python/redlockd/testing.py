"""A daemon for tests: `redlockd --dev`, with temporary Redis nodes of its own, in a directory of its own.

    with redlockd.testing.Daemon() as daemon:
        session = redlockd.Session(daemon.socket)

For pytest there is the fixture `redlockd_daemon`, see `redlockd.pytest_plugin`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Optional, Type

START_TIME = 30  # seconds


class Daemon:
    """A running daemon. Needs redlockd ($REDLOCKD, or else in the PATH or /usr/sbin) and redis-server.

    Raises FileNotFoundError if there is no such program. `close`, or the end of its `with`, removes its directory.
    """

    def __init__(self, nodes: int = 1, program: Optional[str] = None) -> None:
        found = program or os.environ.get("REDLOCKD") or shutil.which("redlockd") or "/usr/sbin/redlockd"
        if shutil.which(found) is None:
            raise FileNotFoundError(f"redlockd: expected a program, found none that is called {found!r}: install redlockd, "
                                    "name it in $REDLOCKD, or pass program=")
        self._command = [found, "--dev", "--nodes", str(nodes)]
        self._directory = tempfile.mkdtemp(prefix="redlockd-test.")
        self.socket = os.path.join(self._directory, "redlockd.sock")
        self._process: "Optional[subprocess.Popen[bytes]]" = None

    def start(self) -> None:
        """Starts it, also once more after `kill` or `stop`, and returns when it serves."""
        with open(os.path.join(self._directory, "log"), "ab") as log:
            # What it leaves behind when it is killed goes with the directory.
            environment = {**os.environ, "XDG_RUNTIME_DIR": self._directory}
            try:
                self._process = subprocess.Popen(self._command + ["--socket", self.socket], stdin=subprocess.DEVNULL,
                                                 stdout=log, stderr=log, env=environment)
            except OSError:
                self.close()
                raise
        end = time.monotonic() + START_TIME
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > end:
                text = self.log
                self.close()
                raise RuntimeError(f"redlockd did not start: {' '.join(self._command)}\n{text}")
            time.sleep(0.01)

    @property
    def log(self) -> str:
        with open(os.path.join(self._directory, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def pause(self) -> None:
        """It hangs until `resume`."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def drain(self) -> None:
        """Asks it to stop. It waits some seconds for holders to release their locks."""
        self.signal(signal.SIGTERM)

    def wait(self) -> None:
        """Until it has ended."""
        if self._process is not None:
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.drain()
        self.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        self.resume()
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def _serves(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            try:
                link.connect(self.socket)
                return link.recv(64).startswith(b"* HELLO redlockd ")
            except OSError:
                return False
