"""Measures redlockd; scripts/bench calls it with the folder of a build."""

import argparse
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
from peers import Peers
from programs import Programs
from setting import Setting
from workplace import Failure, Workplace

# What can be asked for with --rows, and who measures it.
GROUPS = [
    (("1",), rows_alone.row_1),
    (("2", "3"), rows_alone.rows_2_and_3),
    (("4",), rows_alone.row_4),
    (("5", "6"), rows_contended.rows_5_and_6),
    (("7",), rows_contended.rows_7),
    (("8",), rows_faults.rows_8),
    (("9",), rows_faults.rows_9),
    (("10",), rows_bounds.rows_10),
    (("F",), rows_fleet.rows_of_fleet),
    (("F2",), rows_fleet.rows_of_simulated_fleet),
    (("S",), rows_alone.rows_of_scripts),
    (("R",), lambda setting: setting.peers.references()),
]
CORES = 2


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the build")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=lambda text: text.split(","))
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
            rows += group(setting)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            rows += [report.Row(row, "not measured", None, why=str(failure)) for row in ids]
        print(f" {time.monotonic() - start:.0f} s", file=sys.stderr)
    return rows


def about(setting, quick):
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                           check=True)
    return {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {CORES} cores, Linux {platform.release()}",
            "redis": redis.stdout.split("v=")[1].split()[0],
            "nodes": setting.node_count,
            "quick": quick,
            "peers": setting.peers.measured}


def run(options):
    # On two cores, whatever the machine has: so that figures of different ones can be compared.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    descriptors()
    with Workplace() as workplace:
        peers = Peers(workplace, None if options.quick else os.path.join(options.build, "peers"))
        programs = Programs(options.build, workplace)
        setting = Setting(workplace, programs, peers, *((3, 0.02) if options.quick else ()))
        rows = measure(setting, options.rows)
    print(report.table(rows))
    if options.json:
        report.write_json(options.json, rows, about(setting, options.quick))
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
