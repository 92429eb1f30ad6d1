"""Sessions that come, take names that were never used before, and go."""

import itertools
import os
import socket
import time

from workplace import Failure

NAMES = 10  # of each session: a million names are a hundred thousand sessions

_numbers = itertools.count()


def churn(daemon, sessions_per_second, seconds):
    """Goes on for so long; returns how many sessions there were. A session takes its names one
    after the other, and hangs up while it holds the last one."""
    start = time.monotonic()
    done = 0
    while (now := time.monotonic() - start) < seconds:
        if now < done / sessions_per_second:
            time.sleep(done / sessions_per_second - now)
            continue
        _session(daemon.socket)
        done += 1
    return done


def _session(path):
    first = next(_numbers) * NAMES
    names = [f"churn-{os.getpid()}-{number}" for number in range(first, first + NAMES)]
    lines = "".join(f"lock {name}\nunlock {name}\n" for name in names[:-1]) + f"lock {names[-1]}\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(lines.encode())
        with connection.makefile("r", encoding="ascii") as answers:
            said = list(itertools.islice((line for line in answers if line[0] != "*"),
                                         lines.count("\n")))
    if len(said) < lines.count("\n") or not all(line.startswith("OK") for line in said):
        raise Failure(f"a session of the churn was answered: {said[-1:]}")
