"""Lets daemons, nodes and clients run for long while things go wrong, and checks what comes of it;
scripts/soak calls it with the folder of a build."""

import argparse
import os
import random
import signal
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Nodes, daemons and private folders are the benchmarks'.
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "bench"))

import bounds
import curve
from crew import Crew
from daemon import Daemon, descriptors
from exclusion import Exclusion
from nodes import Nodes
from programs import Programs
from trouble import SETTINGS, Trouble
from workplace import Failure, Workplace, wait_for

NODES = 5
DAEMONS = 2
PROCESSES = 2        # with clients, of each daemon
HOT = [f"soak-hot-{number}" for number in range(8)]
SAMPLES = 300        # of a run, at least a second apart
LINES = 10           # of the table
CALM = 60            # seconds in which all must be gone after the last client


class Soak:
    """One run. `problems` are what was wrong, in words."""

    def __init__(self, options, workplace):
        self._seconds = 60 * options.minutes
        self._seed = options.seed
        self._workplace = workplace
        self._redlockd = Programs(options.build, workplace).redlockd
        self._exclusion = Exclusion()
        self.problems = []
        self.samples = []  # dictionaries
        self.counts = {}
        self.happened = []

    def run(self):
        with Nodes(self._workplace, NODES) as nodes, \
             Daemon(self._workplace, self._redlockd, nodes.addresses, more=SETTINGS) as first, \
             Daemon(self._workplace, self._redlockd, nodes.addresses, more=SETTINGS) as second:
            daemons = [first, second]
            try:
                self._soak(nodes, daemons)
            except (Failure, OSError) as failure:
                self.problems.append(str(failure))
            self._check_alive(daemons)
        if self._exclusion.violations:
            self.problems.append(f"exclusion was violated {self._exclusion.violations} times")
            self.problems += self._exclusion.shown
        for what in ("memory", "descriptors", "keys"):
            if grown := bounds.growth(what, [sample[what] for sample in self.samples]):
                self.problems.append(grown)

    def _soak(self, nodes, daemons):
        at_rest = [daemon.descriptors() for daemon in daemons]
        with Crew(self._workplace, self._exclusion, HOT) as crew:
            for daemon in daemons * PROCESSES:
                crew.hire(daemon)
            trouble = self._trouble(nodes, daemons, crew)
            try:
                self._go_on(nodes, daemons, crew, trouble)
            finally:
                self.happened = trouble.happened
                self.counts = crew.counts
                self.problems += crew.problems
        if not crew.counts["grant"]:
            self.problems.append("no lock was granted")
        self._check_nothing_is_left(nodes, daemons, at_rest)

    def _trouble(self, nodes, daemons, crew):
        pause = (1, 6) if self._seconds >= 60 else (0.2, 0.6)
        return Trouble(nodes, daemons, crew, self._seed, pause, time.monotonic)

    def _go_on(self, nodes, daemons, crew, trouble):
        """Until the time is over, each kind of trouble has happened, and all is well again."""
        start = next_sample = next_step = time.monotonic()
        course = trouble.course()
        interval = max(self._seconds / SAMPLES, 1)
        while True:
            now = time.monotonic()
            if now >= next_sample:
                self._sample(now - start, nodes, daemons, crew, trouble)
                next_sample += interval
            if now >= next_step:
                self._check_alive(daemons)
                wait = next(course)
                if wait is None and now - start >= self._seconds and trouble.all_kinds_happened():
                    return
                next_step = now + (wait or 0)
            if self.problems or crew.problems or self._exclusion.violations:
                return
            time.sleep(max(min(next_sample, next_step) - time.monotonic(), 0))

    def _sample(self, second, nodes, daemons, crew, trouble):
        cold, grants = crew.take()
        self.samples.append({
            "second": second,
            "memory": max(daemon.memory_bytes() for daemon in daemons),
            "descriptors": max(daemon.descriptors() for daemon in daemons),
            "keys": max(int(node.ask("DBSIZE")) for node in nodes if node is not trouble.away),
            "grants": grants,
            "p50": bounds.percentile(cold, 50),
            "p99": bounds.percentile(cold, 99)})

    def _check_alive(self, daemons):
        for number, daemon in enumerate(daemons, 1):
            if how := daemon.how_it_ended:
                self.problems.append(f"daemon {number} ended, {how}")

    def _check_nothing_is_left(self, nodes, daemons, at_rest):
        """What the clients had is gone soon after they are: locks, waits, keys, descriptors."""
        for number, (daemon, before) in enumerate(zip(daemons, at_rest), 1):
            self._expect(f"daemon {number} to have neither holds nor waits",
                         lambda: daemon.ask("list")[-1].startswith("OK holds=0 waits=0"))
            self._expect(f"daemon {number} to have {before} descriptors again",
                         lambda: daemon.descriptors() <= before)
        for number, node in enumerate(nodes, 1):
            self._expect(f"node {number} to keep no key but its own and fences",
                         lambda: not left_keys(node))

    def _expect(self, what, condition):
        try:
            wait_for(what, condition, CALM)
        except (Failure, OSError) as failure:
            self.problems.append(str(failure))


