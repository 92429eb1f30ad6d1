"""Clients that are there, hold locks, and ask."""

import contextlib
import json
import subprocess

from workplace import Failure


class Crowd:
    """`said`: how many `sessions` there are, and locks `held` and `refused`."""

    def __init__(self, process):
        self._process = process
        self.said = self._line("the crowd of clients did not come together")

    def _line(self, failure):
        said = self._process.stdout.readline()
        if not said:
            raise Failure(failure)
        return json.loads(said)

    def ask(self):
        """All ask at once: the `seconds` until all had answers, and how many locks are `held`."""
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self._line("a client lost its connection")


@contextlib.contextmanager
def crowd(workplace, programs, daemon, **options):
    """While it lives, the clients and what they hold."""
    command = programs.command("bench_load", "crowd", socket=daemon.socket, **options)
    process = workplace.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Crowd(process)
    finally:
        workplace.stop(process)
