"""Clients that are there, and hold locks."""

import contextlib
import json
import subprocess

from workplace import Failure


@contextlib.contextmanager
def crowd(workplace, programs, daemon, **options):
    """While it lives, the clients and what they hold."""
    command = programs.command("bench_load", "crowd", socket=daemon.socket, **options)
    process = workplace.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        said = process.stdout.readline()
        if not said:
            raise Failure("the crowd of clients did not come together")
        yield json.loads(said)
    finally:
        workplace.stop(process)
