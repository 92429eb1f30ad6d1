"""Rows 10 and M: what many locks and many clients cost, and what is left of them."""

import instructions
from churn import churn
from crowd import crowd
from daemon import descriptors
from report import Row, at_most
from setting import USUAL, measured
from workplace import Failure

# Renewed after 100 s, by when a daemon that callgrind makes fifty times slower holds them all.
SLOW_TTL = 300
SESSIONS = 100  # that hold the leases


def rows_10(setting):
    # The daemon takes two descriptors for each client; not every machine lets a process have so
    # many.
    clients = min(setting.count(10000), (descriptors() - 200) // 2)
    leases = SESSIONS * setting.count(1000)

    def renewals():
        # A count, of one repetition: under callgrind it takes minutes, and noise does not matter.
        count = instructions.of_renewals(
            setting.workplace, setting.programs, setting.workplace.path("callgrind"),
            sessions=SESSIONS, locks=leases // SESSIONS, ttl=max(setting.seconds(SLOW_TTL), 15))
        return [[count]], {"count": count}

    def memory():
        held, idle = setting.rounds(lambda: _held_leases(setting, leases),
                                    lambda: _idle_clients(setting, clients))
        return [held, idle], {"held": held, "idle": idle}

    return measured(renewals, [
        Row("10", f"instructions for the renewal of one of {leases:,} leases", [], "",
            at_most(6000)),
    ]) + measured(memory, [
        Row("10b", f"memory for each of {leases:,} leases", [], "bytes", at_most(1000)),
        Row("10c", f"memory for each of {clients:,} idle clients", [], "bytes", at_most(1000)),
    ])


def _held_leases(setting, leases):
    with setting.world(USUAL) as (_, daemon):
        daemon.ask("lock bench-first")  # what there is once, from the first name on: 8 MB with LIMITS
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=SESSIONS,
                   locks=leases // SESSIONS, ttl="30s"):
            still = int(daemon.ask("list")[-1].split("holds=")[1].split()[0])
            memory = daemon.memory_bytes() - before
    if still < leases:
        raise Failure(f"{still:,} of {leases:,} leases were held")
    return memory / leases


def _idle_clients(setting, clients):
    with setting.world(USUAL) as (_, daemon):
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=clients):
            memory = daemon.memory_bytes() - before
    return memory / clients


def row_of_churn(setting):
    """An hour of it is compared with its first five minutes, a shorter one with its first third."""
    seconds = setting.seconds(60 * setting.churn)
    first = min(300, seconds / 3)
    sessions_per_second = setting.count(100_000) / seconds
    with setting.world(USUAL) as (_, daemon):
        with setting.noise.repetition(1):
            begun = churn(daemon, sessions_per_second, first)
            early = daemon.memory_bytes()
            rest = churn(daemon, sessions_per_second, seconds - first)
            late = daemon.memory_bytes()
    return [Row("M", f"memory after {seconds / 60:.2g} min of churn, {begun + rest:,} sessions / "
                f"after {first / 60:.2g} min", [late / early], "x", at_most(1.05),
                {"bytes": [early, late], "sessions": begun + rest,
                 "wanted_sessions": round(sessions_per_second * seconds)})]
