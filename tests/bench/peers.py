"""Other lock clients, installed by name from their registries, under the same load."""

import glob
import itertools
import json
import os
import shutil
import subprocess
import time

import etcd
from nodes import Nodes
from report import Row
from workplace import Failure

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")

# The pause before another try, in ms (with as much jitter where the peer has one), that was found
# to be each one's best where many want one lock. Each is tried with its defaults, too.
RETRIES = {
    "redlock-4": 10,
    "redlock-5": 10,
    "sesamecare-redlock": 10,
    "redis-semaphore": 2,
    "redlock-universal": 2,
}
# How long each is tried to find the best, and how long the best is measured then.
TRY_SECONDS = 1
SECONDS = 2

_names = (f"bench-peers-{i}" for i in itertools.count())


class Rival:
    """The best of some Redlock peers for a load, at its best setting; to be measured in turns with
    redlockd."""

    def __init__(self, missing, measure):
        self._missing = missing
        self._measure = measure

    def measure(self):
        return self._measure() if not self._missing else {"per_second": 0}

    def row(self, row, figure, ours, theirs, bar):
        """Of each repetition, our figure by theirs, which is what measure() returned."""
        details = {"ours_per_second": ours, "peers": theirs}
        found = [one["per_second"] for one in theirs]
        if min(found) == 0:
            why = "no peer: " + (self._missing or "it got no lock")
            return Row(row, figure, [], "x", bar, details, why)
        return Row(row, figure, [a / b for a, b in zip(ours, found)], "x", bar, details)


