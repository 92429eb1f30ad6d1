"""Row 10: what many locks and many clients cost."""

import contextlib
import json
import subprocess
import time

from daemon import descriptors
from report import Row, at_most
from setting import USUAL
from workplace import Failure


def rows_10(setting):
    return _held_leases(setting) + _idle_clients(setting)


@contextlib.contextmanager
def _crowd(setting, daemon, **options):
    """Clients that are there, and what they hold."""
    command = setting.programs.command("bench_load", "crowd", socket=daemon.socket, **options)
    process = setting.workplace.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        said = process.stdout.readline()
        if not said:
            raise Failure("the crowd of clients did not come together")
        yield json.loads(said)
    finally:
        setting.workplace.stop(process)


def _held_leases(setting):
    sessions, locks = 100, setting.count(1000)
    with setting.world(USUAL) as (_, daemon):
        before = daemon.memory_bytes()
        with _crowd(setting, daemon, sessions=sessions, locks=locks, ttl="30s") as crowd:
            # Each lease is renewed every 10 s, so twice in any 20 s.
            cpu, start = daemon.cpu_seconds(), time.monotonic()
            time.sleep(setting.seconds(20))
            cpu = daemon.cpu_seconds() - cpu
            seconds = time.monotonic() - start
            memory = daemon.memory_bytes() - before
            still = int(daemon.ask("list")[-1].split("holds=")[1].split()[0])
    details = {**crowd, "held_at_the_end": still, "seconds": seconds}
    held = f"{sessions * locks:,} leases of 30 s"
    if still < sessions * locks:
        why = f"{still:,} of {held} were held"
        return [Row("10", f"a core's share to renew {held}", None, "%", at_most(5), details, why),
                Row("10b", "memory for each of them", None, "bytes", at_most(1000), details, why)]
    return [Row("10", f"a core's share to renew {held}", 100 * cpu / seconds, "%", at_most(5),
                details),
            Row("10b", "memory for each of them", memory / still, "bytes", at_most(1000))]


def _idle_clients(setting):
    # The daemon takes two descriptors for each; not every machine lets a process have so many.
    clients = min(setting.count(10000), (descriptors() - 200) // 2)
    with setting.world(USUAL) as (_, daemon):
        before = daemon.memory_bytes()
        with _crowd(setting, daemon, sessions=clients):
            memory = daemon.memory_bytes() - before
    return [Row("10c", f"memory for each of {clients:,} idle clients", memory / clients, "bytes",
                at_most(1000))]
