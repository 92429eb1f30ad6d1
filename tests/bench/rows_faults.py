"""Rows 8 and 9: nodes that fail, holders that die."""

import statistics

from nodes import Nodes
from report import Row, at_most
from setting import OFF, USUAL, ratios, values


def rows_8(setting):
    minority = (setting.node_count - 1) // 2
    cases = {}
    with setting.world(OFF) as (_, healthy):
        for count in range(1, minority + 1):
            for word, fail in (("refused", Nodes.kill), ("stopped", Nodes.freeze)):
                cases[f"{count} {word}"] = _acquire_without(setting, healthy, count, fail)
    return [_worst("8", "p50", cases, 1.2), _worst("8b", "p99", cases, 2)]


def _acquire_without(setting, healthy, count, fail):
    """One client's acquires where some nodes have just gone, in turns with a healthy daemon's."""
    def acquire(daemon):
        return setting.programs.load("cycle", socket=daemon.socket, fresh=True,
                                     seconds=setting.seconds(1))["acquire"]
    with setting.world(OFF) as (nodes, failing):
        acquire(failing)  # what happens only once
        fail(nodes, count)
        return setting.rounds(lambda: acquire(failing), lambda: acquire(healthy))


def _worst(row, percentile, cases, limit):
    found = {name: ratios(*case, percentile + "_us") for name, case in cases.items()}
    worst = max(found, key=lambda name: statistics.median(found[name]))
    return Row(row, f"acquire, {percentile}, nodes away ({worst}) / healthy",
               found[worst], "x", at_most(limit), found)


def rows_9(setting):
    with setting.world(USUAL, 2) as (_, (near, far)):
        def killed(waiter):
            return setting.programs.load("kill", socket=near.socket, waiter_socket=waiter.socket,
                                         times=setting.count(200))["after_kill"]
        local, remote = setting.rounds(lambda: killed(near), lambda: killed(far))

    def milliseconds(results, percentile):
        return [us / 1000 for us in values(results, percentile + "_us")]
    return [
        Row("9", "holder killed: next local holder, p50", milliseconds(local, "p50"), "ms",
            at_most(1), {"local": local, "remote": remote}),
        Row("9b", "holder killed: next local holder, p99", milliseconds(local, "p99"), "ms",
            at_most(2)),
        Row("9c", "holder killed: next remote holder, p99", milliseconds(remote, "p99"), "ms",
            at_most(10)),
    ]