class Peers:
    """`directory` is where the packages are installed, once. Without one there are no peers."""

    def __init__(self, workplace, directory):
        self._workplace = workplace
        self._directory = directory
        # Why there are no peers; "": they are there; None: not known yet.
        self._missing = None if directory else "not asked for"
        self.measured = []  # all of it, for the JSON

    def rivals(self, kind, workers, processes=1):
        """Finds them, by trying all: the best of all, and the best without auto-pipelining, which
        may be the same. kind: cold (a new name each time), or hot (all want the same)."""
        self._install()
        if self._missing:
            return Rival(self._missing, None), Rival(self._missing, None)

        def tried(pipelining):
            return [self._try(peer, options, kind, workers, processes)
                    for peer, retry in RETRIES.items()
                    for options in _settings(kind, retry, pipelining)]

        def rival(tries):
            best = max(tries, key=lambda one: one["per_second"])
            options = None if best["options"] == "defaults" else best["options"]
            return Rival("", lambda: self._try(best["peer"], options, kind, workers, processes,
                                               SECONDS))
        plain = tried(False)
        return rival(plain + tried(True)), rival(plain)

    def _install(self):
        if self._missing is not None:
            return
        os.makedirs(self._directory, exist_ok=True)
        for path in glob.glob(os.path.join(HERE, "*")):
            shutil.copy(path, self._directory)
        try:
            subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"],
                           cwd=self._directory, check=True, capture_output=True, text=True,
                           timeout=120)
            self._missing = ""
        except subprocess.CalledProcessError as error:
            self._missing = "npm install failed: " + error.stderr.strip()[:400]
        except (OSError, subprocess.TimeoutExpired) as error:
            self._missing = f"npm install failed: {error}"

    def _try(self, peer, options, kind, workers, processes=1, seconds=TRY_SECONDS):
        """A peer on nodes of its own."""
        with Nodes(self._workplace, 5) as nodes:
            cpu = nodes.cpu_seconds()
            result = self.measure(peer, [node.port for node in nodes], options, kind, workers,
                                  processes, seconds)
            done = max(1, result["per_second"] * seconds)
            result["nodes_cpu_us"] = (nodes.cpu_seconds() - cpu) * 1e6 / done
            return result

    def measure(self, peer, ports, options, kind, workers, processes=1, seconds=SECONDS):
        work = {"peer": peer, "ports": ports, "workers": workers // processes, "seconds": seconds,
                "options": options, "name": next(_names) if kind == "hot" else None}
        result = {"peer": peer, "options": options or "defaults", "kind": kind, "workers": workers,
                  "processes": processes}
        try:
            parts = self._run(work, processes)
            result["per_second"] = _figure(parts, kind) / seconds
            result["errors"] = _sum(part["errors"] for part in parts)
        except (Failure, OSError, ValueError) as error:
            result["per_second"] = 0
            result["errors"] = {str(error): 1}
        self.measured.append(result)
        return result

    def _run(self, work, processes):
        """What each of the processes printed."""
        if work["peer"] == "python3-redis":
            command = ["/usr/bin/python3", os.path.join(HERE, "python_redis.py")]
        else:
            command = ["node", os.path.join(self._directory, "worker.mjs")]
        workers = [self._workplace.start([*command, json.dumps(work)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE) for _ in range(processes)]
        try:
            for worker in workers:
                if worker.stdout.readline() != b"ready\n":
                    with open(worker.log, encoding="utf-8", errors="replace") as log:
                        raise Failure(f"{work['peer']} does not start: {log.read()[-300:]}")
            start = time.monotonic() + 0.1
            for worker in workers:
                worker.stdin.write(f"{start}\n".encode())
                worker.stdin.flush()
            return [json.loads(worker.stdout.readline()) for worker in workers]
        finally:
            for worker in workers:
                self._workplace.stop(worker)

    def references(self):
        """Rows to compare with, without a bar."""
        if not self._directory:
            return []
        self._install()
        rows = []
        for kind, workers, figure in (("cold", 64, "cold cycles/s, 64 workers"),
                                      ("hot", 32, "hand-offs/s, 32 workers")):
            for who, tries in (
                    ("best peer, with ioredis' auto-pipelining", self._pipelined(kind, workers)),
                    ("python3-redis, on one node", self._python(kind, workers)),
                    ("etcd, three members", [self._try_etcd(place, kind, workers)
                                             for place in etcd.PLACES])):
                rows.append(_reference(f"R{len(rows) + 1}", f"{who}: {figure}", tries))
        return rows

    def _pipelined(self, kind, workers):
        """The commands of a turn of the event loop in one write: not a setting of the peers, but of
        the client that they are given."""
        if self._missing:
            return [{"per_second": 0, "errors": {self._missing: 1}}]
        return [self._try(peer, {"pipelining": True, "retry": retry}, kind, workers)
                for peer, retry in RETRIES.items()]

    def _python(self, kind, workers):
        with Nodes(self._workplace, 1) as nodes:
            return [self.measure("python3-redis", [nodes[0].port], options, kind, workers)
                    for options in (None, {"sleep": 0.005})]

    def _try_etcd(self, place, kind, workers):
        try:
            with etcd.Cluster(self._workplace, place) as ports:
                result = self.measure("etcd", ports, None, kind, workers)
        except (Failure, OSError) as error:
            result = {"per_second": 0, "errors": {str(error): 1}}
        return {**result, "options": f"data in {place or 'the temporary folder'}"}


def _settings(kind, retry, pipelining):
    """Those that a peer is tried with: its defaults, and where many want one lock its best retry
    delay."""
    client = {"pipelining": True} if pipelining else {}
    return [client or None] + ([{**client, "retry": retry}] if kind == "hot" else [])


def _figure(parts, kind):
    if kind == "cold":
        return sum(part["cycles"] for part in parts)
    grants = sorted((time, process, worker) for process, part in enumerate(parts)
                    for time, worker in part["grants"])
    return sum(a[1:] != b[1:] for a, b in itertools.pairwise(grants))


def _sum(counts):
    total = {}
    for one in counts:
        for text, count in one.items():
            total[text] = total.get(text, 0) + count
    return total


def _reference(row, figure, tries):
    """The best of the tries."""
    best = max(tries, key=lambda one: one["per_second"])
    if best["per_second"] > 0:
        return Row(row, figure, [best["per_second"]], details={"tries": tries})
    return Row(row, figure, [], why="; ".join(best["errors"]))
