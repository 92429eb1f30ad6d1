"""Rows 10, M and U: what many locks and many clients cost, what is left of them, and a restart."""

import signal
import time

import instructions
from churn import churn
from crowd import crowd
from daemon import descriptors
from report import Row, at_most
from setting import USUAL, measured, values
from workplace import Failure, wait_for

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


def row_of_replacement(setting):
    """All clients ask at the moment at which the daemon is told to replace itself, and again until it has."""
    clients = min(setting.count(10000), (descriptors() - 200) // 2)
    locks = max(clients // 10, 1)
    with setting.world(USUAL) as (_, daemon), crowd(
            setting.workplace, setting.programs, daemon, sessions=clients, locks=1, holders=locks,
            ttl="30s") as clients_there:
        def replacement():
            usual, before = clients_there.ask(), daemon.started()
            wait_for("another second", lambda: time.time() > before + 1.1)
            daemon.signal(signal.SIGUSR2)
            slowest = clients_there.ask()
            while daemon.started() == before:
                slowest = max(slowest, clients_there.ask(), key=lambda one: one["seconds"])
            held = clients_there.ask()["held"]
            if held < locks:
                raise Failure(f"{held:,} of {locks:,} locks were held after it")
            return {"seconds": slowest["seconds"], "usual_seconds": usual["seconds"]}

        found, = setting.rounds(replacement)
    return [Row("U", f"restart: until all of {clients:,} clients that ask in it are answered, "
                f"{locks:,} of them holders", values(found, "seconds"), "s", at_most(1),
                {"usual_seconds": values(found, "usual_seconds")})]


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
