"""What a lock is asked for with; common to the locks of threads and those of asyncio."""

from __future__ import annotations

import inspect
import itertools
import re
from datetime import timedelta
from typing import Callable, Generic, List, Optional, Sequence, Tuple, Type, TypeVar

from . import _clock
from ._hold import HoldBase
from ._request import LockRequest
from ._wire import (LONGEST_REQUEST, LONGEST_TAG, Name, Seconds, checked, duration, encode, nanoseconds, to_text,
                    wrong_type)

H = TypeVar("H", bound=HoldBase)


def wait_of(blocking: bool, timeout: Optional[Seconds], default: Optional[int]) -> Optional[int]:
    """In ns; None is without end."""
    if not blocking:
        if timeout is not None:
            raise ValueError("timeout: expected none with blocking=False, which does not wait")
        return 0
    return default if timeout is None else nanoseconds(timeout, "timeout")


def time_left(end: int) -> float:
    """Seconds until then, and hardly any after it: 0 would not wait, and say that the lock is busy instead of that the
    time is over."""
    return max(1000, end - _clock.now()) / 1e9


def check_callback(value: object, what: str) -> None:
    if value is not None and not callable(value):
        raise wrong_type(what, "a function", value)


def check_session(value: object, expected: Type[object]) -> None:
    if value is not None and not isinstance(value, expected):
        module = "redlockd.aio" if expected.__module__ == "redlockd._aio_session" else "redlockd"
        raise wrong_type("session", f"a {module}.Session", value)


def check_path(path: object) -> None:
    if path is not None and not isinstance(path, str):
        raise wrong_type("path", "the path of a socket as str", path)


class LockOptions(Generic[H]):
    """The options of a lock, checked. Durations are seconds or `timedelta`s."""

    def __init__(self, name: Name, wait: Optional[Seconds], ttl: Optional[Seconds], max_hold: Optional[Seconds],
                 min_hold: Optional[Seconds], note: Optional[Name], margin: Optional[Seconds],
                 connect_timeout: Optional[Seconds], on_jeopardy: Optional[Callable[[H], object]],
                 on_lost: Optional[Callable[[H], object]]) -> None:
        self.key = checked(name, "name of a lock")
        self.wait = None if wait is None else nanoseconds(wait, "wait")
        self.margin = None if margin is None else nanoseconds(margin, "margin")
        self.max_hold = None if max_hold is None else nanoseconds(max_hold, "max_hold")
        self.patience = None if connect_timeout is None else nanoseconds(connect_timeout, "connect_timeout")
        check_callback(on_jeopardy, "on_jeopardy")
        check_callback(on_lost, "on_lost")
        self.on_jeopardy = on_jeopardy
        self.on_lost = on_lost
        words: List[str] = []
        times: Tuple[Tuple[str, Optional[Seconds]], ...] = (("ttl", ttl), ("max_hold", max_hold),
                                                            ("min_hold", min_hold))
        for key, value in times:
            if value is not None:
                words.append(f" {key.replace('_', '-')}={duration(nanoseconds(value, key))}")
        if note is not None:
            words.append(f" note={encode(checked(note, 'note'))}")
        self.words = "".join(words)

    @property
    def name(self) -> str:
        return to_text(self.key)

    def request(self, hold: HoldBase, wait: Optional[int], task: Optional[int]) -> LockRequest:
        return self.request_of_all([hold], wait, task)

    def request_of_all(self, holds: Sequence[HoldBase], wait: Optional[int], task: Optional[int]) -> LockRequest:
        """For these holds, all with these options but for the name."""
        return LockRequest(holds, self.words, wait, self.max_hold, task, self.patience)


# For threads and tasks. No two ever have the same one, unlike `threading.get_ident()`.
task_numbers = itertools.count(1)


_ADVICE = {"function": "use redlockd.Lock", "coroutine function": "use redlockd.aio.Lock"}


def check_decorated(function: Callable[..., object], expected: str) -> None:
    """Raises TypeError unless the function is of the kind that is expected, so that its body runs within the call."""
    kind = _kind(function)
    if kind == "function":
        kind = _kind(getattr(type(function), "__call__", function))  # an object that is called
    if kind != expected:
        advice = _ADVICE.get(kind, "its body runs after the call, so take the lock inside it")
        raise TypeError(f"expected a {expected}, found the {kind} {function!r}: {advice}")


def _kind(function: Callable[..., object]) -> str:
    if inspect.iscoroutinefunction(function):
        return "coroutine function"
    if inspect.isasyncgenfunction(function):
        return "asynchronous generator function"
    return "generator function" if inspect.isgeneratorfunction(function) else "function"


def _word(word: str, what: str) -> str:
    """Of those that are sent as they are."""
    if not isinstance(word, str):
        raise wrong_type(what, "str", word)
    if not re.fullmatch("[a-z][a-z-]*", word):
        raise ValueError(f"{what}: expected a word of lower-case letters and hyphens, found {word!r}")
    return word


def request_line(verb: str, arguments: Tuple[Name, ...], options: "dict[str, object]") -> str:
    """The line of a request that is not about a hold of this session. Raises ValueError."""
    if _word(verb, "verb") in ("lock", "trylock", "unlock", "cancel", "quit"):
        raise ValueError(f"verb {verb!r}: expected one that leaves the session's locks alone; use Lock and Hold")
    words = [verb] + [encode(checked(argument, "argument")) for argument in arguments]
    for option, value in options.items():
        key = _word(option.replace("_", "-"), "option")
        if isinstance(value, timedelta):
            value = duration(nanoseconds(value, key))
        words.append(f"{key}={encode(checked(value if isinstance(value, bytes) else str(value), key))}")
    line = " ".join(words)
    longest = LONGEST_REQUEST - LONGEST_TAG
    if len(line) > longest:
        raise ValueError(f"request: expected a line of at most {longest} bytes, found {len(line)}")
    return line
