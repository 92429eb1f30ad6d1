"""The programs of a build, and what they print."""

import json
import os
import re
import subprocess

from workplace import Failure


class Programs:
    def __init__(self, build, workplace):
        self._workplace = workplace
        self.redlockd = os.path.join(build, "daemon/app/redlockd")
        self._sim = os.path.join(build, "tests/sim/sim")
        self._bench = os.path.join(build, "tests/bench")

    @property
    def echo(self):
        return os.path.join(self._bench, "bench_echo")

    def command(self, program, *arguments, **options):
        """clients=3 becomes --clients 3, fresh=True --fresh; of a list, each is an option."""
        command = [os.path.join(self._bench, program), *map(str, arguments)]
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            for one in value if isinstance(value, list) else [value]:
                if one is True:
                    command.append(option)
                elif one is not False:
                    command += [option, str(one)]
        return command

    def run(self, program, *arguments, **options):
        """The JSON that it prints."""
        return json.loads(self._printed(self.command(program, *arguments, **options), 300))

    def load(self, kind, **options):
        return self.run("bench_load", kind, **options)

    def simulated_crowd(self, daemons):
        """What the simulator finds of a crowd of daemons; a thousand take minutes."""
        if not os.path.exists(self._sim):
            raise Failure("the build has no simulator, tests/sim/sim")
        return figures(self._printed([self._sim, "--crowd", str(daemons)], 3600))

    def _printed(self, command, seconds):
        process = self._workplace.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            printed, errors = process.communicate(timeout=seconds)
        finally:
            self._workplace.stop(process)
        if process.returncode != 0:
            raise Failure(f"{' '.join(command[:2])}: {(errors or printed).decode().strip()[-400:]}")
        return printed


def figures(printed):
    """The numbers of lines that say what it is, two spaces or more, and the number."""
    found = re.findall(r"^(\S.*?) {2,}([0-9.]+)", printed.decode(), re.MULTILINE)
    return {what: float(number) for what, number in found}
