"""The client processes of a soak, and what they said."""

import collections
import os
import subprocess
import sys
import threading
import time

from workplace import undisturbed

HERE = os.path.dirname(os.path.abspath(__file__))


class _Member:
    def __init__(self, process, place):
        self.process = process
        self.place = place       # of whose clients it is one: a daemon's socket
        self.reader = None       # the thread that reads what it says
        self.killed = None       # when; None while it is to live
        self.holds = {}          # (name, fence): (when it began, the deadline that came with it)


class Crew:
    """As a context: its processes are gone at its end. What they say is read by a thread for each,
    under one lock; ask for figures by `take` and `counts`."""

    def __init__(self, workplace, exclusion, names):
        self._workplace = workplace
        self._exclusion = exclusion
        self._names = names
        self._lock = threading.Lock()
        self._members = []
        self._cold = []
        self.counts = collections.Counter()
        self.problems = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def hire(self, daemon):
        """Another process with clients of that daemon."""
        process = self._workplace.start(
            [sys.executable, "-B", os.path.join(HERE, "clients.py"), daemon.socket, *self._names],
            stdout=subprocess.PIPE, text=True)
        member = _Member(process, daemon)
        member.reader = threading.Thread(target=self._read, args=(member,))
        with undisturbed():
            member.reader.start()
        self._members.append(member)

    def kill(self, number):
        """One of them, in whatever it is doing; returns whose client it was."""
        member = self._members.pop(number)
        # What it holds from now on is no longer certain, and what it held until now is.
        member.killed = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._workplace.stop(member.process)
        member.reader.join()
        member.process.stdout.close()
        return member.place

    def end(self):
        while self._members:
            self.kill(0)

    def __len__(self):
        return len(self._members)

    def take(self):
        """The microseconds of the cold cycles since the last call, and how many grants there have
        been."""
        with self._lock:
            cold, self._cold = self._cold, []
            return cold, self.counts["grant"]

    def _read(self, member):
        for line in member.process.stdout:
            with self._lock:
                try:
                    self._note(member, line.split())
                except (ValueError, KeyError, IndexError):
                    self.problems.append(f"a client said what is no report: {line!r}")
        with self._lock:
            for (name, fence), (begin, deadline) in member.holds.items():
                end = min(deadline, member.killed or begin)
                self._exclusion.add(name, fence, begin, max(begin, end))
            if member.killed is None:
                self.problems.append("a process of clients ended by itself")

    def _note(self, member, words):
        what, *words = words
        self.counts[what] += 1
        if what == "grant":
            name, fence, begin, deadline = words
            member.holds[name, int(fence)] = (int(begin), int(deadline))
        elif what == "end":
            name, fence, end = words
            begin, _ = member.holds.pop((name, int(fence)))
            self._exclusion.add(name, int(fence), begin, max(begin, int(end)))
        elif what == "cold":
            self._cold.append(int(words[0]))
        elif what == "refused":
            self.counts[f"refused: {words[0]}"] += 1
        elif len(self.problems) < 20:
            self.problems.append("a client: " + " ".join(words))
