"""An etcd of three members on loopback."""

import os
import shutil
import tempfile
import urllib.request

from nodes import free_port
from workplace import wait_for

# Where the members keep their data: where one does by default, and in memory, where the sync of
# each write costs nothing.
PLACES = (None, "/dev/shm")


class Cluster:
    def __init__(self, workplace, place):
        self._workplace = workplace
        self._place = place
        self._data = None
        self._members = []

    def __enter__(self):
        """The clients' ports."""
        self._data = tempfile.mkdtemp(prefix="redlockd-bench-etcd.", dir=self._place)
        try:
            clients = [free_port() for _ in range(3)]
            peers = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
            cluster = ",".join(f"m{i}={peer}" for i, peer in enumerate(peers))
            for i, (port, peer) in enumerate(zip(clients, peers)):
                client = f"http://127.0.0.1:{port}"
                self._members.append(self._workplace.start(
                    ["etcd", "--name", f"m{i}", "--data-dir", os.path.join(self._data, str(i)),
                     "--listen-client-urls", client, "--advertise-client-urls", client,
                     "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                     "--initial-cluster", cluster, "--log-level", "error"]))
            wait_for("etcd", lambda: all(_is_healthy(port) for port in clients))
            return clients
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for member in self._members:
            self._workplace.stop(member)
        shutil.rmtree(self._data, ignore_errors=True)


def _is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return b"true" in answer.read()
    except OSError:
        return False
