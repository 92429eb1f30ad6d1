"""Sessions that come, take names that were never used before, and go."""

import contextlib
import itertools
import os
import socket
import time

from workplace import Failure

AT_A_TIME = 8
NAMES = 10  # of each session: a million names are a hundred thousand sessions

_numbers = itertools.count()


def churn(daemon, sessions_per_second, seconds):
    """Goes on for `seconds`; returns how many sessions there were, which are fewer than asked for
    where the machine is too slow. A session takes its names one after the other, and hangs up while
    it holds the last one."""
    start = time.monotonic()
    done = 0
    while (now := time.monotonic() - start) < seconds:
        if now < done / sessions_per_second:
            time.sleep(min(done / sessions_per_second, seconds) - now)
            continue
        _sessions(daemon.socket)
        done += AT_A_TIME
    return done


def _sessions(path):
    """Some, at a time."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(AT_A_TIME)]
        for connection in connections:
            connection.settimeout(30)
            connection.connect(path)
            connection.sendall(_requests())
        for connection in connections:
            with connection.makefile("r", encoding="ascii") as answers:
                _check(answers)


def _requests():
    first = next(_numbers) * NAMES
    *names, last = [f"churn-{os.getpid()}-{number}" for number in range(first, first + NAMES)]
    lines = [f"lock {name}\nunlock {name}\n" for name in names] + [f"lock {last}\n"]
    return "".join(lines).encode()


def _check(answers):
    wanted = 2 * NAMES - 1
    said = list(itertools.islice((line for line in answers if line[0] != "*"), wanted))
    if len(said) < wanted or not all(line.startswith("OK") for line in said):
        raise Failure(f"a session of the churn was answered: {said[-1:]}")
