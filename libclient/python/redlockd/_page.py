"""The page that the daemon shares with a session: until when each hold is good, without asking, reading the socket, or
a system call. "The page" in PROTOCOL.md has the layout."""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Sequence

SIZE = 4096
_HEADER, _SLOT = 64, 16
_SLOTS = (SIZE - _HEADER) // _SLOT
_F_GET_SEALS, _F_SEAL_SHRINK = 1034, 2


class Page:
    """Raises OSError or ValueError if the file is no page that this version can read. The descriptor is closed."""

    def __init__(self, descriptor: int) -> None:
        try:
            # A file that could shrink could end this process by SIGBUS.
            if not fcntl.fcntl(descriptor, _F_GET_SEALS) & _F_SEAL_SHRINK or os.fstat(descriptor).st_size < SIZE:
                raise ValueError("the page is not sealed")
            mapped = mmap.mmap(descriptor, SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(descriptor)
        version, slots = memoryview(mapped).cast("I")[2:4]
        if mapped[:8] != b"redlockd" or version != 1 or slots < _SLOTS:
            raise ValueError("the page is of another version")
        self.numbers: Sequence[int] = memoryview(mapped).cast("q")  # each is read by one load

    @staticmethod
    def has(slot: int) -> bool:
        return slot < _SLOTS


class Place:
    """Of a hold on the page. `offset` is what to take from the daemon's times, for ours."""

    def __init__(self, page: Page, slot: int, use: int, offset: int) -> None:
        self._numbers = page.numbers
        self._at = (_HEADER + _SLOT * slot) // 8
        self._use = use
        self._offset = offset

    def deadline(self) -> int:
        """0 once the hold is over. The deadline is read before the `use`: that of a later hold in the slot comes with
        another."""
        numbers, at = self._numbers, self._at
        deadline = numbers[at + 1]
        return deadline - self._offset if deadline and numbers[at] == self._use else 0
