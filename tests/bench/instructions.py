"""How many instructions of its own the daemon runs for a lock and its unlock, by callgrind."""

import os
import re
import shutil
import subprocess

from daemon import Daemon
from nodes import Nodes
from programs import Programs
from setting import OFF, USUAL, at
from workplace import Failure, Workplace

# Under valgrind a daemon is some fifty times slower: a node must not be given up for that.
SLOWLY = "timeouts: {command: 1s}\n"

CASES = [
    # name, linger, the load, and where in its result the number of locks taken stands
    ("cold, 1 client", OFF, "cycle", {"cycles": 1000, "fresh": True}, ("cycle", "count")),
    ("cold, 64 clients", OFF, "cycle", {"clients": 64, "cycles": 50, "fresh": True},
     ("cycle", "count")),
    ("warm, 1 client", USUAL, "cycle", {"cycles": 1000}, ("cycle", "count")),
    ("hand-off, 32 clients", USUAL, "contend", {"clients": 32, "name": "bench"}, ("grants",)),
]


def _control(pid, *arguments):
    ran = subprocess.run(["callgrind_control", *arguments, str(pid)], capture_output=True,
                         text=True, check=False, timeout=60)
    if "OK" not in ran.stdout:
        raise Failure("callgrind_control: " + ran.stdout + ran.stderr)


def _measure(workplace, programs, linger, kind, load, count, profile):
    """Instructions for each lock; the profile of the load alone is kept as `profile`."""
    wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    with Nodes(workplace, 5) as nodes, \
         Daemon(workplace, programs.redlockd, nodes.addresses, linger, SLOWLY, wrapper) as daemon:
        programs.load(kind, socket=daemon.socket, seconds=1, **load)  # what happens only once
        _control(daemon.pid, "--zero")
        seconds = 120 if "cycles" in load else 3
        result = programs.load(kind, socket=daemon.socket, seconds=seconds, **load)
        _control(daemon.pid, "--dump")
    with open(profile + ".1", encoding="ascii", errors="replace") as file:
        dump = file.read()
    # Functions that were on the stack all the time have calls=0 there, which callgrind_annotate
    # takes for work of their own.
    with open(profile, "w", encoding="ascii", errors="replace") as file:
        file.write(re.sub(r"^calls=0 .*\n.*\n", "", dump, flags=re.MULTILINE))
    total = int(re.search(r"^summary: (\d+)", dump, re.MULTILINE).group(1))
    return total / at(result, *count)


def run(build, directory):
    """Prints the table; keeps the profiles, for callgrind_annotate, in `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with Workplace() as workplace:
        programs = Programs(build, workplace)
        for name, *case in CASES:
            profile = os.path.join(directory, "callgrind." + re.sub(r"\W+", "-", name))
            cost = _measure(workplace, programs, *case, profile)
            print(f"{name:20} {cost:10.0f} instructions for a lock and its unlock   {profile}",
                  flush=True)
