"""Row 10: what many locks and many clients cost."""

import time

from crowd import crowd
from daemon import descriptors
from report import Row, at_most
from setting import USUAL


def rows_10(setting):
    return _held_leases(setting) + _idle_clients(setting)


def _held_leases(setting):
    sessions, locks = 100, setting.count(1000)
    with setting.world(USUAL) as (_, daemon):
        daemon.ask("lock bench-first")  # what there is once, from the first name on: 8 MB with LIMITS
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=sessions, locks=locks,
                   ttl="30s") as held:
            # Each lease is renewed every 10 s, so twice in any 20 s.
            cpu, start = daemon.cpu_seconds(), time.monotonic()
            time.sleep(setting.seconds(20))
            cpu = daemon.cpu_seconds() - cpu
            seconds = time.monotonic() - start
            memory = daemon.memory_bytes() - before
            still = int(daemon.ask("list")[-1].split("holds=")[1].split()[0])
    details = {**held, "held_at_the_end": still, "seconds": seconds}
    leases = f"{sessions * locks:,} leases of 30 s"
    if still < sessions * locks:
        why = f"{still:,} of {leases} were held"
        return [Row("10", f"a core's share to renew {leases}", None, "%", at_most(5), details, why),
                Row("10b", "memory for each of them", None, "bytes", at_most(1000), details, why)]
    return [Row("10", f"a core's share to renew {leases}", 100 * cpu / seconds, "%", at_most(5),
                details),
            Row("10b", "memory for each of them", memory / still, "bytes", at_most(1000))]


def _idle_clients(setting):
    # The daemon takes two descriptors for each; not every machine lets a process have so many.
    clients = min(setting.count(10000), (descriptors() - 200) // 2)
    with setting.world(USUAL) as (_, daemon):
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=clients):
            memory = daemon.memory_bytes() - before
    return [Row("10c", f"memory for each of {clients:,} idle clients", memory / clients, "bytes",
                at_most(1000))]
