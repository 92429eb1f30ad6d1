"""What the daemon knows, asked on the default session. Rows are dicts of text, with the fields of the protocol.

A row for which the daemon has a remark, such as why a node is down, has it as "text". All take at most 5.5 s and raise
RedlockError. `Session.request` asks on another session, and for the fields that the answer has besides the rows.
"""

from __future__ import annotations

from typing import Dict, List

from ._wire import Name
from .session import default_session

Rows = List[Dict[str, str]]


def show(name: Name) -> Rows:
    """Who has the lock, on any host, and what each node says: a row for each `place`: "here", "other", "node"."""
    return _rows("show", name)


def list() -> Rows:  # named as in the protocol
    """The locks that this host holds or keeps, each followed by its waiters."""
    return _rows("list")


def nodes() -> Rows:
    """The nodes, each with its `state`, e.g. "up"."""
    return _rows("nodes")


def stats() -> Rows:
    """The daemon's counters and gauges, each a `name` and a `value`."""
    return _rows("stats")


def _rows(verb: str, *arguments: Name) -> Rows:
    return [{**row.fields, "text": row.text} if row.text else row.fields
            for row in default_session().request(verb, *arguments).rows]
