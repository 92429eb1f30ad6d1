"""The programs of a build, and what they print."""

import json
import os
import subprocess

from workplace import Failure


class Programs:
    def __init__(self, build):
        self.redlockd = os.path.join(build, "daemon/app/redlockd")
        self._bench = os.path.join(build, "tests/bench")

    @property
    def echo(self):
        return os.path.join(self._bench, "bench_echo")

    def command(self, program, *arguments, **options):
        """Options by name: clients=3 becomes --clients 3, fresh=True --fresh, a list is repeated."""
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
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300,
                             start_new_session=True)
        if ran.returncode != 0:
            raise Failure(f"{' '.join(command[:2])}: {ran.stderr.strip()[-400:]}")
        return json.loads(ran.stdout)

    def load(self, kind, **options):
        return self.run("bench_load", kind, **options)
