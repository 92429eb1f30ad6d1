"""clients.py SOCKET HOT...: clients of a daemon, in one process, until it is killed. Some want the
hot names, each of which many want; one takes names that nobody else has; one holds for longer than
a lease. They come and go. Prints a line for each thing that the soak is to know:

    grant NAME FENCE NS DEADLINE    a client has read that it holds NAME
    end NAME FENCE NS               and is about to let go of it, or knows that it has lost it
    cold US                         how long the lock and unlock of a name of its own took
    refused CODE                    a request was answered with an error that may happen
    problem TEXT                    what must not happen

Times are nanoseconds of CLOCK_BOOTTIME, as the daemon's deadlines are.
"""

import asyncio
import itertools
import os
import random
import sys
import time

CONTENDERS = 6
LEASE = 4  # seconds: the ttl that the soak's daemons have
MAY_HAPPEN = {"timeout", "busy", "no-quorum"}  # where others want a lock, or nodes are away

_numbers = itertools.count()


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def say(*words):
    # In one write, whatever Python's buffering is: a kill leaves no half of a line then.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Lost(Exception):
    """The connection is gone, or what came was no answer."""


class Session:
    """A connection. One request at a time; what it holds ends with it."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self._held = {}  # by name: its fence and the deadline that is known

    @classmethod
    async def open(cls, path):
        return cls(*await asyncio.open_unix_connection(path))

    async def lock(self, name, options=""):
        """Whether it got the lock."""
        words = await self._ask(f"lock {name} {options}".strip())
        if words[0] == "ERR":
            say("refused" if words[1] in MAY_HAPPEN else "problem", *words[1:2])
            return False
        fields = _fields(words)
        self._held[name] = (fields["fence"], int(fields["deadline"]))
        say("grant", name, fields["fence"], now(), fields["deadline"])
        return True

    async def unlock(self, name):
        if not self._end(name):
            return  # lost
        words = await self._ask(f"unlock {name}")
        if words[0] == "ERR" and words[1] != "lost":
            say("problem", "unlock:", *words[1:])

    async def hold(self, seconds):
        """Reads events meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self._event(await asyncio.wait_for(self._line(), left))
            except asyncio.TimeoutError:
                return

    def close(self):
        """Lets go of all, as the end of its process would."""
        for name in list(self._held):
            self._end(name)
        self._writer.close()

    async def _ask(self, line):
        self._writer.write(line.encode() + b"\n")
        while True:
            words = await self._line()
            if words[0] in ("OK", "ERR"):
                return words
            self._event(words)

    async def _line(self):
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise Lost("the daemon closed the connection")
        return line.decode().split()

    def _event(self, words):
        fields = _fields(words)
        name = fields.get("lock")
        if words[0] != "*" or name not in self._held or self._held[name][0] != fields.get("fence"):
            return
        if words[1] == "LOST":
            self._end(name)
        elif "deadline" in fields:
            self._held[name] = (fields["fence"], int(fields["deadline"]))

    def _end(self, name):
        """Says that the hold is over, which it is at its deadline at the latest."""
        held = self._held.pop(name, None)
        if held:
            say("end", name, held[0], min(now(), held[1]))
        return held


def _fields(words):
    return dict(word.split("=", 1) for word in words if "=" in word and not word.startswith(":"))


def _own_name():
    return f"soak-own-{os.getpid()}-{next(_numbers)}"


async def contend(session, hot):
    """Some turns of a hot name: waits, gives up, holds for a while."""
    for _ in range(random.randint(1, 8)):
        name = random.choice(hot)
        if await session.lock(name, random.choice(["", "wait=0", "wait=20ms", "wait=2s"])):
            await session.hold(random.choice([0, 0.002, 0.005, 0.1]))
            if random.random() < 0.1:
                return  # hangs up while it holds
            await session.unlock(name)
        await session.hold(random.uniform(0, 0.1))


async def take_own(session, _):
    """Names that are used once; how long that takes is what the soak's latencies are."""
    for _ in range(20):
        name = _own_name()
        start = time.monotonic()
        if await session.lock(name, "wait=10s"):
            await session.unlock(name)
            say("cold", round(1e6 * (time.monotonic() - start)))
        await session.hold(0.05)


async def hold_long(session, hot):
    """A lease that is renewed, of a name of its own or of a hot one."""
    name = random.choice([*hot, *(_own_name() for _ in hot)])
    if await session.lock(name, "wait=10s events=renew"):
        await session.hold(random.uniform(0, 2 * LEASE if name not in hot else LEASE / 4))
        await session.unlock(name)


async def again(path, hot, client):
    """One client after the other."""
    while True:
        session = await Session.open(path)
        try:
            await client(session, hot)
        finally:
            session.close()


async def main(path, hot):
    clients = [contend] * CONTENDERS + [take_own, hold_long]
    await asyncio.gather(*(again(path, hot, client) for client in clients))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
    except (Lost, OSError, ValueError, KeyError) as error:
        say("problem", type(error).__name__, error)
        sys.exit(1)
