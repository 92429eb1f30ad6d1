"""How disturbed the machine is while something is measured."""

import contextlib
import dataclasses
import os
import time

from setting import at
from workplace import cpu_seconds

# More than these is a disturbance: of the cores' time, what processes take that are not the run's;
# of a fixed piece of work, how much longer it takes than at its best; of a sleep of a millisecond,
# how much too late it ends, in microseconds. The last two at the 99th percentile.
OTHERS = 0.05
SPIN = 1.5
WAKE_UP = 1000
LEAST = 0.05  # seconds: less is not seen in counts of hundredths


@dataclasses.dataclass
class Probe:
    """An idle machine's noise, as `bench_load noise` finds it."""
    spin_us: float
    spin_best_us: float
    spin_p99_us: float
    wake_up_us: float
    wake_up_p99_us: float

    @classmethod
    def of(cls, found):
        return cls(at(found, "spin", "p50_us"), at(found, "spin", "min_us"),
                   at(found, "spin", "p99_us"), at(found, "wake_up", "p50_us"),
                   at(found, "wake_up", "p99_us"))

    def __str__(self):
        return (f"a fixed spin takes {self.spin_us:,.0f} us, p99 {self.spin_p99_us:,.0f}; "
                f"a sleep ends {self.wake_up_us:,.0f} us late, p99 {self.wake_up_p99_us:,.0f}")

    def disturbances(self):
        """What of it is more than an idle machine's, in words; none: []."""
        found = []
        if self.spin_p99_us > SPIN * self.spin_best_us:
            times = self.spin_p99_us / self.spin_best_us
            found.append(f"a fixed spin took up to {times:.2g} times as long as at best")
        if self.wake_up_p99_us > WAKE_UP:
            found.append(f"sleeps ended up to {self.wake_up_p99_us / 1000:.2g} ms late")
        return found


class Watch:
    """The share of the cores that processes which are not the run's took, while it lasted."""

    def __init__(self, others_seconds, seconds):
        self.others_seconds = max(others_seconds, 0)
        self.share = self.others_seconds / seconds

    @property
    def disturbed(self):
        return self.share > OTHERS and self.others_seconds > LEAST


class Noise:
    """Of a run; what disturbed its repetitions is kept until take() is called."""

    def __init__(self, workplace):
        self._workplace = workplace
        self._found = []

    @contextlib.contextmanager
    def repetition(self, number):
        """While it lasts, the repetition with that number is measured."""
        cores = os.sched_getaffinity(0)
        start, busy, own = time.monotonic(), _busy_seconds(cores), self._own_seconds()
        yield
        others = (_busy_seconds(cores) - busy) - (self._own_seconds() - own)
        watch = Watch(others, (time.monotonic() - start) * len(cores))
        if watch.disturbed:
            self._found.append(f"{100 * watch.share:.0f} % in repetition {number}")

    def take(self):
        """How much of the cores other programs took, of the disturbed repetitions since the last
        call, in words."""
        found, self._found = self._found, []
        return found

    def _own_seconds(self):
        """Those of this process, of its children that have ended, and of those that live."""
        times = os.times()
        return sum(times[:4]) + sum(cpu_seconds(process.pid)
                                    for process in self._workplace.living())


def _busy_seconds(cores):
    """In which the cores ran programs, or another machine had them (steal)."""
    ticks = 0
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            name, *counts = line.split()
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in cores:
                user, nice, system, _, _, _, _, steal = map(int, counts[:8])
                ticks += user + nice + system + steal
    return ticks / os.sysconf("SC_CLK_TCK")
