"""Rows 5 to 7: many who want the same lock."""

import itertools

from report import Row, at_least, at_most
from setting import PROCESSES, USUAL, at, median, ratio, rounds

_names = (f"bench-wanted-{i}" for i in itertools.count())


def rows_5_and_6(setting):
    clients = 32
    with setting.world(USUAL) as (nodes, daemon), setting.echo() as echo:
        def contend():
            before = nodes.scripts_run()
            result = setting.programs.load("contend", socket=daemon.socket, name=next(_names),
                                           clients=clients, processes=PROCESSES,
                                           seconds=setting.seconds(3))
            scripts = nodes.scripts_run() - before
            return {**result, "scripts_per_grant": scripts / max(1, result["grants"])}
        rival = setting.peers.rival("hot", clients)
        ours, trips, theirs = rounds(
            3, contend,
            lambda: setting.programs.load("ping", socket=echo, seconds=setting.seconds(0.5)),
            rival.measure)
    handoffs = median(ours, "handoffs_per_second")
    return [
        Row("5", f"hand-offs/s, {clients} local clients / round trips/s to the echo",
            ratio(ours, trips, "handoffs_per_second", of=("per_second",)), "x", at_least(0.5),
            {"handoffs_per_second": handoffs, "echo_per_second": median(trips, "per_second")}),
        rival.row("5b", f"hand-offs/s, {clients} local clients / the best peer's",
                  handoffs, theirs, at_least(50)),
        Row("5c", "their wait, p99", median(ours, "wait", "p99_us") / 1000, "ms", at_most(3)),
        Row("5d", "acquisitions of the least lucky of them / the luckiest's",
            min(result["least"] / max(1, result["most"]) for result in ours), "x", at_least(0.95)),
        Row("5e", f"hand-offs/s, {clients} local clients, to compare with R4 - R6", handoffs),
        Row("6", "Redis commands for one of their acquisitions",
            median(ours, "scripts_per_grant"), "", at_most(0.2)),
    ]


def rows_7(setting):
    rows = []
    for hosts, ids in ((2, ("7", "7b", "7c")), (4, ("7d", "7e", "7f"))):
        rows += _between_hosts(setting, hosts, ids)
    return rows


def _between_hosts(setting, hosts, ids):
    clients = 8
    with setting.world(USUAL, hosts) as (_, daemons):
        result = setting.programs.load("contend", socket=[daemon.socket for daemon in daemons],
                                       name=next(_names), clients=clients,
                                       seconds=setting.seconds(25))
    rival = setting.peers.rival("hot", hosts * clients, hosts)
    theirs = [rival.measure() for _ in range(3)]
    mean = at(result, "wait", "mean_us")
    longest = max(at(result, "wait", "max_us"), result["longest_pending_us"])
    who = f"{hosts} daemons x {clients} clients"
    return [
        rival.row(ids[0], f"changes of host/s, {who} / the best peer's hand-offs/s",
                  result["host_changes_per_second"], theirs, at_least(3)),
        Row(ids[1], f"longest wait / mean wait, {who}", longest / mean, "x", at_most(10),
            {"mean_ms": mean / 1000, "longest_ms": longest / 1000, "grants": result["grants"]}),
        Row(ids[2], f"longest time without a grant, {who}", result["longest_gap_us"] / 1000, "ms",
            at_most(50)),
    ]
