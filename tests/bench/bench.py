"""Measures redlockd; scripts/bench calls it with the folder of a build."""

import argparse
import os
import signal
import sys

import instructions
from programs import Programs
from workplace import Failure


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the build")
    parser.add_argument("--instructions", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = Programs(arguments.build)
    try:
        instructions.run(programs, os.path.join(arguments.build, "instructions"))
    except Failure as failure:
        sys.exit(f"scripts/bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
