"""Measures redlockd; scripts/bench calls it with the folder of a build."""

import argparse
import dataclasses
import datetime
import os
import platform
import signal
import subprocess
import sys
import time

import instructions
import report
import rows_alone
import rows_bounds
import rows_contended
import rows_faults
import rows_fleet
import svg
from daemon import descriptors
from noise import Noise, Probe
from peers import Peers
from programs import Programs
from setting import CHURN, Setting
from workplace import Failure, Workplace

# What can be asked for with --rows, and who measures it.
GROUPS = [
    (("1",), rows_alone.row_1),
    (("2", "3"), rows_alone.rows_2_and_3),
    (("4",), rows_alone.row_4),
    (("L",), rows_alone.row_of_lone_client),
    (("V",), rows_alone.row_of_looks),
    (("5", "6"), rows_contended.rows_5_and_6),
    (("7",), rows_contended.rows_7),
    (("8",), rows_faults.rows_8),
    (("9",), rows_faults.rows_9),
    (("10",), rows_bounds.rows_10),
    (("M",), rows_bounds.row_of_churn),
    (("U",), rows_bounds.row_of_replacement),
    (("F",), rows_fleet.rows_of_fleet),
    (("F2",), rows_fleet.rows_of_simulated_fleet),
    (("S",), rows_alone.rows_of_scripts),
    (("R",), lambda setting: setting.peers.references()),
]
CORES = 2  # that a run uses, whatever the machine has


def _minutes(text):
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0
    if not 1 <= minutes <= 1440:
        raise argparse.ArgumentTypeError(f"'{text}': expected minutes from 1 to 1440")
    return minutes


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the build")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=lambda text: text.split(","))
    parser.add_argument("--churn", type=_minutes, default=CHURN)
    parser.add_argument("--json")
    parser.add_argument("--svg")
    return parser.parse_args()


def measure(setting, wanted):
    rows = []
    for ids, group in GROUPS:
        if wanted and not set(wanted) & set(ids):
            continue
        start = time.monotonic()
        print(f"row {' and '.join(ids)} ...", end="", file=sys.stderr, flush=True)
        try:
            found = group(setting)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            found = [report.Row(row, "not measured", [], why=str(failure)) for row in ids]
        disturbed = setting.noise.take()
        for row in found:
            row.disturbed = disturbed
        rows += found
        print(f" {time.monotonic() - start:.0f} s", file=sys.stderr)
    return rows


def probe(setting):
    return Probe.of(setting.programs.load("noise", seconds=setting.seconds(2)))


def noise_of(probes):
    """The machine's noise before and after the run, in lines."""
    lines = [f"Noise {when} the run: {found}." for when, found in probes.items()]
    for when, found in probes.items():
        if disturbances := found.disturbances():
            lines.append(f"This run was disturbed: {when} it, {'; '.join(disturbances)}.")
    return "\n" + "\n".join(lines)


def about(setting, quick, probes):
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                           check=True)
    return {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {CORES} cores, Linux {platform.release()}",
            "redis": redis.stdout.split("v=")[1].split()[0],
            "nodes": setting.node_count,
            "quick": quick,
            "noise": {when: dataclasses.asdict(probe) for when, probe in probes.items()},
            "peers": setting.peers.measured}


def run(options):
    # On two cores, whatever the machine has: so that figures of different ones can be compared.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    descriptors()
    with Workplace() as workplace:
        peers = Peers(workplace, None if options.quick else os.path.join(options.build, "peers"))
        programs = Programs(options.build, workplace)
        small = {"node_count": 3, "scale": 0.02} if options.quick else {}
        setting = Setting(workplace, programs, peers, Noise(workplace), churn=options.churn,
                          **small)
        probes = {"before": probe(setting)}
        rows = measure(setting, options.rows)
        probes["after"] = probe(setting)
    print(report.table(rows))
    print(noise_of(probes))
    if options.json:
        report.write_json(options.json, rows, about(setting, options.quick, probes))
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(svg.draw(rows, "redlockd: figures against what they must reach"))


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        if options.instructions:
            instructions.run(options.build, os.path.join(options.build, "instructions"))
        else:
            run(options)
    except (Failure, FileNotFoundError) as failure:
        sys.exit(f"scripts/bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
