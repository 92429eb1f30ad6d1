"""Where a row is measured: programs, nodes, how long, and what it is compared with."""

import contextlib
import socket
import statistics
import subprocess
import time

from daemon import Daemon
from nodes import Nodes
from workplace import Failure, wait_for

OFF = "0s"        # linger: each cycle is a cold one
USUAL = None      # what redlockd.yaml does not say
PROCESSES = 2     # that the clients of a daemon are dealt out to, where there are many
START = 180       # seconds in which all daemons of a world must have started
MEMORY = 12e6     # bytes of its own that a daemon with a lock has
REPETITIONS = 3   # of each measurement, in turns with what it is compared with
CHURN = 6         # minutes of it, unless --churn says otherwise


class Setting:
    """`scale` shortens all times and counts; 1 is a real measurement. `noise` watches the
    repetitions, and `churn` is for how many minutes row M goes on."""

    def __init__(self, workplace, programs, peers, noise, node_count=5, scale=1.0, churn=CHURN):
        self.workplace = workplace
        self.programs = programs
        self.peers = peers
        self.noise = noise
        self.churn = churn
        self.node_count = node_count
        self._scale = scale
        self.is_quick = scale < 1

    def seconds(self, usual):
        return max(usual * self._scale, 0.1)

    def count(self, usual):
        return max(int(usual * self._scale), 2)

    @contextlib.contextmanager
    def world(self, linger, hosts=1):
        """New nodes, and the daemon on them, or the daemons of so many hosts."""
        with Nodes(self.workplace, self.node_count) as nodes, contextlib.ExitStack() as stack:
            daemons = self._start(nodes, linger, hosts, stack)
            yield nodes, daemons if hosts > 1 else daemons[0]

    def _start(self, nodes, linger, hosts, stack):
        """Daemons that live as long as the stack. Not every machine can have as many as a row
        wants."""
        end = time.monotonic() + START
        daemons = []
        try:
            if hosts * MEMORY > _memory_available():
                raise Failure("there is not enough memory")
            for _ in range(hosts):
                if time.monotonic() > end:
                    raise Failure(f"the rest did not in {START} s")
                daemons.append(stack.enter_context(Daemon(self.workplace, self.programs.redlockd,
                                                          nodes.addresses, linger)))
        except (Failure, OSError) as failure:
            raise Failure(f"{len(daemons)} of {hosts} daemons started: {failure}") from failure
        return daemons

    @contextlib.contextmanager
    def echo(self):
        """The socket of a running echo."""
        socket = self.workplace.path("echo")
        process = self.workplace.start([self.programs.echo, socket])
        wait_for("the echo", lambda: _answers(self.programs, socket))
        try:
            yield socket
        finally:
            self.workplace.stop(process)

    @contextlib.contextmanager
    def proxy_floor(self, nodes):
        """The socket of a running proxy floor."""
        path = self.workplace.path("proxy")
        process = self.workplace.start(self.programs.command(
            "bench_floor", "proxy", port=[node.port for node in nodes], socket=path))
        wait_for("the proxy floor", lambda: _listens(path))
        try:
            yield path
        finally:
            self.workplace.stop(process)

    def floor(self, nodes, in_flight, seconds, plain=False):
        return self.programs.run("bench_floor", "cycle", port=[node.port for node in nodes],
                                 in_flight=in_flight, seconds=self.seconds(seconds), plain=plain)

    def rounds(self, *measurements):
        """Runs them in turns, so that what else happens on the machine happens to all of them. A
        list of results for each."""
        results = [[] for _ in measurements]
        for number in range(1, REPETITIONS + 1):
            with self.noise.repetition(number):
                for result, measure in zip(results, measurements):
                    result.append(measure())
        return results


def _memory_available():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    raise Failure("no MemAvailable in meminfo")


def _listens(path):
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(path) == 0


def _answers(programs, socket):
    try:
        return programs.load("ping", socket=socket, seconds=0.01)
    except Failure:
        return None


def values(results, *path):
    """The numbers that stand under `path` in each result."""
    return [at(result, *path) for result in results]


def median(results, *path):
    return statistics.median(values(results, *path))


def ratios(ours, theirs, *path, of=None):
    """Of each repetition, our figure by theirs, which stands under `of` if that is not the same
    path."""
    return [at(a, *path) / at(b, *(of or path)) for a, b in zip(ours, theirs)]


def measured(measure, rows):
    """The rows with the repetitions, and the details, that `measure` returns, or with why it
    failed."""
    try:
        found, rows[0].details = measure()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        for row in rows:
            row.why = str(failure)
        return rows
    for row, repetitions in zip(rows, found):
        row.repetitions = repetitions
    return rows


def at(result, *path):
    try:
        for key in path:
            result = result[key]
    except KeyError as missing:  # a summary of no samples
        raise Failure(f"there was nothing to measure: no {missing.args[0]}") from missing
    return result
