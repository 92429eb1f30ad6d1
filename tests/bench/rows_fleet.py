"""Rows F and F2: one name that many hosts want."""

from fleet import Fleet
from report import Row, at_least, at_most
from setting import USUAL, at, measured, ratios, values
from workplace import Failure

HOLD = 0.002


def rows_of_fleet(setting):
    few, many = (8, 16) if setting.is_quick else (8, 256)

    def measure():
        less, more = setting.rounds(lambda: _turns(setting, few), lambda: _turns(setting, many))
        return [ratios(more, less, "grants_per_second"), values(more, "longest_gap_ms"),
                ratios(more, less, "commands_per_grant")], \
               {f"{few} daemons": less, f"{many} daemons": more}

    return measured(measure, [
        Row("F", f"grants/s of one name held for 2 ms, {many} daemons / {few} daemons", [], "x",
            at_least(0.5)),
        Row("Fb", f"longest time without a grant, {many} daemons", [], "ms", at_most(150)),
        Row("Fc", f"commands in a node for a grant, {many} daemons / {few} daemons", [], "x",
            at_most(2)),
    ])


def rows_of_simulated_fleet(setting):
    hosts = 20 if setting.is_quick else 1000

    def measure():
        found = setting.programs.simulated_crowd(hosts)
        return [[at(found, "scripts a second, while one holds it")],
                [at(found, "scripts a grant, on each node")]], found

    return measured(measure, [
        Row("F2", f"scripts/s of a node, 1 of {hosts:,} holds a name, simulated", [], "",
            at_most(500)),
        Row("F2b", f"scripts of a node for a grant, {hosts:,} daemons, simulated", [], "",
            at_most(12)),
    ])


def _turns(setting, hosts):
    """How it went when a client on each of the hosts wanted one name."""
    with setting.world(USUAL, hosts) as (nodes, daemons), \
         Fleet(daemons, "bench-fleet", HOLD) as fleet:
        fleet.run(60, enough=fleet.all_served)
        served = sum(taker.times_granted > 0 for taker in fleet.takers)
        commands = nodes.commands_run()
        start, *grants, end = times = fleet.run(max(setting.seconds(8), 1))
        commands = nodes.commands_run() - commands
    if not grants:
        raise Failure(f"{hosts} daemons: no grant in {end - start:.1f} s")
    return {"grants_per_second": len(grants) / (end - start),
            "longest_gap_ms": 1000 * max(b - a for a, b in zip(times, times[1:])),
            "commands_per_grant": commands / len(grants) / len(nodes),
            "served_in_the_warm_up": served}
