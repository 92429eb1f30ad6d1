"""The session without I/O, against a model of the daemon, by random steps.

The model refuses what PROTOCOL.md refuses, and lines cross on their way: what either side has sent waits until a step
delivers it. After each walk everything is over, and nothing is left.
"""

import os
import random
import re
import unittest

from redlockd import _clock, errors
from redlockd._core import GRACE, SILENCE, Core
from redlockd._hold import HoldBase
from redlockd._request import LockRequest, OneAtATime, Phase, ReleaseRequest, Request

SECOND = 10**9
WALKS = 300
NAMES = ("a", "b", "c")


class Model:
    """One session of a daemon, with other holders that come and go."""

    def __init__(self, chance, now):
        self.chance, self.fence = chance, 100
        self.waiting, self.held = {}, {}  # by owner: the name and the tag, the name and the fence
        self.owners = set()  # of all times
        self.out = [f"* HELLO redlockd 1 caps=exclusive,renew,owners line=4096 boot=b now={now}"]

    def take(self, line, now):
        tag, verb, *words = line.split()
        tag, name = tag[1:], words[0] if words else ""
        options = dict(word.split("=") for word in words if "=" in word)
        if verb == "lock":
            owner = options["as"]
            assert owner not in self.owners, f"the owner is not new: {line}"
            self.owners.add(owner)
            self.waiting[owner] = (name, tag)
        elif verb == "unlock":
            owner, fence = options["as"], options["fence"]
            if self.held.get(owner) == (name, int(fence)):
                del self.held[owner]
                self.out.append(f"#{tag} OK lock={name} fence={fence}")
            else:
                self.out.append(f"#{tag} ERR lost lock={name} fence={fence} reason=expired :it ended before")
        elif verb == "cancel":
            found = [owner for owner, (_, waiting) in self.waiting.items() if waiting == words[0]]
            for owner in found:
                name, waiting = self.waiting.pop(owner)
                self.out.append(f"#{waiting} ERR cancelled lock={name} :it was cancelled")
            self.out.append(f"#{tag} OK tag={words[0]}" if found else f"#{tag} ERR no-such-tag tag={words[0]} :no")
        else:
            self.out.append(f"#{tag} OK now={now}")

    def act(self, now):
        """Something that nobody asked for."""
        first = {name: owner for owner, (name, _) in reversed(self.waiting.items())}
        free = sorted(set(first) - {name for name, _ in self.held.values()})
        error = self.chance.choice(("", "", "", "", "timeout", "no-quorum", "limit", "draining"))
        if self.waiting and error:
            name, tag = self.waiting.pop(self.chance.choice(sorted(self.waiting)))
            self.out.append(f"#{tag} ERR {error} lock={name} :why")
        elif free:
            owner = first[self.chance.choice(free)]
            name, tag = self.waiting.pop(owner)
            self.fence += 1
            self.held[owner] = (name, self.fence)
            self.out.append(f"#{tag} OK lock={name} fence={self.fence} deadline={now + 10 * SECOND} left=10s "
                            "ttl=10s votes=1/1")
        elif self.held:
            owner = self.chance.choice(sorted(self.held))
            what = self.chance.choice(("RENEWED", "JEOPARDY", "SAFE", "LOST"))
            name, fence = self.held.pop(owner) if what == "LOST" else self.held[owner]
            self.out.append(f"* {what} lock={name} as={owner} fence={fence} deadline={now + 10 * SECOND} left=10s "
                            "reason=expired")


