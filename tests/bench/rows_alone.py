"""Rows 1 to 4, L, V and S: locks that nobody else wants."""

from report import Row, at_least, at_most
from setting import OFF, PROCESSES, USUAL, at, median, ratios, values


def row_1(setting):
    def cold(socket):
        return lambda: setting.programs.load("cycle", socket=socket, fresh=True,
                                             seconds=setting.seconds(2))
    with setting.world(OFF) as (nodes, daemon), setting.proxy_floor(nodes) as proxy:
        ours, floor, proxied = setting.rounds(
            cold(daemon.socket), lambda: setting.floor(nodes, 1, 2), cold(proxy))
    details = {"p50_us": median(ours, "cycle", "p50_us"),
               "floor_p50_us": median(floor, "cycle", "p50_us"),
               "proxy_floor_p50_us": median(proxied, "cycle", "p50_us"),
               "acquire_p50_us": median(ours, "acquire", "p50_us")}
    return [Row("1", "cold cycle, one client, p50 / the floor's",
                ratios(ours, floor, "cycle", "p50_us"), "x", at_most(1.15), details),
            Row("1b", "cold cycle, one client, p50 / the proxy floor's",
                ratios(ours, proxied, "cycle", "p50_us"), "x", at_most(1.0))]


def rows_2_and_3(setting):
    clients = 64
    best, plain = setting.peers.rivals("cold", clients)
    with setting.world(OFF) as (nodes, daemon):
        def cold():
            cpu, nodes_cpu = daemon.cpu_seconds(), nodes.cpu_seconds()
            result = setting.programs.load("cycle", socket=daemon.socket, clients=clients,
                                           processes=PROCESSES, fresh=True,
                                           seconds=setting.seconds(2))
            return {**result, "cpu_us": _each(daemon.cpu_seconds() - cpu, result),
                    "nodes_cpu_us": _each(nodes.cpu_seconds() - nodes_cpu, result)}

        def bare():
            nodes_cpu = nodes.cpu_seconds()
            result = setting.floor(nodes, clients, 2, plain=True)
            return {**result, "nodes_cpu_us": _each(nodes.cpu_seconds() - nodes_cpu, result)}

        ours, floor, plainly, of_best, of_plain = setting.rounds(
            cold, lambda: setting.floor(nodes, clients, 2), bare, best.measure, plain.measure)
    # Which one is best was found in a second of each; in the repetitions it may be the other one.
    of_best = [max(pair, key=lambda one: one["per_second"]) for pair in zip(of_best, of_plain)]
    details = {"per_second": median(ours, "per_second"),
               "floor_per_second": median(floor, "per_second"),
               "p50_us": median(ours, "cycle", "p50_us"), "p99_us": median(ours, "cycle", "p99_us")}
    figure = f"cold cycles/s, {clients} clients"
    per_second = values(ours, "per_second")
    return [
        best.row("2", f"{figure} / the best peer's of all", per_second, of_best, at_least(1.5)),
        plain.row("2b", f"{figure} / the best peer's without auto-pipelining", per_second, of_plain,
                  at_least(4)),
        Row("2c", f"{figure}, to compare with R1 - R3", per_second, details=details),
        Row("2d", f"{figure} / the floor's", ratios(ours, floor, "per_second"), "x"),
        Row("2n", f"CPU of the nodes for a cold cycle, {clients} clients / for SET NX and a "
            "compare and delete", ratios(ours, plainly, "nodes_cpu_us"), "x", at_most(1.3),
            {"nodes_cpu_us": median(ours, "nodes_cpu_us"),
             "plain_nodes_cpu_us": median(plainly, "nodes_cpu_us"),
             "best_peer_nodes_cpu_us": [one.get("nodes_cpu_us") for one in of_best]}),
        Row("3", f"daemon's CPU for a cold cycle, {clients} clients / the floor's own",
            ratios(ours, floor, "cpu_us"), "x", at_most(2.5),
            {"cpu_us": median(ours, "cpu_us"), "floor_cpu_us": median(floor, "cpu_us")}),
    ]


def _each(seconds, result):
    """Microseconds for each cycle of a load."""
    return seconds * 1e6 / max(1, at(result, "cycle", "count"))


def row_4(setting):
    with setting.world(USUAL) as (_, daemon), setting.echo() as echo:
        ours, trips = setting.rounds(
            lambda: setting.programs.load("cycle", socket=daemon.socket,
                                          seconds=setting.seconds(2)),
            lambda: setting.programs.load("ping", socket=echo, seconds=setting.seconds(1)))
    return [Row("4", "warm cycle, p50 / a round trip to the echo",
                ratios(ours, trips, "cycle", "p50_us", of=("trip", "p50_us")), "x", at_most(2.3),
                {"p50_us": median(ours, "cycle", "p50_us"),
                 "echo_p50_us": median(trips, "trip", "p50_us")})]


def row_of_lone_client(setting):
    with setting.world(USUAL) as (_, daemon):
        ours, = setting.rounds(lambda: setting.programs.load("cycle", socket=daemon.socket,
                                                             seconds=setting.seconds(60)))
    return [Row("L", f"lone busy client, {setting.seconds(60):g} s: warm cycle, p99.9",
                [us / 1000 for us in values(ours, "cycle", "p999_us")], "ms", at_most(5),
                {"cycles": [one["cycle"] for one in ours]})]


def row_of_looks(setting):
    with setting.world(USUAL) as (_, daemon):
        looks, = setting.rounds(lambda: setting.programs.run(
            "bench_looks", socket=daemon.socket, count=setting.count(1_000_000)))
    return [Row("V", "valid() of a hold in C++ / a read of the clock",
                ratios(looks, looks, "valid_ns", of=("clock_ns",)), "x", None,
                {"valid_ns": median(looks, "valid_ns"), "clock_ns": median(looks, "clock_ns")})]


def rows_of_scripts(setting):
    with setting.world(OFF) as (nodes, _):
        port, count = nodes[0].port, setting.count(10000)

        def time_scripts():
            times = [setting.programs.run("bench_floor", "scripts", port=port, count=count)
                     for _ in range(3)]
            # The node's count is of the wall's clock, and each run of a script the same work: the
            # least is what was disturbed least.
            return {name: min(values(times, name))
                    for name in ("acquire_us", "release_us", "bare_us")}
        times, = setting.rounds(time_scripts)
    return [Row(row, f"time of {script} in a node / of GET + INCR + SET",
                ratios(times, times, f"{script}_us", of=("bare_us",)), "x", at_most(2.5),
                {"repetitions": times})
            for row, script in (("S", "acquire"), ("Sb", "release"))]