def left_keys(node):
    """Without the node's own, and the fences, which are kept for a while after a lock's last
    use."""
    return [key for key in node.keys()
            if key != "redlockd:node" and not key.startswith("redlockd:fence:")]


def table(samples):
    """Ten lines, each for a tenth of the samples."""
    head = ["minute", "memory, MB", "descriptors", "keys", "grants/s", "cold p50, ms", "p99, ms"]
    lines = [head]
    last = (0, 0)
    for number in range(LINES):
        part = samples[len(samples) * number // LINES:len(samples) * (number + 1) // LINES]
        if not part:
            continue
        end = part[-1]
        rate = (end["grants"] - last[1]) / max(end["second"] - last[0], 0.001)
        last = (end["second"], end["grants"])
        lines.append([f"{end['second'] / 60:.1f}", f"{_median(part, 'memory', 1e6):.1f}",
                      f"{_median(part, 'descriptors', 1):.0f}", f"{_median(part, 'keys', 1):.0f}",
                      f"{rate:.0f}", f"{_median(part, 'p50', 1000):.2f}",
                      f"{_median(part, 'p99', 1000):.2f}"])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths))
                     for line in lines)


def _median(samples, what, unit):
    known = [sample[what] for sample in samples if sample[what] is not None]
    return statistics.median(known) / unit if known else float("nan")


def picture(samples, title):
    def of(what, unit=1):
        return [None if sample[what] is None else sample[what] / unit for sample in samples]
    return curve.draw(title, [sample["second"] for sample in samples], {
        "a daemon's own memory, MB": {"the larger": of("memory", 1e6)},
        "descriptors of a daemon": {"the more": of("descriptors")},
        "keys on the fullest node": {"keys": of("keys")},
        "lock and unlock of a name that nobody else wants, ms": {"p50": of("p50", 1000),
                                                                 "p99": of("p99", 1000)}})


def report(soak, seed, svg):
    happened = {kind: sum(one == kind for _, one in soak.happened) for kind in Trouble.KINDS}
    print(table(soak.samples))
    print("\nhappened: " + ", ".join(f"{kind} {count}" for kind, count in happened.items()))
    print("clients: " + ", ".join(f"{what} {count}" for what, count in sorted(soak.counts.items())))
    if soak.samples:
        with open(svg, "w", encoding="utf-8") as file:
            file.write(picture(soak.samples, f"redlockd: a soak, seed {seed}"))
        print(f"picture: {svg}")
    for problem in soak.problems:
        print(f"problem: {problem}")
    print(f"verdict: {'FAIL' if soak.problems else 'PASS'}, seed {seed}")


def _minutes(text):
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0
    if not 0 < minutes <= 100_000:
        raise argparse.ArgumentTypeError(f"'{text}': expected minutes, more than 0, at most 100000")
    return minutes


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the build")
    parser.add_argument("--minutes", required=True, type=_minutes)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--svg", required=True)
    return parser.parse_args()


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    descriptors()
    try:
        with Workplace() as workplace:
            soak = Soak(options, workplace)
            soak.run()
    except (Failure, FileNotFoundError) as failure:
        sys.exit(f"scripts/soak: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    report(soak, options.seed, options.svg)
    sys.exit(1 if soak.problems else 0)


if __name__ == "__main__":
    main()
