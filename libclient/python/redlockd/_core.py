"""The session, without I/O: what to send, and what becomes of what has come.

A driver (`_link`) tells it what happened and when: `start`, `abandon`, `connected`, `connect_failed`, `receive`,
`ended`. After each of them, and at `timers.next()`, it calls `run`, and then does what `wants_close`, `wants_connect`
and `outgoing` ask for. Answers come through `Request.on_done`, at once; what is for the caller's own functions is
left in `notices`, to be called when the core is not busy. Times are ns of `_clock`.

The daemon keeps the line of those who want a name. Each attempt to take a lock is made for an owner of its own within
the session, and the owner is the tag of that attempt, which never comes again. So those of this process stand in the
same line as everybody else on the host.

See "Writing a client" (protocol/CLIENTS.md) for the reasons.
"""

from __future__ import annotations

import enum
import functools
import random
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from . import errors
from ._hold import RELEASED, HoldBase
from ._holds import Holds
from ._page import Page, Place
from ._request import LockRequest, OneAtATime, Phase, ReleaseRequest, Request, unlock_line
from ._timers import Timer, Timers
from ._wire import Line, Parser, duration, parse_duration
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
        self.page: Optional[Page] = None  # of this connection; it comes before the answer that it came with
        self._draining = False
        self._tag = 0
        self._tags: Dict[str, Request] = {}  # what was sent and is not answered
        self._unsent: Dict[Request, None] = {}  # in their order
        self._parked: Dict[Request, None] = {}  # what the daemon could not do, in the order of its answers
        self._unpark_timer: Optional[Timer] = None
        self.holds = Holds(self.timers, self.notices, self._give_back)
        self._connected_at = 0
        self._where = ""  # the socket, for errors from before the greeting: it may be a wrong one
        self._greeting_timer: Optional[Timer] = None
        self._next_attempt = 0
        self._failures = 0
        self._last_failure: Optional[RedlockError] = None  # why there is no connection; None before the first attempt
        self._last_read = 0
        self._pinged_at: Optional[int] = None
        self._is_hung = False
        self._heartbeat_timer: Optional[Timer] = None

    # --- the caller -----------------------------------------------------------------------------------

    def start(self, request: Request, now: int) -> None:
        if request.phase is Phase.ENDED:
            return  # it was cancelled before
        request.phase = Phase.READY
        request.until = None if request.wait is None else now + request.wait
        if isinstance(request, ReleaseRequest):
            self._release(request, now)
        else:
            self._unsent[request] = None
            self._watch_time(request)
            if self._state is State.CLOSED and not request.connects_once:
                request.last_error = self._last_failure  # its time may end before the next attempt
            if self._state is not State.OPEN:
                self._await_daemon(request, now)

    def abandon(self, request: Request, now: int) -> None:
        """The caller has gone, perhaps while the answer was on its way to it. A lock is given back."""
        if isinstance(request, LockRequest) and request.phase is Phase.HELD:
            for hold in filter(self.holds.has, request.holds):
                self._release(ReleaseRequest(hold, False), now)
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
        for waiting in [*self._parked, *self._unsent]:
            self._give_up(waiting, error)
        for request in self._tags.values():
            request.connects_once = True
        self._on_event = None
        if self._state is not State.CLOSED:
            self._drop(error, now)

    @property
    def is_idle(self) -> bool:
        return not (self._tags or self._unsent or self._parked or self.holds)

    # --- the driver -----------------------------------------------------------------------------------

    def run(self, now: int) -> None:
        """Does what is due. Call it after what has come was received: it may be an answer that is overdue."""
        self.timers.run(now)
        if self._draining and not self.holds and not self._tags:
            self._drop(errors.Draining("the daemon is stopping"), now)
        if self._state is State.OPEN:
            while self._unsent:
                request = next(iter(self._unsent))
                del self._unsent[request]
                self._send(request, now)
        elif self._state is State.CLOSED and self._unsent:
            # They do not wait for the end of a pause: they end with the one attempt to connect.
            is_urgent = any(request.connects_once for request in self._unsent)
            self.wants_connect = self.wants_connect or is_urgent or now >= self._next_attempt
        if self._heartbeat_timer is None and (self._tags or self.holds):
            self._heartbeat_timer = self.timers.at(now + SILENCE, self._heartbeat)

    def connected(self, before: int, path: str = "") -> None:
        """`before` is the time just before the attempt, and `path` that of the socket."""
        self._state = State.GREETING
        self._last_failure = None
        for request in self._unsent:
            request.last_error = None  # of an attempt that is no longer the last
        self._where = f"{path}: " if path else ""
        self._connected_at = self._last_read = before
        self._greeting_timer = self.timers.at(before + SILENCE, self._not_greeted)

    def connect_failed(self, error: RedlockError, can_change: bool, now: int) -> None:
        """`can_change`: whether it may help to try again."""
        self._last_failure = error
        pause = self._pause()
        self._next_attempt = now + pause
        self.timers.at(self._next_attempt, lambda _: None)
        for request in list(self._unsent):
            self._retry_or_fail(request, error, can_change, now)

    def receive(self, data: bytes, now: int) -> None:
        self._last_read = now
        self._pinged_at = None
        if self._is_hung:
            self._set_hung(False, now)
        try:
            for line in self._parser.feed(data):
                if self._state is State.CLOSED:
                    return
                self._take(line, now)
        except errors.ProtocolError as error:
            self._drop(error if self._state is State.OPEN else errors.ProtocolError(self._where + error.text), now)

    def ended(self, why: str, now: int) -> None:
        """The connection has ended."""
        self._drop(errors.ConnectionLost(why if self._state is State.OPEN else self._where + why), now)

    # --- requests -------------------------------------------------------------------------------------

    def _watch_time(self, request: Request) -> None:
        if request.until is not None:
            is_over = functools.partial(self._time_is_over, request, request.until + GRACE)
            request.timer = self.timers.at(request.until, is_over)

    def _time_is_over(self, request: Request, end: int, now: int) -> None:
        """What was sent has until `end` to be answered; an attempt that has failed is reported at once."""
        if request.last_error is None and now < end:
            request.timer = self.timers.at(end, functools.partial(self._time_is_over, request, end))
        else:
            self._give_up(request, request.last_error or errors.NoAnswer("the daemon does not answer"))

    def _await_daemon(self, request: Request, now: int) -> None:
        """A wait without end is for another holder, and not for a daemon that is not there, or that hangs."""
        if isinstance(request, LockRequest) and request.until is None and request.patience is not None:
            if request.timer is None:
                # Where one attempt is all, its greeting has a moment.
                end = now + (request.patience or GRACE)
                request.timer = self.timers.at(end, functools.partial(self._has_no_daemon, request))

    def _has_daemon(self, request: Request) -> None:
        if request.until is None:
            self.timers.cancel(request.timer)  # that of `_await_daemon`: there is one
            request.timer = None

    def _has_no_daemon(self, request: LockRequest, _: int) -> None:
        if request.phase is Phase.SENT:
            self._give_up(request, errors.NoAnswer("the daemon does not answer", name=request.hold.name))
            return
        error = request.last_error or self._no_greeting()
        tried = "" if request.connects_once else f" (tried for {duration(request.patience or 0)}, the connect_timeout)"
        self._give_up(request, error.again(error.text + tried, request.hold.name))

    def _finish(self, request: Request, error: Optional[RedlockError] = None) -> None:
        self.timers.cancel(request.timer)
        request.finish(error)

    def _give_up(self, request: Request, error: RedlockError) -> None:
        """Answers the caller. A lock that was sent is cancelled, and a grant that crosses the cancel is given back."""
        if isinstance(request, LockRequest) and request.phase is Phase.SENT:
            self._send_quietly(f"cancel {request.tag}")
        else:
            self._unsent.pop(request, None)
            self._parked.pop(request, None)
            request.phase = Phase.ENDED
        self._finish(request, error)

    def _retry_or_fail(self, request: Request, error: RedlockError, can_change: bool, now: int) -> None:
        if request.connects_once or not can_change:
            self._give_up(request, error)
        else:
            request.last_error = error
            self._await_daemon(request, now)

    def _send(self, request: Request, now: int) -> None:
        if not request.line:  # to be greeted was all it asked for
            request.phase = Phase.ENDED
            self._finish(request)
            return
        if isinstance(request, LockRequest) and request.retries and request.until is not None and request.until <= now:
            self._give_up(request, request.last_error
                          or errors.LockTimeout("the time was over before the daemon could be asked",
                                                name=request.hold.name))
            return
        if isinstance(request, LockRequest) and len(request.holds) > 1 and "set" not in self._caps:
            self._give_up(request, OneAtATime("expected a redlockd that takes several names at once, found a greeting "
                                              f"without the word 'set' in caps={','.join(self._caps)}"))
            return
        self._tag += 1
        request.tag = str(self._tag)
        request.rows = []
        request.phase = Phase.SENT
        request.last_error = None
        self._has_daemon(request)
        self._tags[request.tag] = request
        line = request.line
        if isinstance(request, LockRequest):
            line = request.line_at(now, self._caps)
        self.outgoing += f"#{request.tag} {line}\n".encode("ascii")

    def _send_quietly(self, line: str) -> None:
        """A request whose answer says nothing that matters: with a tag that is nobody's it is ignored."""
        self._tag += 1
        self.outgoing += f"#{self._tag} {line}\n".encode("ascii")

    def _release(self, request: ReleaseRequest, now: int) -> None:
        hold = request.hold
        if not self.holds.has(hold):
            reason = hold.reason
            request.phase = Phase.ENDED
            request.finish(errors.NotHeld("it was released before", name=hold.name) if reason is None
                           else hold._loss(reason))
            return
        self._send(request, now)
        self._watch_time(request)
        self.holds.end(hold, RELEASED)

    def _give_back(self, hold: HoldBase) -> None:
        self._send_quietly(unlock_line(hold))

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
                    self.holds.lost_before(request.hold, error.reason)
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
        self._caps = line.fields.get("caps", "").split(",")
        if "owners" not in self._caps:
            raise errors.ProtocolError("expected a redlockd that knows owners within a session, found a greeting "
                                       f"without the word 'owners' in caps={','.join(self._caps)}")
        daemon_now = int(line.fields["now"])
        # The daemon's clock is ours, unless it says what ours cannot have shown.
        self.offset = 0 if self._connected_at <= daemon_now <= now else daemon_now - self._connected_at
        self._state = State.OPEN
        if "page" in self._caps:
            self._send_quietly("page")

    def _take_lock_answer(self, request: LockRequest, error: Optional[RedlockError], line: Line, now: int) -> None:
        if error is None:
            self._take_grant(request, line, now)
        elif request.retries and not request.done and error.code in ("draining", "no-quorum"):
            request.last_error = error
            request.phase = Phase.READY
            self._parked[request] = None
            if error.code == "draining":
                self._draining = True
            elif self._unpark_timer is None:
                self._unpark_timer = self.timers.at(now + self._pause(), self._unpark)
        else:
            request.phase = Phase.ENDED
            self._finish(request, error)

    def _take_grant(self, request: LockRequest, line: Line, now: int) -> None:
        # Of several a row for each, in their order; of one the answer itself.
        lines = [line] if len(request.holds) == 1 else request.rows
        try:
            if [each.fields["lock"] for each in lines] != [hold.name for hold in request.holds]:
                raise ValueError("it is not of the names that were asked for")
            times = [self._read_grant(hold, each) for hold, each in zip(request.holds, lines)]
        except (KeyError, ValueError) as why:
            self._tags[request.tag] = request  # it is answered when the connection is dropped
            raise errors.ProtocolError(f"a grant cannot be read: {why}") from None
        for hold in request.holds:
            hold._owner = request.tag
        if request.done:  # the caller has gone
            request.phase = Phase.ENDED
            for hold in request.holds:
                self._give_back(hold)
            return
        for hold, (deadline, _) in zip(request.holds, times):
            hold._deadline = deadline
        self.holds.enter(request, [ttl for _, ttl in times], now)
        self._finish(request)

    def _read_grant(self, hold: HoldBase, line: Line) -> Tuple[int, int]:
        """Returns its deadline and its ttl."""
        hold._fence = int(line.fields["fence"])
        if self.page is not None and "slot" in line.fields and self.page.has(int(line.fields["slot"])):
            hold._place = Place(self.page, int(line.fields["slot"]), int(line.fields["use"]), self.offset)
        return int(line.fields["deadline"]) - self.offset, parse_duration(line.fields["ttl"])

    def _unpark(self, now: int) -> None:
        """All at once, so that they are asked for again in their order."""
        self.timers.cancel(self._unpark_timer)
        self._unpark_timer = None
        self._unsent.update(self._parked)
        self._parked.clear()

    def _take_event(self, line: Line, now: int) -> None:
        kind = line.words[0] if line.words else ""
        held = self.holds.of_event(line) if kind in _EVENTS_OF_HOLDS else None
        if held is None and kind not in ("WATCH", "DRAINING"):
            return  # of a hold that is over, or of a later version
        if self._on_event is not None:
            fence = line.fields.get("fence", "")
            number = int(fence) if fence.isdigit() else None
            event = Event(kind, line.fields.get("lock"), number, line.fields, line.text)
            self.notices.append(functools.partial(self._on_event, event))
        if held is not None:
            self.holds.take(held, line, self.offset, now)

    # --- the connection -------------------------------------------------------------------------------

    def _drop(self, error: RedlockError, now: int) -> None:
        """The connection has ended, or must end."""
        was_open = self._state is State.OPEN
        self._state = State.CLOSED
        self.wants_close = True
        self.outgoing.clear()
        self.page = None
        self._parser = Parser()
        self._draining = False
        self._pinged_at = None
        self._is_hung = False
        self.timers.cancel(self._greeting_timer)
        tags, self._tags = self._tags, {}
        if was_open and self._on_event is not None:
            self.notices.append(functools.partial(self._on_event, Event("CLOSED", None, None, {}, error.text)))
        self.holds.lose_all("closed")
        self._unpark(now)
        for request in tags.values():
            request.phase = Phase.ENDED if request.done else Phase.READY
            if not request.done:
                self._unsent[request] = None
        # What was sent first comes first again.
        self._unsent = {request: None for request in sorted(self._unsent, key=lambda each: int(each.tag or 0) or 2**63)}
        self.connect_failed(error, not isinstance(error, (errors.ProtocolError, errors.Denied)), now)

    def _pause(self) -> int:
        pause = min(SHORTEST_PAUSE << min(self._failures, 10), LONGEST_PAUSE)
        self._failures += 1
        return pause + int(random.uniform(0, pause / 2))

    def _not_greeted(self, now: int) -> None:
        self._drop(self._no_greeting(), now)

    def _no_greeting(self) -> RedlockError:
        return errors.NoAnswer(f"{self._where}the daemon does not greet")

    def _heartbeat(self, now: int) -> None:
        self._heartbeat_timer = None
        if self._state is not State.OPEN or now - self._last_read < SILENCE or not (self._tags or self.holds):
            return
        if self._pinged_at is None:
            self._pinged_at = now
            self._send_quietly("ping")
        elif now - self._pinged_at >= SILENCE and self.holds:
            # While something is held we stay: a daemon that goes on would free the locks of a closed session.
            self._set_hung(True, now)
        elif now - self._pinged_at >= SILENCE:
            self._drop(errors.NoAnswer("the daemon does not answer"), now)

    def _set_hung(self, is_hung: bool, now: int) -> None:
        """That it hangs counts against the patience of the waits without end that it has."""
        self._is_hung = is_hung
        for request in self._tags.values():
            if is_hung and not request.done:
                self._await_daemon(request, now)
            elif not is_hung:
                self._has_daemon(request)
