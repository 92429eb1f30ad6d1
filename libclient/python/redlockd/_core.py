"""The session, without I/O: what to send, and what becomes of what has come.

A driver (`_link`) tells it what happened and when: `start`, `abandon`, `connected`, `connect_failed`, `receive`,
`ended`. After each of them, and at `timers.next()`, it calls `run`, and then does what `wants_close`, `wants_connect`
and `outgoing` ask for. Answers come through `Request.on_done`, at once; what is for the caller's own functions is
left in `notices`, to be called when the core is not busy. Times are ns of `_clock`.

See "Writing a client" (protocol/CLIENTS.md) for the reasons.
"""

from __future__ import annotations

import enum
import functools
import random
from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional

from . import errors
from ._hold import RELEASED, HoldBase
from ._request import LockRequest, Phase, ReleaseRequest, Request
from ._timers import Timer, Timers
from ._wire import Line, Parser, encode, parse_duration, to_bytes
from .errors import RedlockError

GRACE = 500 * 10**6  # ns that the daemon has for its own answer once the caller's time is over
SILENCE = 5 * 10**9  # ns without a line until a ping, and from there until the daemon counts as hung
SHORTEST_PAUSE, LONGEST_PAUSE = 10 * 10**6, 10**9  # ns between attempts to connect


_EVENTS_OF_HOLDS = ("RENEWED", "JEOPARDY", "SAFE", "LOST", "BROKEN", "WANTED")


class Event(NamedTuple):
    """An event of the daemon, or CLOSED. `lock` and `fence` are None where it has none."""

    kind: str
    lock: Optional[str]
    fence: Optional[int]
    fields: Dict[str, str]
    text: str


class State(enum.Enum):
    CLOSED = "not connected"
    GREETING = "connected, not greeted yet"
    OPEN = "greeted"


