"""Redis nodes on TCP loopback: started, stopped, and asked what they did."""

import re
import signal
import socket

from workplace import Failure, cpu_seconds, read_log, wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    """A redis-server without persistence."""

    def __init__(self, workplace):
        self._workplace = workplace
        for _ in range(5):  # somebody else may take the port before redis-server does
            self.port = free_port()
            if self._starts():
                return
        raise Failure("redis-server does not start: " + read_log(self._process)[-400:])

    def _starts(self):
        self._process = self._workplace.start(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self._workplace.directory])
        wait_for("a redis-server", lambda: self._answers() or self._process.poll() is not None)
        return self._process.poll() is None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _answers(self):
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, command):
        """A command without blanks in its arguments; the answer as text."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            with connection.makefile("rb") as answer:
                head = answer.readline().decode().strip()
                if head.startswith("$"):
                    return answer.read(int(head[1:])).decode()
                return head[1:]

    def calls(self, command):
        """How often a command was called since the server's start."""
        found = re.search(rf"cmdstat_{command}:calls=(\d+)", self.ask("INFO commandstats"))
        return int(found.group(1)) if found else 0

    def keys(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"KEYS *\r\n")
            with connection.makefile("rb") as answer:
                count = int(answer.readline()[1:])
                return [answer.readline() and answer.readline().decode().strip()
                        for _ in range(count)]

    def commands(self):
        """How many it has run since its start, those in scripts too."""
        return int(re.search(r"total_commands_processed:(\d+)", self.ask("INFO stats")).group(1))

    def cpu_seconds(self):
        return cpu_seconds(self._process.pid)

    def kill(self):
        self._workplace.stop(self._process)

    def start_again(self):
        """After kill(); where it was, with nothing of what it knew."""
        if not self._starts():
            raise Failure("redis-server does not start again: " + read_log(self._process)[-400:])

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)


class Nodes(list):
    """Some nodes, as a context: they are gone at its end."""

    def __init__(self, workplace, count):
        super().__init__(Node(workplace) for _ in range(count))
        self._alive = list(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self._alive:
            node.kill()

    @property
    def addresses(self):
        return [node.address for node in self]

    def kill(self, count):
        for node in self[:count]:
            node.kill()
            self._alive.remove(node)

    def freeze(self, count):
        for node in self[:count]:
            node.freeze()

    def scripts_run(self):
        """Of all nodes: how many times a client had a script run."""
        return sum(node.calls("evalsha") for node in self)

    def commands_run(self):
        """Of all nodes."""
        return sum(node.commands() for node in self)

    def cpu_seconds(self):
        """Of all nodes."""
        return sum(node.cpu_seconds() for node in self)
