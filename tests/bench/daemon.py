"""A redlockd of the benchmark's own, spoken to by the line protocol."""

import datetime
import os
import resource
import signal
import socket
import subprocess

from workplace import Failure, cpu_seconds, read_log, wait_for

# What rows with many clients and locks need; the same for all, so that all measure one daemon.
LIMITS = """limits:
  sessions: 100000
  sessions_per_uid: 100000
  locks_per_session: 100000
  locks_per_uid: 1000000
  new_names_per_uid: 100000
drain_time: 0s
log_level: warning
"""


def descriptors():
    """Raises the limit of this process and its children as far as it goes; how many that is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Daemon:
    """`linger` is a duration as in redlockd.yaml, or None for the default; a daemon that does not
    know the key is not told it. `wrapper` is put before the command line (valgrind)."""

    def __init__(self, workplace, program, addresses, linger=None, more="", wrapper=()):
        self._workplace = workplace
        self.socket = workplace.path("s")
        config = self._config = workplace.path("redlockd.yaml")
        nodes = "".join(f'  - address: "{address}"\n' for address in addresses)
        self._usual = f"nodes:\n{nodes}{LIMITS}"
        self._write(config, self._usual + more)
        if linger is not None and self._knows_linger(program, config):
            self._usual += f"lease: {{linger: {linger}}}\n"
            self._write(config, self._usual + more)
        self._process = workplace.start(
            [*wrapper, program, "--config", config, "--socket", self.socket])
        try:
            self._wait_for_votes(len(addresses))
        except BaseException:
            self.__exit__()
            raise

    def _wait_for_votes(self, nodes):
        wait_for("redlockd", lambda: self._process.poll() is not None or self._serves())
        if self._process.poll() is not None:
            raise Failure("redlockd does not start: " + read_log(self._process)[-1000:])
        wait_for("votes of all nodes", lambda: self._new_nodes_vote(nodes))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._workplace.stop(self._process, signal.SIGKILL)

    @staticmethod
    def _write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    @staticmethod
    def _knows_linger(program, config):
        printed = subprocess.run([program, "--check-config", "--config", config],
                                 capture_output=True, text=True, check=False)
        if printed.returncode != 0:
            raise Failure("redlockd refuses the benchmark's configuration: " + printed.stderr)
        return "linger" in printed.stdout

    def ask(self, line):
        """The lines of the answer, the last of which begins with OK or ERR."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.socket)
            connection.sendall(line.encode() + b"\n")
            lines = []
            with connection.makefile("r", encoding="ascii") as answer:
                for said in answer:
                    if not said.startswith("* "):
                        lines.append(said.strip())
                    if said.startswith(("OK", "ERR")):
                        return lines
        raise Failure(f"no answer to '{line}'")

    def _serves(self):
        try:
            return self.ask("ping")[-1].startswith("OK ")
        except OSError:
            return False

    def _new_nodes_vote(self, count):
        if self.all_vote(count):
            return True
        if all("state=connecting" not in row for row in self.ask("nodes")):
            self.ask("trust-empty")  # new nodes, which nobody else uses
        return False

    def reload(self, more):
        """Another end of the configuration, and SIGHUP."""
        self._write(self._config, self._usual + more)
        self._process.send_signal(signal.SIGHUP)

    def signal(self, number):
        self._process.send_signal(number)

    def _status(self):
        answer = self.ask("status")[-1]
        return answer, dict(word.split("=", 1) for word in answer.split() if "=" in word)

    def started(self):
        """When this process of it began, in seconds since 1970."""
        when = self._status()[1]["started"]
        return datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp()

    def reloaded_since(self, when):
        """Whether it has reloaded its configuration since then, a time as `status` has it."""
        answer, found = self._status()
        if found["reload"] == "failed":
            raise Failure("a reload failed: " + answer)
        return found.get("reloaded", "") >= when

    def all_vote(self, count):
        """Whether `count` nodes are up."""
        return self.ask("nodes")[-1].startswith(f"OK up={count} ")

    @property
    def pid(self):
        return self._process.pid

    @property
    def how_it_ended(self):
        """Empty while it runs."""
        code = self._process.poll()
        return "" if code is None else f"exit code {code}: {read_log(self._process)[-1000:]}"

    def stop(self):
        """As systemd would."""
        self._workplace.stop(self._process, signal.SIGTERM)

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def descriptors(self):
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory_bytes(self):
        """What is resident and its own: its heap and stack, not the libraries' text."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Anonymous:"):
                    return int(line.split()[1]) * 1024
        raise Failure("no Anonymous in smaps_rollup")
