"""For pytest: the fixture `redlockd_daemon`. It is there wherever this package is installed."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from .testing import Daemon


@pytest.fixture(scope="session")
def redlockd_daemon() -> Iterator[Daemon]:
    """A `redlockd --dev` for the whole run, which locks without a session of their own use."""
    before = os.environ.get("REDLOCK_SOCKET")
    with Daemon() as daemon:
        os.environ["REDLOCK_SOCKET"] = daemon.socket
        yield daemon
        if before is None:
            del os.environ["REDLOCK_SOCKET"]
        else:
            os.environ["REDLOCK_SOCKET"] = before
