"""Clients of many daemons that all want one name."""

import selectors
import socket
import time

from workplace import Failure


class Taker:
    """A client that takes a name again and again."""

    def __init__(self, path, name):
        self.times_granted = 0
        self._ask = f"lock {name}\n".encode()
        self._let_go = f"unlock {name}\n".encode()
        self._lets_go = False  # the next answer is that to the unlock
        self._unread = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(path)
        except OSError:
            self.close()
            raise

    def close(self):
        self._socket.close()

    def fileno(self):
        return self._socket.fileno()

    def ask(self):
        self._socket.sendall(self._ask)

    def let_go(self):
        """And asks again, in the same write."""
        self._lets_go = True
        self._socket.sendall(self._let_go + self._ask)

    def read(self):
        """Reads what has come; returns whether the lock has come with it."""
        received = self._socket.recv(65536)
        if not received:
            raise Failure("a daemon hung up")
        *lines, self._unread = (self._unread + received).split(b"\n")
        granted = False
        for line in lines:
            if line.startswith(b"* "):
                continue
            if line.startswith(b"ERR no-quorum"):  # many daemons take a while to connect
                self.ask()
                continue
            if not line.startswith(b"OK"):
                raise Failure("a daemon answered: " + line.decode())
            if self._lets_go:
                self._lets_go = False
            else:
                granted = True
                self.times_granted += 1
        return granted


class Fleet:
    """A client on each of some daemons, as a context. All want `name`, and hold it for `hold`
    seconds each time."""

    def __init__(self, daemons, name, hold):
        self._hold = hold
        self._selector = selectors.DefaultSelector()
        self.takers = []
        try:
            for daemon in daemons:
                self.takers.append(Taker(daemon.socket, name))
                self._selector.register(self.takers[-1], selectors.EVENT_READ)
            for taker in self.takers:
                taker.ask()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._selector.close()
        for taker in self.takers:
            taker.close()

    def all_served(self):
        return all(taker.times_granted for taker in self.takers)

    def run(self, seconds, enough=lambda: False):
        """Goes on for `seconds`, or until `enough`. Returns the times of the start, of each grant,
        and of the end."""
        times = [time.monotonic()]
        end = times[0] + seconds
        while time.monotonic() < end and not enough():
            for key, _ in self._selector.select(max(0, end - time.monotonic())):
                if key.fileobj.read():
                    times.append(time.monotonic())
                    time.sleep(self._hold)  # nobody else has anything to read meanwhile
                    key.fileobj.let_go()
        return [*times, time.monotonic()]
