"""What the tests share."""

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
import unittest

from redlockd.testing import Daemon

PATIENCE = 20  # seconds


def eventually(condition, what="the condition"):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {PATIENCE} s")
        time.sleep(0.002)


def in_thread(function):
    """Starts it; the result has `join`, which returns what the function returned, or raises what it raised."""
    return _Call(function)


class _Call:
    def __init__(self, function):
        self._result, self._error = None, None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def _run(self, function):
        try:
            self._result = function()
        except BaseException as error:  # for join
            self._error = error

    def join(self):
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise AssertionError(f"the call did not return within {PATIENCE} s")
        if self._error is not None:
            raise self._error
        return self._result


# What another process does: it takes the lock of the name $1, prints the fence, and lets it go.
TAKER = ("import redlockd, sys\n"
         "with redlockd.Lock(sys.argv[1]) as hold:\n"
         "    print(hold.fence)\n")


def other_process(name):
    """Another process of the host, that waits for the lock. `fence_of` waits until it is over."""
    return subprocess.Popen([sys.executable, "-B", "-c", TAKER, name], stdout=subprocess.PIPE)


def fence_of(process):
    return int(process.communicate(timeout=PATIENCE)[0])


def notes_of(error):
    """None where Python has no notes."""
    return getattr(error, "__notes__", []) if sys.version_info >= (3, 11) else None


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@contextlib.contextmanager
def no_more_descriptors():
    """What this process has open stays so; whatever it opens inside fails with EMFILE."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class WithDaemon(unittest.TestCase):
    """One daemon for the tests of a class. Those that harm it bring a daemon of their own."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.daemon.start()
        os.environ["REDLOCK_SOCKET"] = cls.daemon.socket

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def own_daemon(self):
        daemon = Daemon()
        daemon.start()
        self.addCleanup(daemon.close)
        return daemon
