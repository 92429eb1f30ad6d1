"""Rows 1 to 4: locks that nobody else wants."""

from report import Row, at_least, at_most
from setting import OFF, PROCESSES, USUAL, at, median, ratio, rounds


def row_1(setting):
    with setting.world(OFF) as (nodes, daemon):
        ours, floor = rounds(
            5,
            lambda: setting.programs.load("cycle", socket=daemon.socket, fresh=True,
                                          seconds=setting.seconds(1)),
            lambda: setting.floor(nodes, 1, 1))
    return [Row("1", "cold cycle, one client, p50 / the floor's",
                ratio(ours, floor, "cycle", "p50_us"), "x", at_most(1.0),
                {"p50_us": median(ours, "cycle", "p50_us"),
                 "floor_p50_us": median(floor, "cycle", "p50_us"),
                 "acquire_p50_us": median(ours, "acquire", "p50_us")})]


def rows_2_and_3(setting):
    clients = 64
    with setting.world(OFF) as (nodes, daemon):
        def cold():
            before = daemon.cpu_seconds()
            result = setting.programs.load("cycle", socket=daemon.socket, clients=clients,
                                           processes=PROCESSES, fresh=True,
                                           seconds=setting.seconds(2))
            cpu = daemon.cpu_seconds() - before
            return {**result, "cpu_us": cpu * 1e6 / max(1, result["cycle"]["count"])}
        rival = setting.peers.rival("cold", clients)
        ours, floor, theirs = rounds(3, cold, lambda: setting.floor(nodes, clients, 2),
                                     rival.measure)
    details = {"per_second": median(ours, "per_second"),
               "floor_per_second": median(floor, "per_second"),
               "p50_us": median(ours, "cycle", "p50_us"), "p99_us": median(ours, "cycle", "p99_us")}
    return [
        Row("2", f"cold cycles/s, {clients} clients / the floor's",
            ratio(ours, floor, "per_second"), "x", at_least(0.6), details),
        rival.row("2b", f"cold cycles/s, {clients} clients / the best peer's",
                  details["per_second"], theirs, at_least(4)),
        Row("2c", f"cold cycles/s, {clients} clients, to compare with R1 - R3",
            details["per_second"]),
        Row("3", f"daemon's CPU for a cold cycle, {clients} clients", median(ours, "cpu_us"), "us",
            at_most(25)),
    ]


def row_4(setting):
    with setting.world(USUAL) as (_, daemon), setting.echo() as echo:
        ours, trips = rounds(
            5,
            lambda: setting.programs.load("cycle", socket=daemon.socket,
                                          seconds=setting.seconds(1)),
            lambda: setting.programs.load("ping", socket=echo, seconds=setting.seconds(0.5)))
    return [Row("4", "warm cycle, p50 / a round trip to the echo",
                ratio(ours, trips, "cycle", "p50_us", of=("trip", "p50_us")), "x", at_most(2.3),
                {"p50_us": median(ours, "cycle", "p50_us"),
                 "echo_p50_us": median(trips, "trip", "p50_us")})]


def rows_of_scripts(setting):
    with setting.world(OFF) as (nodes, _):
        port, count = nodes[0].port, setting.count(10000)
        times = [setting.programs.run("bench_floor", "scripts", port=port, count=count)
                 for _ in range(7)]
    # The node's count is of the wall's clock, and each run of a script the same work: the least is
    # what was disturbed least.
    least = {name: min(at(time, name) for time in times)
             for name in ("acquire_us", "release_us", "bare_us")}
    return [Row(row, f"time of {script} in a node / of GET + INCR + SET",
                least[f"{script}_us"] / least["bare_us"], "x", at_most(2.5), least)
            for row, script in (("S", "acquire"), ("Sb", "release"))]
