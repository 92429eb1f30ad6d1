"""What goes wrong during a soak, one thing after the other; a seed decides what, and when."""

import random
import time

from workplace import Failure

# A file is changed between these, all of which a reload applies.
CHANGES = ["lease: {ttl: 4s, max_ttl: 5s, linger: 50ms}\ntimeouts: {command: 400ms}\n",
           "lease: {ttl: 4s, max_ttl: 5s, linger: 200ms}\ntimeouts: {command: 500ms}\n"]
FENCES = "safety: {fence_life: 60s}\n"  # else nodes keep fences of names used once for ten minutes
SETTINGS = CHANGES[0] + FENCES
RECOVERY = 120  # seconds in which a node that was away must vote again


class Trouble:
    """`pause` is between which seconds one thing follows on another; `clock` is asked for the time.
    No more than one node is away at a time, from the first sign until it votes again: that is what
    the locks are promised to go on through."""

    def __init__(self, nodes, daemons, crew, seed, pause, clock):
        self._nodes, self._daemons, self._crew = nodes, daemons, crew
        self._random = random.Random(seed)
        self._pause = pause
        self._clock = clock
        self._changes = {daemon: 0 for daemon in daemons}
        self.away = None     # the node that cannot be asked
        self.happened = []   # (when, what)

    KINDS = ("node stopped", "node killed", "clients killed", "reload")

    def course(self):
        """Goes on without an end; yields the seconds to wait before the next step, or None when
        all is well again."""
        while True:
            kinds = list(self.KINDS)
            self._random.shuffle(kinds)
            for kind in kinds:
                yield self._random.uniform(*self._pause)
                self.happened.append((self._clock(), kind))
                yield from getattr(self, "_" + kind.replace(" ", "_"))()
                yield None

    def all_kinds_happened(self):
        return {kind for _, kind in self.happened} == set(self.KINDS)

    def _node_stopped(self):
        self.away = node = self._random.choice(self._nodes)
        node.freeze()
        yield self._random.uniform(*self._pause)
        node.thaw()
        yield from self._recovery()

    def _node_killed(self):
        self.away = node = self._random.choice(self._nodes)
        node.kill()
        yield self._random.uniform(*self._pause)
        node.start_again()
        yield from self._recovery()

    def _recovery(self):
        self.away = None
        end = self._clock() + RECOVERY
        while not all(daemon.all_vote(len(self._nodes)) for daemon in self._daemons):
            if self._clock() > end:
                raise Failure(f"not all nodes vote {RECOVERY} s after one came back")
            yield 0.1

    def _clients_killed(self):
        self._crew.hire(self._crew.kill(self._random.randrange(len(self._crew))))
        yield 0

    def _reload(self):
        daemon = self._random.choice(self._daemons)
        self._changes[daemon] += 1
        count = self._changes[daemon]
        asked = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        daemon.reload(CHANGES[count % len(CHANGES)] + FENCES)
        end = self._clock() + 30
        while not daemon.reloaded_since(asked):
            if self._clock() > end:
                raise Failure("a reload was asked for and not done in 30 s")
            yield 0.05
