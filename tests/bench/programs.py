"""The programs of a build, and what they print."""

import json
import os
import subprocess

from workplace import Failure


class Programs:
    def __init__(self, build, workplace):
        self._workplace = workplace
        self.redlockd = os.path.join(build, "daemon/app/redlockd")
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
        command = self.command(program, *arguments, **options)
        process = self._workplace.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            printed, errors = process.communicate(timeout=300)
        finally:
            self._workplace.stop(process)
        if process.returncode != 0:
            raise Failure(f"{' '.join(command[:2])}: {errors.decode().strip()[-400:]}")
        return json.loads(printed)

    def load(self, kind, **options):
        return self.run("bench_load", kind, **options)