class Walk:
    def __init__(self, seed):
        self.chance, self.now = random.Random(seed), 1000 * SECOND
        self.core, self.model, self.locks = Core(), None, []
        self.plain = []

    def settle(self):
        """As the driver does after each step."""
        core = self.core
        core.run(self.now)
        while core.wants_close or core.wants_connect:
            if core.wants_close:
                core.wants_close, self.model = False, None
            if core.wants_connect:
                core.wants_connect = False
                if self.chance.random() < 0.2:
                    core.connect_failed(errors.ConnectFailed("no daemon"), True, self.now)
                else:
                    core.connected(self.now)
                    self.model = Model(self.chance, self.now)
            core.run(self.now)
        for notice in core.notices:
            notice()
        core.notices.clear()

    def step(self):
        chance, core = self.chance, self.core
        what = chance.randrange(12)
        live = [lock for lock in self.locks if not lock.done]
        held = [lock for lock in self.locks if lock.phase is Phase.HELD]
        if what < 3:
            wait = chance.choice((0, SECOND, 5 * SECOND, None))
            patience = chance.choice((0, 5 * SECOND, None))
            request = LockRequest([HoldBase(chance.choice(NAMES), None, None, None)], "", wait, patience=patience)
            self.locks.append(request)
            core.start(request, self.now)
        elif what == 3 and live:
            core.abandon(chance.choice(live), self.now)
        elif what == 4 and held:
            self.plain.append(ReleaseRequest(chance.choice(held).hold, False))
            core.start(self.plain[-1], self.now)
        elif what == 5 and chance.random() < 0.3:
            self.plain.append(Request("ping"))
            core.start(self.plain[-1], self.now)
        elif what == 6:
            self.now += chance.choice((10**6, SECOND // 10, SECOND))
        elif what == 7 and self.model and chance.random() < 0.1:
            core.ended("the daemon has gone", self.now)
        elif self.model and what in (8, 9):
            self.deliver()
        elif self.model:
            self.model.act(self.now)
        self.settle()
        self.look()

    def deliver(self):
        lines = bytes(self.core.outgoing).decode().splitlines()
        self.core.outgoing.clear()
        for line in lines:
            self.model.take(line, self.now)
        data = "".join(line + "\n" for line in self.model.out).encode()
        self.model.out.clear()
        if data:
            self.core.receive(data, self.now)

    def look(self):
        by_name = {}
        for lock in self.locks:
            if lock.phase is Phase.HELD:
                assert by_name.setdefault(lock.hold.name, lock) is lock, "two hold one name"
                assert lock.done and lock.error is None and lock.hold._ended is None
            assert lock.done or lock.phase is not Phase.ENDED, "over, and its caller still waits"

    def end(self):
        """The callers let go, the daemon answers, and time passes."""
        for _ in range(200):
            for lock in self.locks:
                self.core.abandon(lock, self.now)
            self.settle()
            if self.model:
                self.deliver()
                self.settle()
            self.now += SECOND
        assert all(lock.done and lock.phase is Phase.ENDED for lock in self.locks)
        assert all(request.done for request in self.plain)
        assert self.core.is_idle and not self.core.holds
        assert self.core.timers.next() is None, "a timer is left"
        assert not self.model or (not self.model.held and not self.model.waiting), "the daemon has something of ours"


class RandomWalks(unittest.TestCase):
    def test_nothing_is_asked_twice_and_nothing_is_left(self):
        for seed in range(WALKS):
            walk = Walk(seed)
            with self.subTest(seed=seed):
                for _ in range(200):
                    walk.step()
                walk.end()


class Steps(unittest.TestCase):
    def setUp(self):
        # To a hold, which looks at the real clock, no deadline of these tests is over.
        self.now, self.core = _clock.now() + 3600 * SECOND, Core()

    def open(self, caps="exclusive,owners"):
        self.core.run(self.now)
        self.assertTrue(self.core.wants_connect)
        self.core.wants_connect = False
        self.core.connected(self.now)
        self.receive(f"* HELLO redlockd 1 caps={caps} line=4096 boot=b now={self.now}")

    def receive(self, *lines):
        self.core.receive("".join(line + "\n" for line in lines).encode(), self.now)
        self.core.run(self.now)

    def sent(self):
        lines = bytes(self.core.outgoing).decode().splitlines()
        self.core.outgoing.clear()
        return lines

    def lock(self, name="a", wait=None, task=None, patience=None):
        request = LockRequest([HoldBase(name, None, None, None)], "", wait, task=task, patience=patience)
        self.core.start(request, self.now)
        self.core.run(self.now)
        return request

    def grant(self, tag, fence, left=10):
        self.receive(f"#{tag} OK lock=a fence={fence} deadline={self.now + left * SECOND} left=10s ttl=10s votes=1/1")

    def test_the_wait_that_is_sent_is_what_is_left(self):
        self.lock(wait=10 * SECOND)
        self.now += 4 * SECOND
        self.open()
        self.assertEqual(self.sent(), ["#1 lock a as=1 wait=6s"])

    def test_the_task_is_sent_to_a_daemon_that_knows_tasks(self):
        for caps, words in (("owners,tasks", " task=7"), ("owners", "")):
            self.core = Core()
            self.lock(task=7)
            self.open(caps)
            self.assertEqual(self.sent(), ["#1 lock a as=1" + words])

    def test_each_attempt_has_an_owner_of_its_own_and_all_are_sent_at_once(self):
        requests = [self.lock(), self.lock(wait=SECOND), self.lock(wait=0)]
        self.open()
        self.assertEqual(self.sent(), ["#1 lock a as=1", "#2 lock a as=2 wait=1s", "#3 lock a as=3 wait=0s"])
        self.grant(2, 7)
        self.core.start(ReleaseRequest(requests[1].hold, True), self.now)
        self.receive("#4 OK lock=a fence=7")
        self.grant(1, 8)
        self.assertEqual(self.sent(), ["#4 unlock a as=2 fence=7 sync"])
        self.assertEqual([request.phase for request in requests], [Phase.HELD, Phase.ENDED, Phase.SENT])

    def test_a_grant_that_comes_too_late_is_given_back_and_keeps_nobody_waiting(self):
        late = self.lock(wait=SECOND)
        self.open()
        self.now += SECOND + GRACE
        self.core.run(self.now)
        self.assertIsInstance(late.error, errors.NoAnswer)
        next_one = self.lock()
        self.assertEqual(self.sent(), ["#1 lock a as=1 wait=1s", "#2 cancel 1", "#3 lock a as=3"])
        self.grant(1, 7)
        self.assertEqual(self.sent(), ["#4 unlock a as=1 fence=7"])
        self.assertFalse(late.hold.valid or next_one.done)

    def test_a_cancel_that_comes_after_the_grant_changes_nothing(self):
        request = self.lock()
        self.open()
        self.grant(1, 7)
        self.core.cancel(request)
        self.assertIs(request.phase, Phase.HELD)
        self.assertEqual(self.sent(), ["#1 lock a as=1"])

    def test_a_cancel_that_comes_before_the_start_ends_the_request(self):
        request = LockRequest([HoldBase("a", None, None, None)], "", None)
        self.core.cancel(request)
        self.assertIsInstance(request.error, errors.LockCancelled)
        self.core.start(request, self.now)
        self.core.run(self.now)
        self.assertTrue(self.core.is_idle and not self.core.wants_connect)

    def test_a_wait_that_is_over_before_it_can_be_sent_says_so(self):
        request = self.lock(wait=SECOND)
        self.core.wants_connect = False
        self.core.connected(self.now)
        self.now += SECOND
        self.receive(f"* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b now={self.now}")
        self.assertIsInstance(request.error, errors.LockTimeout)
        self.assertEqual(request.error.text, "the time was over before the daemon could be asked")

    def test_a_silent_daemon_is_pinged_and_left_when_nothing_is_held(self):
        waiting = self.lock()
        self.open()
        self.sent()
        self.now += SILENCE
        self.core.run(self.now)
        self.assertEqual(self.sent(), ["#2 ping"])
        self.now += SILENCE
        self.core.run(self.now)
        self.assertTrue(self.core.wants_close)
        self.assertFalse(waiting.done)

    def test_a_silent_daemon_is_not_left_while_something_is_held(self):
        held = self.lock()
        self.open()
        self.grant(1, 7, left=60)
        for _ in range(5):
            self.now += SILENCE
            self.core.run(self.now)
        self.assertFalse(self.core.wants_close)
        self.assertIsNone(held.hold._ended)
        self.now += 60 * SECOND
        self.core.run(self.now)
        self.assertEqual(held.hold._ended, "expired")
        self.now += 2 * SILENCE
        self.core.run(self.now)
        self.core.run(self.now + SILENCE)
        self.assertTrue(self.core.wants_close or self.core.is_idle)

    def test_a_hold_that_ends_by_our_clock_is_given_back(self):
        first, second = self.lock(), self.lock()
        self.open()
        self.grant(1, 7)
        self.sent()
        self.now = first.hold.deadline
        self.core.run(self.now)
        self.assertIn("unlock a as=1 fence=7", [line.split(" ", 1)[1] for line in self.sent()])
        self.assertFalse(second.done)

    def test_an_event_reaches_the_hold_of_its_owner_alone(self):
        heard = []
        self.core._on_event = lambda event: heard.append((event.kind, event.fence))
        old, new = self.lock(), self.lock()
        self.open()
        self.grant(1, 7)
        self.core.start(ReleaseRequest(old.hold, False), self.now)
        self.grant(2, 8)
        deadline = new.hold.deadline
        self.receive(f"* JEOPARDY lock=a as=1 fence=7 deadline={deadline + SECOND} left=1s",
                     "* LOST lock=a as=1 fence=7 reason=expired", "* LOST lock=a fence=8 reason=expired")
        self.assertEqual((old.hold._ended, new.hold._ended), ("released", None))
        self.assertEqual((new.hold.deadline, new.hold._jeopardy), (deadline, False))
        self.receive("* LOST lock=a as=2 fence=8 reason=max-hold")
        self.assertEqual((old.hold._ended, new.hold._ended), ("released", "max-hold"))
        for notice in self.core.notices:
            notice()
        self.assertEqual(heard, [("LOST", 8)])

    def lock_set(self, *names, wait=None):
        request = LockRequest([HoldBase(name, None, None, None) for name in names], "", wait)
        self.core.start(request, self.now)
        self.core.run(self.now)
        return request

    def grant_set(self, tag, **fences):
        time = f"deadline={self.now + 10 * SECOND} left=10s"
        rows = [f"#{tag} - lock={name} fence={fence} {time} ttl=10s votes=1/1" for name, fence in fences.items()]
        self.receive(*rows, f"#{tag} OK names={len(rows)} {time}")

    def test_several_are_asked_for_at_once_and_are_a_hold_each(self):
        request = self.lock_set("a", "b")
        self.open("owners,set")
        self.assertEqual(self.sent(), ["#1 lock a b as=1"])
        self.grant_set(1, a=7, b=8)
        a, b = request.holds
        self.assertEqual((a.fence, b.fence, a.valid, b.valid), (7, 8, True, True))
        self.receive("* LOST lock=b as=1 fence=8 reason=max-hold")
        self.assertEqual((a._ended, b._ended, request.phase), (None, "max-hold", Phase.HELD))
        self.core.start(ReleaseRequest(a, False), self.now)
        self.assertEqual(self.sent(), ["#2 unlock a as=1 fence=7"])
        self.receive("#2 OK lock=a fence=7")
        self.assertTrue(request.phase is Phase.ENDED and self.core.is_idle)

    def test_a_grant_of_several_that_comes_too_late_is_given_back_whole(self):
        late = self.lock_set("a", "b", wait=SECOND)
        self.open("owners,set")
        self.now += SECOND + GRACE
        self.core.run(self.now)
        self.assertIsInstance(late.error, errors.NoAnswer)
        self.grant_set(1, a=7, b=8)
        self.assertEqual(self.sent()[2:], ["#3 unlock a as=1 fence=7", "#4 unlock b as=1 fence=8"])
        self.assertFalse(any(hold.valid for hold in late.holds))

    def test_who_was_interrupted_gives_back_all_of_several(self):
        request = self.lock_set("a", "b")
        self.open("owners,set")
        self.grant_set(1, a=7, b=8)
        self.core.abandon(request, self.now)
        self.assertEqual(self.sent()[1:], ["#2 unlock a as=1 fence=7", "#3 unlock b as=1 fence=8"])

    def test_rows_of_a_connection_that_has_ended_are_of_no_later_grant(self):
        request = self.lock_set("a", "b")
        self.open("owners,set")
        self.receive(f"#1 - lock=a fence=7 deadline={self.now} left=0s ttl=10s votes=1/1")
        self.core.ended("gone", self.now)
        self.core.wants_close = False
        self.now += SECOND
        self.core.run(self.now)
        self.open("owners,set")
        self.grant_set(2, a=17, b=18)
        self.assertEqual([hold.fence for hold in request.holds], [17, 18])

    def test_a_grant_of_other_names_is_none(self):
        request = self.lock_set("a", "b", wait=0)
        self.open("owners,set")
        self.grant_set(1, b=8, a=7)
        self.assertIsInstance(request.error, errors.ProtocolError)
        self.assertTrue(self.core.wants_close)

    def test_a_daemon_that_takes_one_at_a_time_is_not_asked_for_several(self):
        request = self.lock_set("a", "b")
        self.open("owners")
        self.assertIsInstance(request.error, OneAtATime)
        self.assertEqual(self.sent(), [])
        self.assertTrue(self.core.is_idle and not self.core.wants_close)

    def test_a_loss_that_crosses_the_release_is_told_once(self):
        heard = []
        request = LockRequest([HoldBase("a", None, None, lambda hold: heard.append(hold.reason))], "", None)
        self.core.start(request, self.now)
        self.open()
        self.grant(1, 7)
        release = ReleaseRequest(request.hold, False)
        self.core.start(release, self.now)
        self.receive("* LOST lock=a as=1 fence=7 reason=max-hold", "#2 ERR lost lock=a fence=7 reason=max-hold :over")
        self.assertEqual((type(release.error), release.error.reason), (errors.LockLost, "max-hold"))
        for notice in self.core.notices:
            notice()
        self.assertEqual(heard, ["max-hold"])

    def test_a_deadline_is_on_our_clock(self):
        request = self.lock()
        self.core.run(self.now)
        self.core.connected(self.now)
        self.receive(f"* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b now={self.now + 3600 * SECOND}")
        self.grant(1, 7, left=3610)
        self.assertEqual(request.hold.deadline, self.now + 10 * SECOND)

    def test_no_quorum_is_asked_again_and_reported_when_the_time_is_over(self):
        request = self.lock(wait=10 * SECOND)
        self.open()
        self.receive("#1 ERR no-quorum lock=a :0 of 1 nodes")
        self.assertFalse(request.done)
        self.now += SECOND
        self.core.run(self.now)
        self.assertEqual(self.sent(), ["#1 lock a as=1 wait=10s", "#2 lock a as=2 wait=9s"])
        self.receive("#2 ERR no-quorum lock=a :0 of 1 nodes")
        self.now = request.until
        self.core.run(self.now)
        self.assertIsInstance(request.error, errors.NoQuorum)

    def test_those_that_are_asked_for_again_keep_their_order(self):
        for _ in range(3):
            self.lock()
        self.open()
        self.sent()
        self.receive("#1 ERR no-quorum lock=a :0 of 1 nodes", "#2 ERR no-quorum lock=a :0 of 1 nodes")
        self.now += SECOND // 200
        self.receive("#3 ERR no-quorum lock=a :0 of 1 nodes")
        self.now += SECOND
        self.core.run(self.now)
        self.assertEqual(self.sent(), ["#4 lock a as=4", "#5 lock a as=5", "#6 lock a as=6"])
        self.receive("#5 ERR draining lock=a :the daemon is stopping")
        self.core.ended("the daemon has gone", self.now)
        self.now += SECOND
        self.core.wants_close = False
        self.open()
        self.assertEqual(self.sent(), ["#7 lock a as=7", "#8 lock a as=8", "#9 lock a as=9"])

    def test_a_draining_daemon_is_left_once_nothing_is_held(self):
        held = self.lock()
        self.open()
        self.grant(1, 7)
        waiting = self.lock("b")
        self.receive("#2 ERR draining lock=b :the daemon is stopping")
        self.assertFalse(self.core.wants_close or waiting.done)
        self.core.start(ReleaseRequest(held.hold, False), self.now)
        self.receive("#3 OK lock=a fence=7")
        self.assertTrue(self.core.wants_close)
        self.assertFalse(waiting.done)

    def test_the_margin_comes_before_the_deadline_without_a_word_of_the_daemon(self):
        seen = []
        hold = HoldBase("a", 3 * SECOND, lambda hold: seen.append("jeopardy"), lambda hold: seen.append("lost"))
        self.core.start(LockRequest([hold], "", None), self.now)
        self.open()
        self.grant(1, 7)
        for passed, expected in ((6, []), (1, ["jeopardy"]), (3, ["jeopardy", "lost"])):
            self.now += passed * SECOND
            self.core.run(self.now)
            for notice in self.core.notices:
                notice()
            self.core.notices.clear()
            self.assertEqual(seen, expected)

    def test_a_wait_that_is_over_before_the_next_attempt_says_how_the_last_one_failed(self):
        self.lock()
        self.fail_to_connect(8)  # the pauses between attempts grow
        for request in (self.lock(wait=SECOND // 100), self.lock(patience=SECOND // 100)):
            self.assertFalse(self.core.wants_connect)
            self.core.run(self.now + SECOND // 100)
            self.assertEqual((type(request.error), request.error.text[:12]), (errors.ConnectFailed, "no such file"))
        hangs = self.lock(wait=5 * SECOND)
        self.core.connected(self.now)
        self.core.run(self.now + 5 * SECOND + GRACE)
        self.assertIsInstance(hangs.error, errors.NoAnswer, "what listens there now does not greet")

    def fail_to_connect(self, times=1):
        for _ in range(times):
            self.core.wants_connect = False
            self.core.connect_failed(errors.ConnectFailed("no such file"), True, self.now)

    def test_a_connect_timeout_of_0_is_one_attempt(self):
        self.lock()
        self.fail_to_connect(8)
        refused = self.lock(patience=0)
        self.assertTrue(self.core.wants_connect and not refused.done, "it does not wait for the end of the pause")
        self.fail_to_connect()
        self.assertEqual((type(refused.error), refused.error.text), (errors.ConnectFailed, "no such file"))
        hangs = self.lock(patience=0)
        self.core.wants_connect = False
        self.core.connected(self.now)
        self.now += GRACE - 1
        self.core.run(self.now)
        self.assertFalse(hangs.done)
        self.now += 1
        self.core.run(self.now)
        self.assertEqual((type(hangs.error), hangs.error.text), (errors.NoAnswer, "the daemon does not greet"))
        waits = self.lock(patience=0)
        self.receive(f"* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b now={self.now}")
        self.now += SECOND
        self.core.run(self.now)
        self.assertIs(waits.phase, Phase.SENT, "there is a daemon, and so it waits")
        self.core.ended("the daemon has gone", self.now)
        self.assertIsInstance(waits.error, errors.ConnectionLost)

    def test_a_wait_without_end_ends_though_a_hold_keeps_the_daemon_that_hangs(self):
        self.lock()
        self.open()
        self.grant(1, 7, left=60)
        waits, patient, quick = self.lock("b", patience=SILENCE), self.lock("c"), self.lock("d", wait=60 * SECOND)
        self.core.cancel(self.lock("e", patience=SILENCE))
        for passed in range(1, 4):
            self.assertFalse(waits.done, f"after {passed} times {SILENCE} ns")
            self.now += SILENCE
            self.core.run(self.now)
        self.assertEqual((type(waits.error), str(waits.error)),
                         (errors.NoAnswer, "lock 'b': no-answer: the daemon does not answer"))
        cancels = [line.split(" ", 1)[1] for line in self.sent() if " cancel " in line]
        self.assertEqual(cancels, ["cancel 5", "cancel 2"])
        self.assertFalse(self.core.wants_close or patient.done or quick.done)

    def test_a_daemon_that_goes_on_is_waited_for(self):
        self.lock()
        self.open()
        self.grant(1, 7, left=60)
        waits = self.lock("b", patience=SILENCE)
        for _ in range(5):
            self.now += 2 * SILENCE
            self.core.run(self.now - SILENCE)
            self.core.run(self.now)
            self.receive(f"#9 OK now={self.now}")
            self.assertFalse(waits.done)
        self.assertFalse(self.core.wants_close)

    def test_each_caller_gets_an_error_of_its_own(self):
        first, second = self.lock(), self.lock()
        self.core.connect_failed(errors.ConnectFailed("no such file"), False, self.now)
        self.assertEqual((first.error.text, second.error.text), ("no such file", "no such file"))
        self.assertIsNot(first.error, second.error)

    def test_the_margin_is_bounded(self):
        for ttl, max_hold, wanted, expected in ((9, None, None, 3), (9, 6, None, 2), (60, None, None, 5),
                                                (60, None, 20, 20), (60, None, 59, 30), (60, 8, 60, 4), (9, None, 0, 0)):
            with self.subTest(ttl=ttl, max_hold=max_hold, wanted=wanted):
                self.setUp()
                hold = HoldBase("a", None if wanted is None else wanted * SECOND, None, None)
                self.core.start(LockRequest([hold], "", None, max_hold and max_hold * SECOND), self.now)
                self.open()
                deadline = self.now + ttl * SECOND
                self.receive(f"#1 OK lock=a fence=7 deadline={deadline} left={ttl}s ttl={ttl}s votes=1/1")
                self.now = deadline - expected * SECOND - 1
                self.core.run(self.now)
                self.assertFalse(hold._jeopardy)
                self.now += 1
                self.core.run(self.now)
                self.assertTrue(hold._jeopardy or expected == 0)

    def test_each_error_of_the_protocol_has_a_class(self):
        errors_cc = os.path.join(os.path.dirname(__file__), "..", "..", "protocol", "errors.cc")
        with open(errors_cc, encoding="utf-8") as file:
            words = set(re.findall(r'\{ErrorCode::k\w+, "([a-z-]+)"\}', file.read()))
        self.assertGreater(len(words), 10)
        without = {word for word in words if type(errors.error_of(word, {}, "")) is errors.RedlockError}
        self.assertEqual({"no-such-tag"}, without)  # only the client itself hears of that

    def test_another_protocol_is_not_tried_again(self):
        request = self.lock()
        self.core.wants_connect = False
        self.core.connected(self.now)
        self.receive("* HELLO redlockd 2 now=1")
        self.assertIsInstance(request.error, errors.ProtocolError)
        self.assertTrue(self.core.wants_close)

    def test_a_daemon_that_does_not_know_owners_is_refused(self):
        request = self.lock()
        self.core.wants_connect = False
        self.core.connected(self.now)
        self.receive(f"* HELLO redlockd 1 caps=exclusive,renew line=4096 boot=b now={self.now}")
        self.assertIsInstance(request.error, errors.ProtocolError)
        self.assertEqual(request.error.text, "expected a redlockd that knows owners within a session, found a greeting "
                                             "without the word 'owners' in caps=exclusive,renew")
        self.assertTrue(self.core.wants_close)

    def test_nothing_is_left_of_closed_sessions(self):
        first, second, third = self.lock(), self.lock(), self.lock("b", wait=SECOND)
        self.open()
        self.grant(1, 7)
        self.core.close(self.now)
        self.assertEqual(first.hold._ended, "closed")
        for request in (second, third):
            self.assertIsInstance(request.error, errors.ConnectionLost)
        self.assertTrue(self.core.is_idle)

    def test_the_clock_is_the_daemons_unless_it_cannot_be(self):
        before = _clock.now()
        self.core.connected(before)
        self.core.receive(f"* HELLO redlockd 1 caps=owners now={before + 1}\n".encode(), before + 2)
        self.assertEqual(self.core.offset, 0)
        other = Core()
        other.connected(before)
        other.receive(f"* HELLO redlockd 1 caps=owners now={before + 3600 * SECOND}\n".encode(), before + 2)
        self.assertEqual(other.offset, 3600 * SECOND)


if __name__ == "__main__":
    unittest.main()
