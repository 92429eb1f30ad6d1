"""How many instructions of its own the daemon runs for a lock and its unlock, and for the renewal of a
lease, by callgrind."""

import contextlib
import os
import re
import shutil
import subprocess
import time

from crowd import crowd
from daemon import Daemon
from nodes import Nodes
from programs import Programs
from setting import OFF, USUAL, at
from workplace import Failure, Workplace

# Under valgrind a daemon is some fifty times slower: a node must not be given up for that.
SLOWLY = "timeouts: {command: 1s}\n"

RENEWALS = 20_000  # as many show what one costs

CASES = [
    # name, linger, the load, and where in its result the number of locks taken stands
    ("cold, 1 client", OFF, "cycle", {"cycles": 1000, "fresh": True}, ("cycle", "count")),
    ("cold, 64 clients", OFF, "cycle", {"clients": 64, "cycles": 50, "fresh": True},
     ("cycle", "count")),
    ("warm, 1 client", USUAL, "cycle", {"cycles": 1000}, ("cycle", "count")),
    ("hand-off, 32 clients", USUAL, "contend", {"clients": 32, "name": "bench"}, ("grants",)),
]


def _control(pid, *arguments):
    try:
        ran = subprocess.run(["callgrind_control", *arguments, str(pid)], capture_output=True,
                             text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise Failure("callgrind_control did not answer within 60 s") from error
    if "OK" not in ran.stdout:
        raise Failure("callgrind_control: " + ran.stdout + ran.stderr)


@contextlib.contextmanager
def _watched(workplace, programs, linger, profile, more=""):
    wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    with Nodes(workplace, 5) as nodes, \
         Daemon(workplace, programs.redlockd, nodes.addresses, linger, SLOWLY + more,
                wrapper) as daemon:
        yield daemon


def _instructions(profile):
    """Those of the dump, which is kept as `profile`."""
    with open(profile + ".1", encoding="ascii", errors="replace") as file:
        dump = file.read()
    # Functions that were on the stack all the time have calls=0 there, which callgrind_annotate
    # takes for work of their own.
    with open(profile, "w", encoding="ascii", errors="replace") as file:
        file.write(re.sub(r"^calls=0 .*\n.*\n", "", dump, flags=re.MULTILINE))
    return int(re.search(r"^summary: (\d+)", dump, re.MULTILINE).group(1))


def _of_load(workplace, programs, linger, kind, load, count, profile):
    """Instructions for each lock of a load."""
    with _watched(workplace, programs, linger, profile) as daemon:
        programs.load(kind, socket=daemon.socket, seconds=1, **load)  # what happens only once
        _control(daemon.pid, "--zero")
        seconds = 120 if "cycles" in load else 3
        result = programs.load(kind, socket=daemon.socket, seconds=seconds, **load)
        _control(daemon.pid, "--dump")
    return _instructions(profile) / at(result, *count)


def of_renewals(workplace, programs, profile, sessions, locks, ttl):
    """Instructions for each renewal of a lease that a session holds, after a third of the ttl, which
    is in seconds and at most 300; sessions * locks are held. The mean of the first RENEWALS."""
    if not shutil.which("valgrind"):
        raise Failure("there is no valgrind")

    def renewals(daemon):
        return int(re.search(r"\brenewals value=(\d+)", " ".join(daemon.ask("stats"))).group(1))

    long = "lease: {max_ttl: 300s}\n"
    with _watched(workplace, programs, USUAL, profile, long) as daemon, \
         crowd(workplace, programs, daemon, sessions=sessions, locks=locks, ttl=f"{ttl}s") as clients:
        if clients.said["held"] < sessions * locks:
            raise Failure(f"{clients.said['held']:,} of {sessions * locks:,} leases were held")
        _control(daemon.pid, "--zero")
        before = renewals(daemon)
        end = time.monotonic() + ttl
        while (count := renewals(daemon) - before) < min(RENEWALS, sessions * locks):
            if time.monotonic() > end:
                raise Failure(f"{count:,} leases were renewed in {ttl} s")
            time.sleep(1)  # what is asked here is counted, too
        _control(daemon.pid, "--dump")
    return _instructions(profile) / count


def run(build, directory):
    """Prints the table; keeps the profiles, for callgrind_annotate, in `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with Workplace() as workplace:
        programs = Programs(build, workplace)

        def profile_of(name):
            return os.path.join(directory, "callgrind." + re.sub(r"\W+", "-", name))

        def show(name, cost, what):
            print(f"{name:20} {cost:10.0f} instructions for {what}   {profile_of(name)}", flush=True)

        for name, *case in CASES:
            show(name, _of_load(workplace, programs, *case, profile_of(name)),
                 "a lock and its unlock")
        name = "held, 2,000 leases"
        show(name, of_renewals(workplace, programs, profile_of(name), 20, 100, 30),
             "the renewal of a lease")
