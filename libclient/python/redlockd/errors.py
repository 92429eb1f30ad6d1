"""The exceptions of redlockd: one class for each kind of failure, and the daemon's code in each of them."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Type


class RedlockError(Exception):
    """A request failed. Its own class is used for codes that this version does not know.

    `code` is the daemon's word, such as "busy", or one of the client's own: "connect", "closed", "no-answer",
    "protocol", "jeopardy". `name` is the lock, decoded, or None. `fields` are the other fields of the answer, `text`
    is what it says to people.
    """

    code = "unknown"

    def __init__(self, text: str = "", *, name: Optional[str] = None, code: Optional[str] = None,
                 fields: Optional[Mapping[str, str]] = None) -> None:
        self.text = text
        self.name = name
        self.code = code or type(self).code
        self.fields: Dict[str, str] = dict(fields or {})
        super().__init__(text)

    def again(self, text: Optional[str] = None, name: Optional[str] = None) -> RedlockError:
        """The same once more, for another caller: what one raises gets a traceback of its own."""
        return type(self)(text or self.text, name=name or self.name, code=self.code, fields=self.fields)

    def __str__(self) -> str:
        about = "" if self.name is None else f"lock {self.name!r}: "
        return about + (f"{self.code}: {self.text}" if self.text else self.code)


class LockBusy(RedlockError):
    """Another has the lock, and the request was not to wait."""
    code = "busy"


class LockTimeout(RedlockError, TimeoutError):
    """Another had the lock until the wait was over, or it was over before the daemon could be asked: see the text."""
    code = "timeout"


class NoTurn(RedlockError, TimeoutError):
    """The daemon had too much to do to ask the nodes before the wait was over. The lock may be free."""
    code = "no-turn"


class LockCancelled(RedlockError):
    """The wait was given up."""
    code = "cancelled"


class NotHeld(RedlockError, RuntimeError):
    """The lock is not held here: it was released before, or never taken."""
    code = "not-held"


_WHY_LOST = {
    "expired": "it was not renewed in time", "max-hold": "its max-hold is over", "drain": "the daemon stops",
    "broken": "an administrator has broken it", "closed": "the connection to the daemon ended",
    "fork": "this is a child of the process that took it", "jeopardy": "it was to end in time, before its deadline",
}


class LockLost(RedlockError):
    """The hold ended before it was released: its last part may not have been protected.

    `reason` is "expired" (it was not renewed in time), "max-hold", "drain" (the daemon stops), "broken" (by an
    administrator), "closed" (the connection to the daemon ended), "fork" (in a child process), or "jeopardy" (an
    `async with` was cancelled before the deadline, as `cancel_on="jeopardy"` asked for; that has the code "jeopardy"
    too, since the lock was not lost).
    """
    code = "lost"

    @property
    def reason(self) -> str:
        return self.fields.get("reason", "expired")

    def __str__(self) -> str:
        reason = self.fields.get("reason")
        if reason is None:
            return super().__str__()
        why = _WHY_LOST.get(reason)
        return f"{super().__str__()} ({reason}{': ' + why if why else ''})"


class Deadlock(RedlockError):
    """The wait would never end: this thread or task holds the lock itself, or would wait for one that waits for it.

    The other may be a thread, a task or a process of this host, and there may be more of them between. Release what you
    hold, and begin again.
    """
    code = "deadlock"


class NoQuorum(RedlockError):
    """Too few nodes could be asked."""
    code = "no-quorum"


class LimitReached(RedlockError):
    """A limit of the daemon; the text says which."""
    code = "limit"


class Denied(RedlockError):
    """The user may not do this."""
    code = "denied"


class Draining(RedlockError):
    """The daemon is stopping."""
    code = "draining"


class BadRequest(RedlockError, ValueError):
    """The daemon does not take a value, an option or a verb; the text says which and why."""
    code = "bad-request"


class NoAnswer(RedlockError, TimeoutError):
    """The daemon did not answer in time."""
    code = "no-answer"


class ConnectFailed(RedlockError, ConnectionError):
    """There is no daemon on the socket, or the user may not connect to it."""
    code = "connect"


class ConnectionLost(RedlockError, ConnectionError):
    """The connection ended before the answer, or the session was closed."""
    code = "closed"


class ProtocolError(RedlockError):
    """The other side does not speak version 1 of the protocol."""
    code = "protocol"


_BY_CODE: Dict[str, Type[RedlockError]] = {
    kind.code: kind for kind in (LockBusy, LockTimeout, NoTurn, LockCancelled, NotHeld, LockLost, Deadlock,
                                 NoQuorum, LimitReached, Denied, Draining, BadRequest)}
for _code in ("bad-name", "unknown-verb", "unknown-option", "line-too-long"):
    _BY_CODE[_code] = BadRequest


def error_of(code: str, fields: Mapping[str, str], text: str) -> RedlockError:
    """The exception for an `ERR` line."""
    kind = _BY_CODE.get(code, RedlockError)
    return kind(text, name=fields.get("lock"), code=code, fields=fields)
