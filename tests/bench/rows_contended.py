"""Rows 5 to 7: many who want the same lock."""

import itertools

from report import Row, at_least, at_most
from setting import PROCESSES, USUAL, at, median, ratios, values

_names = (f"bench-wanted-{i}" for i in itertools.count())


def rows_5_and_6(setting):
    clients = 32
    best, _ = setting.peers.rivals("hot", clients)
    with setting.world(USUAL) as (nodes, daemon), setting.echo() as echo:
        def contend():
            before = nodes.scripts_run()
            result = setting.programs.load("contend", socket=daemon.socket, name=next(_names),
                                           clients=clients, processes=PROCESSES,
                                           seconds=setting.seconds(3))
            scripts = nodes.scripts_run() - before
            return {**result, "scripts_per_grant": scripts / max(1, result["grants"]),
                    "least_by_most": result["least"] / max(1, result["most"])}
        ours, trips, theirs = setting.rounds(
            contend,
            lambda: setting.programs.load("ping", socket=echo, seconds=setting.seconds(0.5)),
            best.measure)
    handoffs = values(ours, "handoffs_per_second")
    return [
        Row("5", f"hand-offs/s, {clients} local clients / round trips/s to the echo",
            ratios(ours, trips, "handoffs_per_second", of=("per_second",)), "x", at_least(0.5),
            {"handoffs_per_second": handoffs, "echo_per_second": median(trips, "per_second")}),
        best.row("5b", f"hand-offs/s, {clients} local clients / the best peer's of all",
                 handoffs, theirs, at_least(8)),
        Row("5c", "their wait, p99", [us / 1000 for us in values(ours, "wait", "p99_us")], "ms",
            at_most(3)),
        Row("5d", "acquisitions of the least lucky of them / the luckiest's",
            values(ours, "least_by_most"), "x", at_least(0.95)),
        Row("5e", f"hand-offs/s, {clients} local clients, to compare with R4 - R6", handoffs),
        Row("6", "Redis commands for one of their acquisitions",
            values(ours, "scripts_per_grant"), "", at_most(0.2)),
    ]


def rows_7(setting):
    rows = []
    for hosts, ids in ((2, ("7", "7b", "7c", "7g")), (4, ("7d", "7e", "7f", "7h"))):
        rows += _between_hosts(setting, hosts, ids)
    return rows


def _between_hosts(setting, hosts, ids):
    clients = 8
    best, _ = setting.peers.rivals("hot", hosts * clients, hosts)
    with setting.world(USUAL, hosts) as (_, daemons):
        def contend():
            result = setting.programs.load("contend", socket=[daemon.socket for daemon in daemons],
                                           name=next(_names), clients=clients,
                                           seconds=setting.seconds(25))
            longest = max(at(result, "wait", "max_us"), result["longest_pending_us"])
            return {**result, "longest_by_mean": longest / at(result, "wait", "mean_us")}
        ours, theirs = setting.rounds(contend, best.measure)
    who = f"{hosts} daemons x {clients} clients"
    return [
        best.row(ids[0], f"changes of host/s, {who} / the best peer's hand-offs/s",
                 values(ours, "host_changes_per_second"), theirs, at_least(2)),
        Row(ids[1], f"longest wait / mean wait, {who}", values(ours, "longest_by_mean"), "x",
            at_most(10), {"rounds": ours}),
        Row(ids[2], f"longest time without a grant, {who}",
            [us / 1000 for us in values(ours, "longest_gap_us")], "ms", at_most(50)),
        best.row(ids[3], f"hand-offs/s of all clients, {who} / the best peer's",
                 values(ours, "handoffs_per_second"), theirs, at_least(5)),
    ]