class Core:
    def __init__(self, on_event: Optional[Callable[[Event], object]] = None) -> None:
        self.outgoing = bytearray()
        self.wants_connect = False
        self.wants_close = False
        self.timers = Timers()
        self.notices: List[Callable[[], object]] = []
        self._on_event = on_event
        self._state = State.CLOSED
        self._parser = Parser()
        self.offset = 0  # what to take from the daemon's times, for ours
        self._caps: List[str] = []
        self._draining = False
        self._tag = 0
        self._tags: Dict[str, Request] = {}  # what was sent and is not answered
        self._unsent: Dict[Request, None] = {}  # in their order
        self._parked: List[LockRequest] = []  # until the daemon that drains has gone
        self._queues: Dict[bytes, Deque[LockRequest]] = {}  # the first of each has the name in the daemon
        self._held: Dict[bytes, LockRequest] = {}
        self._connected_at = 0
        self._greeting_timer: Optional[Timer] = None
        self._next_attempt = 0
        self._failures = 0
        self._last_read = 0
        self._pinged_at: Optional[int] = None
        self._heartbeat_timer: Optional[Timer] = None

    # --- the caller -----------------------------------------------------------------------------------

    def start(self, request: Request, now: int) -> None:
        if request.phase is Phase.ENDED:
            return  # it was cancelled before
        request.phase = Phase.READY
        request.until = None if request.wait is None else now + request.wait
        if isinstance(request, ReleaseRequest):
            self._release(request, now)
            return
        if isinstance(request, LockRequest):
            queue = self._queues.setdefault(request.hold._key, deque())
            if request.wait == 0 and not all(other.abandoned for other in queue):
                request.phase = Phase.ENDED
                request.finish(errors.LockBusy(self._who_is_first(request), name=request.hold.name))
                return
            queue.append(request)
            if len(queue) > 1:
                request.phase = Phase.QUEUED
        if request.phase is Phase.READY:
            self._unsent[request] = None
        self._watch_time(request)

    def abandon(self, request: Request, now: int) -> None:
        """The caller has gone, perhaps while the answer was on its way to it. A lock is given back."""
        if isinstance(request, LockRequest) and request.phase is Phase.HELD:
            self._release(ReleaseRequest(request.hold, False), now)
        else:
            self.cancel(request)

    def cancel(self, request: Request) -> None:
        """Answers the caller now. A request that is answered already stays as it is, and a grant is the caller's."""
        if not request.done:
            name = request.hold.name if isinstance(request, LockRequest) else None
            self._give_up(request, errors.LockCancelled("the wait was given up", name=name))

    def close(self, now: int) -> None:
        """Ends the session: all requests fail, all holds are over."""
        error = errors.ConnectionLost("the session was closed")
        for waiting in [other for queue in self._queues.values() for other in queue] + list(self._unsent):
            if waiting.phase in (Phase.QUEUED, Phase.READY):
                self._give_up(waiting, error)
        for request in self._tags.values():
            request.retries = False
        self._on_event = None
        if self._state is not State.CLOSED:
            self._drop(error, now)

    def forget(self) -> None:
        """In a child process: nothing is held here."""
        for held in list(self._held.values()):
            held.hold._ended = "fork"

    @property
    def is_idle(self) -> bool:
        return not (self._tags or self._queues or self._unsent)

    # --- the driver -----------------------------------------------------------------------------------

    def run(self, now: int) -> None:
        """Does what is due. Call it after what has come was received: it may be an answer that is overdue."""
        self.timers.run(now)
        if self._draining and not self._held and not self._tags:
            self._drop(errors.Draining("the daemon is stopping"), now)
        if self._state is State.OPEN:
            while self._unsent:
                request = next(iter(self._unsent))
                del self._unsent[request]
                self._send(request, now)
        elif self._state is State.CLOSED and self._unsent:
            # A try does not wait for the end of a pause: it ends with the one attempt to connect.
            is_urgent = not all(request.retries for request in self._unsent)
            self.wants_connect = self.wants_connect or is_urgent or now >= self._next_attempt
        if self._heartbeat_timer is None and (self._tags or self._held):
            self._heartbeat_timer = self.timers.at(now + SILENCE, self._heartbeat)

    def connected(self, before: int) -> None:
        """`before` is the time just before the attempt."""
        self._state = State.GREETING
        self._connected_at = self._last_read = before
        self._greeting_timer = self.timers.at(before + SILENCE, self._not_greeted)

    def connect_failed(self, error: RedlockError, can_change: bool, now: int) -> None:
        """`can_change`: whether it may help to try again."""
        pause = self._pause()
        self._next_attempt = now + pause
        self.timers.at(self._next_attempt, lambda _: None)
        for request in list(self._unsent):
            self._retry_or_fail(request, error, can_change)

    def receive(self, data: bytes, now: int) -> None:
        self._last_read = now
        self._pinged_at = None
        try:
            for line in self._parser.feed(data):
                if self._state is State.CLOSED:
                    return
                self._take(line, now)
        except errors.ProtocolError as error:
            self._drop(error, now)

    def ended(self, why: str, now: int) -> None:
        """The connection has ended."""
        self._drop(errors.ConnectionLost(why), now)

    # --- requests -------------------------------------------------------------------------------------

    def _watch_time(self, request: Request) -> None:
        def is_over(now: int) -> None:
            if isinstance(request, LockRequest) and request.phase is Phase.QUEUED and not self._is_clearing(request):
                self._give_up(request, errors.LockTimeout(self._who_is_first(request), name=request.hold.name))
            elif request.phase is Phase.READY and request.last_error is not None:
                self._give_up(request, request.last_error)
            elif request.until is not None:
                request.timer = self.timers.at(request.until + GRACE, is_long_over)

        def is_long_over(now: int) -> None:
            self._give_up(request, request.last_error or errors.NoAnswer("the daemon does not answer"))

        if request.until is not None and not request.done:
            request.timer = self.timers.at(request.until, is_over)

    def _is_clearing(self, request: LockRequest) -> bool:
        """Whether nobody has the name any more, but the daemon has not answered yet that it is free of it."""
        return self._queues[request.hold._key][0].abandoned

    def _who_is_first(self, request: LockRequest) -> str:
        is_held = request.hold._key in self._held
        return "held in this process" if is_held else "other requests of this process are first"

    def _finish(self, request: Request, error: Optional[RedlockError] = None) -> None:
        self.timers.cancel(request.timer)
        request.finish(error)

    def _give_up(self, request: Request, error: RedlockError) -> None:
        """Answers the caller; what was sent is cancelled, and keeps its name until it is answered."""
        if isinstance(request, LockRequest) and request.phase is Phase.SENT:
            request.abandoned = True
            self._send_quietly(f"cancel {request.tag}")
        elif isinstance(request, LockRequest) and request.phase is not Phase.NEW:
            self._leave(request)
        else:
            self._unsent.pop(request, None)
            request.phase = Phase.ENDED
        self._finish(request, error)

    def _leave(self, request: LockRequest) -> None:
        """Gives the name to the next of this process."""
        self._unsent.pop(request, None)
        request.phase = Phase.ENDED
        queue = self._queues[request.hold._key]
        queue.remove(request)
        if not queue:
            del self._queues[request.hold._key]
        elif queue[0].phase is Phase.QUEUED:
            queue[0].phase = Phase.READY
            self._unsent[queue[0]] = None

    def _retry_or_fail(self, request: Request, error: RedlockError, can_change: bool = True) -> None:
        if request.retries and can_change:
            request.last_error = error
        else:
            self._give_up(request, error)

    def _send(self, request: Request, now: int) -> None:
        line = request.line
        if isinstance(request, LockRequest):
            if request.retries and request.until is not None and request.until <= now:
                self._give_up(request, request.last_error
                              or errors.LockTimeout("the time was over before the daemon could be asked",
                                                    name=request.hold.name))
                return
            line = request.line_at(now) + (" events=renew" if "renew" in self._caps else "")
        elif not line:  # to be greeted was all it asked for
            request.phase = Phase.ENDED
            self._finish(request)
            return
        self._tag += 1
        request.tag = str(self._tag)
        request.phase = Phase.SENT
        request.last_error = None
        self._tags[request.tag] = request
        self.outgoing += f"#{request.tag} {line}\n".encode("ascii")

    def _send_quietly(self, line: str) -> None:
        """A request whose answer nobody waits for."""
        self._send(Request(line), 0)

    def _release(self, request: ReleaseRequest, now: int) -> None:
        hold = request.hold
        held = self._held.get(hold._key)
        if held is None or held.hold is not hold:
            reason = hold.reason
            request.phase = Phase.ENDED
            request.finish(errors.NotHeld("it was released before", name=hold.name) if reason is None
                           else hold._loss(reason))
            return
        request.line += f" fence={hold.fence}"
        self._send(request, now)
        self._watch_time(request)
        self._end_hold(held, RELEASED)

    # --- lines ----------------------------------------------------------------------------------------

    def _take(self, line: Line, now: int) -> None:
        if self._state is State.GREETING:
            self._take_greeting(line, now)
        elif line.kind == "*":
            self._take_event(line, now)
        elif line.kind == "-":
            if line.tag in self._tags:
                self._tags[line.tag].rows.append(line)
        elif line.tag in self._tags:
            self._failures = 0
            request = self._tags.pop(line.tag)
            error = (errors.error_of(line.words[0] if line.words else "", line.fields, line.text)
                     if line.kind == "ERR" else None)
            if isinstance(request, LockRequest):
                self._take_lock_answer(request, error, line, now)
            else:
                if isinstance(request, ReleaseRequest) and isinstance(error, errors.LockLost):
                    request.hold._ended = error.reason
                request.phase = Phase.ENDED
                request.fields = line.fields
                self._finish(request, error)

    def _take_greeting(self, line: Line, now: int) -> None:
        self.timers.cancel(self._greeting_timer)
        if line.kind == "ERR":
            self._drop(errors.error_of(line.words[0] if line.words else "", line.fields, line.text), now)
            return
        if line.kind != "*" or line.words[:3] != ("HELLO", "redlockd", "1") or not line.fields.get("now", "").isdigit():
            raise errors.ProtocolError(f"expected the greeting of redlockd, version 1, found {' '.join(line.words)!r}")
        daemon_now = int(line.fields["now"])
        # The daemon's clock is ours, unless it says what ours cannot have shown.
        self.offset = 0 if self._connected_at <= daemon_now <= now else daemon_now - self._connected_at
        self._caps = line.fields.get("caps", "").split(",")
        self._state = State.OPEN

    def _take_lock_answer(self, request: LockRequest, error: Optional[RedlockError], line: Line, now: int) -> None:
        if error is None:
            hold = request.hold
            try:
                hold._fence = int(line.fields["fence"])
                hold._deadline = int(line.fields["deadline"]) - self.offset
                ttl = parse_duration(line.fields["ttl"])
            except (KeyError, ValueError) as why:
                self._tags[request.tag] = request  # it is answered when the connection is dropped
                raise errors.ProtocolError(f"a grant cannot be read: {why}") from None
            if request.abandoned:
                self._send_quietly(f"unlock {encode(hold._key)} fence={hold.fence}")
                self._leave(request)
                return
            if hold._margin is None:
                hold._margin = min(ttl, request.max_hold or ttl) // 3
            request.phase = Phase.HELD
            self._held[hold._key] = request
            self._finish(request)
            self._watch_hold(request, now)
        elif request.abandoned:
            self._leave(request)
        elif error.code == "draining" and request.retries:
            self._draining = True
            request.last_error = error
            request.phase = Phase.READY
            self._parked.append(request)
        elif error.code == "no-quorum":
            request.phase = Phase.READY
            self._retry_or_fail(request, error)
            self.timers.at(now + self._pause(), functools.partial(self._again, request))
        else:
            self._leave(request)
            self._finish(request, error)

    def _again(self, request: LockRequest, now: int) -> None:
        if request.phase is Phase.READY:
            self._unsent[request] = None

    def _take_event(self, line: Line, now: int) -> None:
        kind = line.words[0] if line.words else ""
        name = line.fields.get("lock")
        fence = line.fields.get("fence", "")
        held = None
        if kind in _EVENTS_OF_HOLDS:
            held = self._held.get(to_bytes(name or ""))
            if held is None or str(held.hold.fence) != fence:
                return  # of a hold that is over
        elif kind not in ("WATCH", "DRAINING"):
            return  # of a later version
        if self._on_event is not None:
            event = Event(kind, name, int(fence) if fence.isdigit() else None, line.fields, line.text)
            self.notices.append(functools.partial(self._on_event, event))
        if held is None:
            return
        if kind in ("LOST", "BROKEN"):
            self._lose(held, "broken" if kind == "BROKEN" else line.fields.get("reason", "expired"))
            return
        if line.fields.get("deadline", "").isdigit():
            held.hold._deadline = int(line.fields["deadline"]) - self.offset
        if kind == "JEOPARDY":
            self._endanger(held.hold)
        elif kind in ("SAFE", "RENEWED"):
            held.hold._jeopardy = False
        self._watch_hold(held, now)

    # --- holds ----------------------------------------------------------------------------------------

    def _watch_hold(self, held: LockRequest, now: int) -> None:
        """Our own timer: of a daemon that hangs nothing else is heard."""
        self.timers.cancel(held.hold_timer)
        hold = held.hold
        warn_at = hold.deadline - (hold._margin or 0)
        if not hold._jeopardy and warn_at <= now:
            self._endanger(hold)
        when = hold.deadline if hold._jeopardy else warn_at
        held.hold_timer = self.timers.at(when, functools.partial(self._hold_is_due, held))

    def _hold_is_due(self, held: LockRequest, now: int) -> None:
        if now < held.hold.deadline:
            self._watch_hold(held, now)
            return
        # If the daemon goes on, it may still count us as the holder, and the next of us would be a deadlock.
        self._send_quietly(f"unlock {encode(held.hold._key)} fence={held.hold.fence}")
        self._lose(held, "expired")

    def _endanger(self, hold: HoldBase) -> None:
        if not hold._jeopardy:
            hold._jeopardy = True
            self.notices.append(functools.partial(hold._changed, False))

    def _lose(self, held: LockRequest, reason: str) -> None:
        self._end_hold(held, reason)
        self.notices.append(functools.partial(held.hold._changed, True))

    def _end_hold(self, held: LockRequest, reason: str) -> None:
        held.hold._ended = reason
        self.timers.cancel(held.hold_timer)
        del self._held[held.hold._key]
        self._leave(held)

    # --- the connection -------------------------------------------------------------------------------

    def _drop(self, error: RedlockError, now: int) -> None:
        """The connection has ended, or must end."""
        was_open = self._state is State.OPEN
        self._state = State.CLOSED
        self.wants_close = True
        self.outgoing.clear()
        self._parser = Parser()
        self._draining = False
        self._pinged_at = None
        self.timers.cancel(self._greeting_timer)
        tags, self._tags = self._tags, {}
        if was_open and self._on_event is not None:
            self.notices.append(functools.partial(self._on_event, Event("CLOSED", None, None, {}, error.text)))
        for held in list(self._held.values()):
            self._lose(held, "closed")
        for parked in self._parked:
            self._again(parked, now)
        self._parked.clear()
        for request in tags.values():
            if isinstance(request, LockRequest) and request.abandoned:
                self._leave(request)
            else:
                request.phase = Phase.READY
                self._unsent[request] = None
        # What was sent first comes first again.
        self._unsent = {request: None for request in sorted(self._unsent, key=lambda each: int(each.tag or 0) or 2**63)}
        self.connect_failed(error, not isinstance(error, (errors.ProtocolError, errors.Denied)), now)

    def _pause(self) -> int:
        pause = min(SHORTEST_PAUSE << min(self._failures, 10), LONGEST_PAUSE)
        self._failures += 1
        return pause + int(random.uniform(0, pause / 2))

    def _not_greeted(self, now: int) -> None:
        self._drop(errors.NoAnswer("the daemon does not greet"), now)

    def _heartbeat(self, now: int) -> None:
        self._heartbeat_timer = None
        if self._state is not State.OPEN or now - self._last_read < SILENCE or not (self._tags or self._held):
            return
        if self._pinged_at is None:
            self._pinged_at = now
            self._send_quietly("ping")
        elif now - self._pinged_at >= SILENCE and not self._held:
            # While something is held we stay: a daemon that goes on would free the locks of a closed session.
            self._drop(errors.NoAnswer("the daemon does not answer"), now)
