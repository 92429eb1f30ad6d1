"""Lines of the protocol: bytes to lines, and words to bytes. No I/O, no state but the bytes of half a line."""

from __future__ import annotations

import re
from datetime import timedelta
from numbers import Real
from typing import Dict, List, NamedTuple, Tuple, Union
from urllib.parse import quote_from_bytes, unquote_to_bytes

from .errors import ProtocolError

Name = Union[str, bytes]
Seconds = Union[float, timedelta]

LONGEST_LINE = 16384  # from the daemon, with its end
LONGEST_REQUEST = 4096  # to the daemon, with its end
LONGEST_TAG = 40  # with what is around it, and the line's end
LONGEST_VALUE = 255  # of a name and of a value, in bytes
LONGEST_TIME = 2**63 - 1  # ns
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


class Line(NamedTuple):
    """`kind` is "OK", "ERR", "-" (a row) or "*" (an event); `words` are those that are no fields."""

    kind: str
    tag: str
    words: Tuple[str, ...]
    fields: Dict[str, str]
    text: str


def wrong_type(what: str, expected: str, found: object) -> TypeError:
    return TypeError(f"{what}: expected {expected}, found {type(found).__name__} {found!r}")


def to_bytes(value: Name) -> bytes:
    """The bytes of a name or of a value. UTF-8; surrogates of `os.fsdecode` become their bytes again."""
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def checked(value: Name, what: str) -> bytes:
    """The bytes of a name or value; raises TypeError or ValueError if the daemon could not take them."""
    if not isinstance(value, (str, bytes)):
        raise wrong_type(what, "str or bytes", value)
    data = to_bytes(value)
    if not data:
        raise ValueError(f"{what}: expected at least one byte, found none")
    if len(data) > LONGEST_VALUE:
        raise ValueError(f"{what}: expected at most {LONGEST_VALUE} bytes, found {len(data)}")
    if b"\0" in data:
        raise ValueError(f"{what}: expected no NUL byte, found {value!r}")
    return data


def encode(data: bytes) -> str:
    """One word of a line."""
    return quote_from_bytes(data, safe="/:@+,")


def decode(word: str) -> str:
    return to_text(unquote_to_bytes(word)) if "%" in word else word


def nanoseconds(value: Seconds, what: str) -> int:
    """A duration of 0 or more; raises TypeError or ValueError otherwise."""
    if isinstance(value, timedelta):
        # Integers: a float of seconds has not enough digits for each microsecond of a long time.
        result = (value.days * 86400 + value.seconds) * 10**9 + value.microseconds * 1000
    else:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise wrong_type(what, "seconds as a number, or a timedelta", value)
        if not value >= 0 or value == float("inf"):
            raise ValueError(f"{what}: expected 0 seconds or more, or None, found {value!r}")
        result = round(value * 10**9)
    if not 0 <= result <= LONGEST_TIME:
        raise ValueError(f"{what}: expected a duration below 2^63 ns, found {value!r}")
    return result


def duration(ns: int) -> str:
    """In the largest unit up to seconds that is exact."""
    unit = next(unit for unit in ("s", "ms", "us", "ns") if ns % _UNITS[unit] == 0)
    return f"{ns // _UNITS[unit]}{unit}"


def parse_duration(word: str) -> int:
    """In ns, of a duration that the daemon wrote. Raises ValueError."""
    found = re.fullmatch(r"(\d+)(ns|us|ms|s|m|h)", word)
    if not found:
        raise ValueError(f"expected a duration, found {word!r}")
    return int(found[1]) * _UNITS[found[2]]


def parse(raw: bytes) -> Line:
    """A line without its end. Raises ProtocolError."""
    try:
        head, _, text = raw.decode("ascii").partition(" :")
    except UnicodeDecodeError:
        raise ProtocolError(f"expected printable ASCII, found {raw[:80]!r}") from None
    tag = ""
    words: List[str] = []
    fields: Dict[str, str] = {}
    for word in head.split():
        if word.startswith("#") and not tag and not words:
            tag = word[1:]
            continue
        key, is_field, value = word.partition("=")
        if is_field:
            fields[key] = decode(value)
        else:
            words.append(decode(key))
    if not words or words[0] not in ("OK", "ERR", "-", "*"):
        raise ProtocolError(f"expected an answer, a row or an event, found {raw[:80]!r}")
    return Line(words[0], tag, tuple(words[1:]), fields, text)


class Parser:
    """Cuts what has come into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> List[Line]:
        """The lines that are complete now. Raises ProtocolError, after which the parser must not be used."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if any(len(line) >= LONGEST_LINE for line in (*lines, self._rest)):
            raise ProtocolError(f"expected lines of at most {LONGEST_LINE} bytes, found a longer one")
        return [parse(line[:-1] if line.endswith(b"\r") else line) for line in lines]
