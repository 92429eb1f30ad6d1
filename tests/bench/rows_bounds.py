"""Rows 10 and M: what many locks and many clients cost, and what is left of them."""

import instructions
from churn import churn
from crowd import crowd
from daemon import descriptors
from report import Row, at_most
from setting import USUAL, values
from workplace import Failure


def rows_10(setting):
    leases, clients = setting.rounds(lambda: _held_leases(setting), lambda: _idle_clients(setting))
    return [_renewals(setting),
            Row("10b", f"memory for each of {leases[0]['count']:,} leases",
                values(leases, "bytes"), "bytes", at_most(1000), {"repetitions": leases}),
            Row("10c", f"memory for each of {clients[0]['count']:,} idle clients",
                values(clients, "bytes"), "bytes", at_most(1000))]


def _renewals(setting):
    """A count, of one repetition: under callgrind it takes minutes, and the machine's noise does
    not matter."""
    locks = setting.count(1000)
    figure = f"instructions for the renewal of one of {100 * locks:,} leases"
    try:
        count = instructions.of_renewals(setting.workplace, setting.programs,
                                         setting.workplace.path("callgrind"), sessions=100,
                                         locks=locks, seconds=setting.seconds(50))
    except (Failure, OSError) as failure:
        return Row("10", figure, [], "", at_most(6000), why=str(failure))
    return Row("10", figure, [count], "", at_most(6000))


def _held_leases(setting):
    sessions, locks = 100, setting.count(1000)
    with setting.world(USUAL) as (_, daemon):
        daemon.ask("lock bench-first")  # what there is once, from the first name on: 8 MB with LIMITS
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=sessions, locks=locks,
                   ttl="30s"):
            still = int(daemon.ask("list")[-1].split("holds=")[1].split()[0])
            memory = daemon.memory_bytes() - before
    if still < sessions * locks:
        raise Failure(f"{still:,} of {sessions * locks:,} leases were held")
    return {"count": still, "bytes": memory / still}


def _idle_clients(setting):
    # The daemon takes two descriptors for each; not every machine lets a process have so many.
    clients = min(setting.count(10000), (descriptors() - 200) // 2)
    with setting.world(USUAL) as (_, daemon):
        before = daemon.memory_bytes()
        with crowd(setting.workplace, setting.programs, daemon, sessions=clients):
            memory = daemon.memory_bytes() - before
    return {"count": clients, "bytes": memory / clients}


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
    return [Row("M", f"resident memory after {seconds / 60:.2g} min of churn / after "
                f"{first / 60:.2g} min", [late / early], "x", at_most(1.05),
                {"bytes": [early, late], "sessions": begun + rest,
                 "wanted_sessions": round(sessions_per_second * seconds)})]
