"""Locks for threads, on a real daemon that is well."""

import ctypes
import functools
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import unittest
import unittest.mock
from datetime import timedelta

import redlockd
import redlockd.aio
import support
from redlockd._wire import parse
from support import WithDaemon, eventually, in_thread


class Locks(WithDaemon):
    def setUp(self):
        self.session = redlockd.Session()
        self.addCleanup(self.session.close)
        self.other = redlockd.Session()  # as another process
        self.addCleanup(self.other.close)

    def both_are_held(self):
        """And one who has one of them waits for the other."""
        states = [row.fields["state"] for row in self.other.request("list").rows
                  if row.fields["lock"] in ("left", "right")]
        return sorted(states) == ["held", "held", "waiting"]

    def waits(self):
        return int(self.other.request("list").fields["waits"])

    def test_a_with_block_holds_the_lock(self):
        lock = redlockd.Lock("with", session=self.session)
        with lock as hold:
            self.assertTrue(hold.valid)
            self.assertFalse(hold.lost or hold.jeopardy)
            self.assertEqual(hold.name, "with")
            self.assertTrue(6 < hold.left <= 10)
            self.assertTrue(6 < hold.check() <= 10)
            self.assertTrue(lock.locked())
            self.assertIsNone(redlockd.Lock("with", session=self.other).acquire(blocking=False))
        self.assertFalse(hold.valid or hold.lost)
        with redlockd.Lock("with", session=self.other, wait=5) as later:
            self.assertGreater(later.fence, hold.fence)

    def test_acquire_and_release(self):
        lock = redlockd.Lock("acquire", session=self.session)
        hold = lock.acquire(timeout=timedelta(seconds=5))
        self.assertTrue(hold)
        lock.release(sync=True)
        self.assertFalse(lock.locked())
        with self.assertRaises(redlockd.NotHeld):
            lock.release()
        with self.assertRaises(redlockd.NotHeld):
            hold.release()

    def test_a_release_reaches_the_daemon_where_a_renewal_was_not_read(self):
        hold = redlockd.Lock("meanwhile", session=self.session).acquire(timeout=5)
        # As if the process had been stopped beyond the deadline that it knows, and the hold was not on the page.
        hold._deadline, hold._place = 0, None
        self.assertTrue(hold.lost)
        hold.release()
        redlockd.Lock("meanwhile", session=self.other).acquire(timeout=support.PATIENCE).release()

    def test_the_options_reach_the_daemon(self):
        with redlockd.Lock("options", ttl=4, max_hold=60, note="für alle", session=self.session):
            row = next(row for row in self.session.request("list").rows if row.fields["lock"] == "options")
        self.assertEqual((row.fields["ttl"], row.fields["note"]), ("4s", "für alle"))

    def test_a_decorator_holds_the_lock_in_each_call(self):
        lock = redlockd.Lock("decorated", session=self.session)

        @lock
        def work(value):
            """What it does."""
            return value, redlockd.Lock("decorated", session=self.other).acquire(blocking=False)
        self.assertEqual([work(1), work(2)], [(1, None), (2, None)])
        self.assertEqual((work.__name__, work.__doc__), ("work", "What it does."))

    def test_a_decorator_refuses_what_runs_after_the_call(self):
        async def coroutine():
            pass

        async def asynchronous_generator():
            yield

        def generator():
            yield

        class Called:
            async def __call__(self):
                pass
        lock = redlockd.Lock("decorated", session=self.session)
        for function, advice in ((coroutine, "use redlockd.aio.Lock"), (Called(), "use redlockd.aio.Lock"),
                                 (functools.partial(coroutine), "use redlockd.aio.Lock"),
                                 (generator, "take the lock inside"), (asynchronous_generator, "take the lock inside")):
            with self.assertRaisesRegex(TypeError, advice):
                lock(function)
        self.assertEqual([lock(len)("ab"), lock(str)(1), lock(functools.partial(len, "abc"))()], [2, "1", 3])

    def test_bad_values_are_refused_before_anything_is_sent(self):
        for options in ({"name": ""}, {"name": "a\0b"}, {"name": "a", "wait": -1}, {"name": "a", "note": "x" * 256}):
            with self.assertRaises(ValueError, msg=str(options)):
                redlockd.Lock(**options)
        with self.assertRaises(redlockd.BadRequest) as caught:
            redlockd.Lock("a", ttl=timedelta(days=30), session=self.session).acquire()
        self.assertIn("expected", str(caught.exception))
        for request in (("LOCK", "a"), ("unlock", "a"), ("show", *["x" * 255] * 20), ("show", "")):
            with self.assertRaises(ValueError, msg=str(request)):
                self.session.request(*request)
        for verb, options in (("PING", {}), ("", {}), ("pïng", {}), ("ping\n", {}), ("ping\nquit", {}), ("ping a", {}),
                              ("check", {"fence=1 a": 1}), ("check", {"": 1}), ("check", {"fënce": 1}),
                              ("check", {"fence\n": 1}), ("check", {"fence": "a\0b"})):
            with self.assertRaises(ValueError, msg=f"{verb} {options}") as caught:
                self.session.request(verb, **options)
            self.assertNotIsInstance(caught.exception, redlockd.RedlockError)  # nothing was sent
        self.session.request("ping")

    def test_wrong_types_are_named(self):
        number = "expected seconds as a number, or a timedelta"
        for options, message in (({"name": 5}, "name of a lock: expected str or bytes, found int 5"),
                                 ({"ttl": "5"}, f"ttl: {number}, found str '5'"),
                                 ({"wait": "forever"}, f"wait: {number}, found str 'forever'"),
                                 ({"wait": True}, f"wait: {number}, found bool True"),
                                 ({"max_hold": b"1"}, f"max_hold: {number}, found bytes b'1'"),
                                 ({"min_hold": []}, f"min_hold: {number}, found list []"),
                                 ({"margin": {}}, f"margin: {number}, found dict {{}}"),
                                 ({"connect_timeout": "5s"}, f"connect_timeout: {number}, found str '5s'"),
                                 ({"note": 7}, "note: expected str or bytes, found int 7"),
                                 ({"on_lost": 3}, "on_lost: expected a function, found int 3"),
                                 ({"on_jeopardy": "x"}, "on_jeopardy: expected a function, found str 'x'")):
            for kind in (redlockd.Lock, redlockd.aio.Lock):
                with self.subTest(options=options), self.assertRaises(TypeError) as caught:
                    kind(**{"name": "a", **options})
                self.assertEqual(str(caught.exception), message)
        for call, message in ((lambda: redlockd.Lock("a", session="x"), "session: expected a redlockd.Session, found str"),
                              (lambda: redlockd.Lock("a", session=redlockd.aio.Session()), "expected a redlockd.Session, f"),
                              (lambda: redlockd.aio.Lock("a", session=self.session), "expected a redlockd.aio.Session, f"),
                              (lambda: redlockd.Session(5), "path: expected the path of a socket as str, found int 5"),
                              (lambda: redlockd.aio.Session(on_event=5), "on_event: expected a function, found int 5"),
                              (lambda: redlockd.Lock("a").acquire(timeout="5"), f"timeout: {number}, found str '5'"),
                              (lambda: redlockd.lock_all(["a", "b"]).__enter__(), "expected str or bytes, found list"),
                              (lambda: self.session.request(5), "verb: expected str, found int 5"),
                              (lambda: self.session.request("show", 5), "argument: expected str or bytes, found int 5"),
                              (lambda: redlockd.show(5), "argument: expected str or bytes, found int 5")):
            with self.subTest(message=message), self.assertRaises(TypeError) as caught:
                call()
            self.assertIn(message, str(caught.exception))

    def test_each_with_ends_its_own_hold(self):
        daemon = self.own_daemon()
        with redlockd.Session(daemon.socket) as session:
            lock = redlockd.Lock("nested", session=session, wait=support.PATIENCE)
            with self.assertRaises(redlockd.LockLost) as caught, lock as outer:
                daemon.kill()
                eventually(lambda: outer.lost)
                daemon.start()
                with lock as inner:
                    self.assertTrue(inner.valid)
            self.assertEqual(caught.exception.fields["fence"], str(outer.fence))
            self.assertIn("(closed: the connection to the daemon ended)", str(caught.exception))
            self.assertFalse(inner.lost)
            stranger = in_thread(lambda: lock.__exit__(None, None, None))
            with lock, self.assertRaisesRegex(redlockd.NotHeld, "entered by another thread"):
                stranger.join()

    def test_a_request_is_sent_as_it_was_meant(self):
        with redlockd.Lock("meant", session=self.session) as hold:
            for name, fence in (("meant", hold.fence), (b"meant", str(hold.fence)), ("meant", b"%d" % hold.fence)):
                self.assertEqual(self.session.request("check", name, fence=fence).fields["fence"], str(hold.fence))
        with self.assertRaisesRegex(redlockd.BadRequest, "max-hold"):
            self.session.request("check", "meant", max_hold=1)

    def test_threads_and_other_processes_stand_in_one_line(self):
        lock = redlockd.Lock("turns", session=self.session)

        def fence():
            with lock as hold:
                return hold.fence
        with lock:
            first = in_thread(fence)
            eventually(lambda: self.waits() == 1)
            other = support.other_process("turns")
            eventually(lambda: self.waits() == 2)
            last = in_thread(fence)
            eventually(lambda: self.waits() == 3)
        fences = [first.join(), support.fence_of(other), last.join()]
        self.assertEqual(fences, sorted(set(fences)))

    def test_a_loss_reaches_the_right_one_of_two_holds_of_a_name(self):
        heard = []
        session = redlockd.Session(on_event=lambda event: heard.append((event.kind, event.fence)))
        self.addCleanup(session.close)
        first = redlockd.Lock("successive", max_hold=0.3, session=session).acquire()
        waiter = in_thread(redlockd.Lock("successive", session=session).acquire)
        second = waiter.join()  # when the first is lost
        eventually(lambda: first.lost)
        self.assertTrue(second.valid and second.check() > 0)
        with self.assertRaises(redlockd.LockLost):
            first.release()
        self.assertTrue(second.valid and second.check() > 0)
        self.assertNotIn(("LOST", second.fence), heard)
        second.release()

    def test_waits_end_in_time(self):
        with redlockd.Lock("taken", session=self.session):
            for session in (self.session, self.other):  # in the process, and in the daemon
                self.assertIsNone(in_thread(lambda: redlockd.Lock("taken", session=session)
                                            .acquire(timeout=0.05)).join())
                with self.assertRaises(redlockd.LockTimeout) as caught:
                    in_thread(redlockd.Lock("taken", wait=0.05, session=session).__enter__).join()
                self.assertEqual(caught.exception.name, "taken")
                self.assertIsInstance(caught.exception, TimeoutError)

    def test_taking_it_twice_is_a_deadlock_and_not_a_wait(self):
        lock = redlockd.Lock("twice", session=self.session)
        with lock, self.assertRaises(redlockd.Deadlock):
            lock.acquire()

    def test_threads_and_sessions_that_wait_for_each_other_are_told(self):
        for session in (self.session, self.other):
            def take_both():
                with redlockd.Lock("right", session=session), redlockd.Lock("left", session=session):
                    pass
            with redlockd.Lock("left", session=self.session):
                other = in_thread(take_both)
                eventually(self.both_are_held)
                with self.assertRaises(redlockd.Deadlock) as caught:
                    redlockd.Lock("right", session=self.session).acquire()
                self.assertEqual(caught.exception.name, "right")
                self.assertIn(" holds it, and waits for 'left', which this task holds", caught.exception.text)
            other.join()

    def test_a_thread_that_holds_nothing_waits_for_one_that_waits(self):
        with redlockd.Lock("left", session=self.session):
            def take_both():
                with redlockd.Lock("right", session=self.session), redlockd.Lock("left", session=self.session):
                    pass
            both = in_thread(take_both)
            eventually(lambda: self.waits() == 1)
            neither = in_thread(lambda: redlockd.Lock("right", session=self.session).acquire().release())
            eventually(lambda: self.waits() == 2)
        both.join()
        neither.join()

    def test_a_hold_follows_renewals_that_nobody_reads(self):
        go_on, is_busy = threading.Event(), threading.Event()

        def on_event(event):
            if event.kind == "BROKEN":
                is_busy.set()
                go_on.wait(support.PATIENCE)
        with redlockd.Session(on_event=on_event) as session:
            hold = redlockd.Lock("followed", ttl=1, session=session).acquire()
            broken = redlockd.Lock("broken", session=session).acquire()
            self.other.request("break", "broken", fence=broken.fence)
            self.assertTrue(is_busy.wait(support.PATIENCE))  # the thread of the session
            with unittest.mock.patch("os.getpid", side_effect=AssertionError("a system call")):
                self.assertTrue(hold.valid)
            known = hold.deadline
            eventually(lambda: hold.deadline > known + 10**9)
            self.assertTrue(hold.valid)
            self.other.request("break", "followed", fence=hold.fence)
            self.assertFalse(hold.valid)
            go_on.set()

    def test_a_thread_has_nothing_of_a_dead_one_with_the_same_number(self):
        def is_number_used_again():
            lock, all_are_there = redlockd.Lock("number", session=self.session), threading.Barrier(8)
            hold, number = in_thread(lambda: (lock.acquire(), threading.get_ident())).join()

            def try_it():
                all_are_there.wait(support.PATIENCE)  # numbers are handed out anew only when their threads are over
                self.assertIsNone(lock.acquire(timeout=0.01))
                with self.assertRaises(RuntimeError):
                    lock.release()
                return threading.get_ident()
            numbers = [thread.join() for thread in [in_thread(try_it) for _ in range(all_are_there.parties)]]
            hold.release()
            return number in numbers
        eventually(is_number_used_again)

    def test_a_hold_that_was_released_is_not_kept(self):
        lock = redlockd.Lock("kept", session=self.session)
        for release in (lambda hold: hold.release(), lambda hold: lock.release(),
                        lambda hold: in_thread(hold.release).join()):
            hold = lock.acquire()
            release(hold)
            self.assertEqual(lock._mine.holds, [])
            with self.assertRaises(RuntimeError):
                lock.release()
        self.assertTrue(pickle.loads(pickle.dumps(redlockd.Lock("kept"))).acquire(blocking=False))

    def test_a_wait_can_be_cancelled_by_another_thread(self):
        lock = redlockd.Lock("cancelled", session=self.session)
        with redlockd.Lock("cancelled", session=self.other):
            waiter = in_thread(lock.acquire)
            eventually(lambda: self.waits() == 1)
            lock.cancel()
            with self.assertRaises(redlockd.LockCancelled):
                waiter.join()
            eventually(lambda: self.waits() == 0)
        with lock:
            pass

    def test_closing_the_session_ends_holds_and_waits(self):
        hold = redlockd.Lock("closing", session=self.session).acquire()
        waiter = in_thread(redlockd.Lock("closing", session=self.session).acquire)
        other = in_thread(redlockd.Lock("closing", session=self.other).acquire)
        eventually(lambda: self.waits() == 2)
        self.session.close()
        with self.assertRaises(redlockd.ConnectionLost):
            waiter.join()
        self.assertEqual((hold.lost, hold.reason), (True, "closed"))
        self.assertGreater(other.join().fence, hold.fence)
        with self.assertRaises(redlockd.ConnectionLost):
            self.session.request("ping")

    def test_several_locks_in_any_order(self):
        with redlockd.lock_all("b", "a", "b", session=self.session, wait=5) as holds:
            self.assertEqual([hold.name for hold in holds], ["a", "b"])
        with redlockd.Lock("b", session=self.other):
            with self.assertRaises(redlockd.LockTimeout):
                with redlockd.lock_all("b", "a", session=self.session, wait=0.05):
                    self.fail("it was taken")
            self.assertTrue(redlockd.Lock("a", session=self.other).acquire(blocking=False))

    def test_several_locks_are_held_together_or_not_at_all(self):
        with redlockd.Lock("s-b", session=self.other) as other:
            def take():
                with redlockd.lock_all("s-b", "s-a", session=self.session, wait=support.PATIENCE) as holds:
                    return [(hold.name, hold.valid) for hold in holds]
            taking = in_thread(take)
            eventually(lambda: self.waits() == 1)
            free = redlockd.Lock("s-a", session=self.other)
            self.assertTrue(free.acquire(blocking=False), "it is not held while the other is waited for")
            free.release()
            other.release()
            self.assertEqual(taking.join(), [("s-a", True), ("s-b", True)])

    def test_more_locks_than_one_request_takes(self):
        for names in ([f"more-{number}" for number in range(20)], ["x" * 250 + str(number) for number in range(16)]):
            with redlockd.lock_all(*names, session=self.session) as holds:
                self.assertEqual(len(holds), len(names))
                self.assertTrue(all(hold.valid for hold in holds))

    def test_a_loss_of_one_of_several_is_raised_and_all_are_released(self):
        with self.assertRaises(redlockd.LockLost) as caught:
            with redlockd.lock_all("l-a", "l-b", session=self.session) as holds:
                self.session.request("break", "l-b", fence=holds[1].fence)
                eventually(lambda: holds[1].lost)
                self.assertTrue(holds[0].valid)
        self.assertEqual(caught.exception.name, "l-b")
        self.assertTrue(redlockd.Lock("l-a", session=self.other).acquire(timeout=support.PATIENCE))

    def test_a_loss_is_heard_in_time_and_the_block_says_so(self):
        heard = []
        lock = redlockd.Lock("loss", max_hold=0.3, on_jeopardy=lambda hold: heard.append("jeopardy"),
                             on_lost=lambda hold: heard.append(hold.reason), session=self.session)
        with self.assertRaises(redlockd.LockLost) as caught:
            with lock as hold:
                self.assertTrue(hold.wait_jeopardy(support.PATIENCE))
                self.assertFalse(hold.lost)
                eventually(lambda: hold.lost)
                with self.assertRaises(redlockd.LockLost):
                    hold.raise_if_lost()
        self.assertEqual(caught.exception.name, "loss")
        eventually(lambda: len(heard) == 2)
        self.assertEqual(heard, ["jeopardy", hold.reason])

    def test_an_error_of_the_body_gets_a_note_of_the_loss(self):
        lock = redlockd.Lock("note", max_hold=0.1, session=self.session)

        def body(error, is_late=True):
            with self.assertRaises(type(error)) as caught, lock as hold:
                eventually(lambda: hold.lost or not is_late)
                if isinstance(error, redlockd.LockLost):
                    hold.raise_if_lost()
                raise error
            self.assertEqual(hold.lost, is_late)
            return support.notes_of(caught.exception), hold.reason
        notes, reason = body(KeyError())
        why = {"max-hold": "its max-hold is over", "expired": "it was not renewed in time"}[reason]
        note = f"lock 'note': lost: the hold ended before it was released ({reason}: {why})"
        self.assertIn(notes, ([note], None))
        self.assertFalse(body(KeyError(), is_late=False)[0])
        self.assertFalse(body(redlockd.LockLost())[0])  # it says so by itself

    def test_a_callback_cannot_wait_for_its_own_session(self):
        heard = []

        def on_lost(hold):
            try:
                self.session.request("ping")
            except RuntimeError as error:
                heard.append(error)
        redlockd.Lock("callback", max_hold=0.05, on_lost=on_lost, session=self.session).acquire()
        eventually(lambda: heard)

    def test_nothing_is_left_of_a_session(self):
        self.session.request("ping")
        self.other.request("ping")
        threads, descriptors = threading.active_count(), support.descriptors()
        for _ in range(20):
            with redlockd.Session() as session, redlockd.Lock("left", session=session):
                pass
        self.assertEqual((threading.active_count(), support.descriptors()), (threads, descriptors))

    def test_a_session_that_could_not_start_its_thread_tries_again(self):
        class Interrupted(threading.Thread):
            def start(self):
                super().start()
                started.append(self)
                raise KeyboardInterrupt

        def no_thread():
            return unittest.mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("no thread"))

        def interrupted():
            return unittest.mock.patch.object(threading, "Thread", Interrupted)
        gc.collect()  # the sessions of earlier tests, which would be closed meanwhile
        started, lock, before = [], redlockd.Lock("start", session=self.session), support.descriptors()
        for obstacle, error in ((support.no_more_descriptors, OSError), (no_thread, RuntimeError),
                                (interrupted, KeyboardInterrupt)):
            with self.subTest(error=error.__name__):
                with obstacle(), self.assertRaises(error):
                    lock.acquire()
                for thread in started:
                    thread.join(support.PATIENCE)
                self.assertEqual(support.descriptors(), before)
        self.assertTrue(redlockd.Lock("start", session=self.other).acquire(blocking=False))
        self.assertIsNone(in_thread(lambda: lock.acquire(blocking=False)).join())

    def test_holds_and_sessions_are_not_copied(self):
        with redlockd.Lock("pickled", session=self.session) as hold:
            for thing in (hold, self.session):
                with self.assertRaises(TypeError):
                    pickle.dumps(thing)

    def test_many_threads_never_overlap(self):
        lock, inside, fences = redlockd.Lock("many", session=self.session), [], []

        def work():
            for _ in range(20):
                with lock as hold:
                    inside.append(hold.fence)
                    self.assertEqual(len(inside), 1)
                    fences.append(inside.pop())
        for worker in [in_thread(work) for _ in range(16)]:
            worker.join()
        self.assertEqual(len(fences), 320)
        self.assertEqual(fences, sorted(set(fences)))


class Queries(WithDaemon):
    def setUp(self):
        self.addCleanup(lambda: redlockd.default_session().close())

    def test_show(self):
        with redlockd.Lock("shown", note="für alle") as hold:
            here, node = redlockd.show("shown")
        self.assertEqual((here["place"], here["fence"], here["note"]), ("here", str(hold.fence), "für alle"))
        self.assertEqual((node["place"], node["state"]), ("node", "held"))
        with self.assertRaises(ValueError):
            redlockd.show("")

    def test_list(self):
        with redlockd.Lock("listed") as hold, redlockd.Session() as other:
            waiter = in_thread(redlockd.Lock("listed", session=other).acquire)
            eventually(lambda: len(redlockd.list()) == 2)
            rows = [(row["lock"], row["state"], row.get("fence")) for row in redlockd.list()]
            self.assertEqual(rows, [("listed", "held", str(hold.fence)), ("listed", "waiting", None)])
            hold.release()
            waiter.join()

    def test_nodes(self):
        self.assertEqual([(row["node"], row["state"]) for row in redlockd.nodes()], [("1", "up")])

    def test_stats(self):
        def grants():
            return next(int(row["value"]) for row in redlockd.stats() if row["name"] == "grants")
        before = grants()
        redlockd.Lock("counted").acquire()
        self.assertEqual(grants(), before + 1)

    def test_a_remark_about_a_row_is_its_text(self):
        lines = [parse(b"- node=1 state=up"), parse(b"- node=2 state=down :connection refused")]
        with unittest.mock.patch.object(redlockd.Session, "_call", return_value=unittest.mock.Mock(rows=lines)):
            self.assertEqual(redlockd.nodes(), [{"node": "1", "state": "up"},
                                                {"node": "2", "state": "down", "text": "connection refused"}])


class Processes(WithDaemon):
    def test_a_child_has_no_hold_and_does_not_keep_the_lock(self):
        session = redlockd.Session()
        lock = redlockd.Lock("forked", session=session)
        hold = lock.acquire()
        go_on, child_is_up = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                right = not hold.valid and hold.reason == "fork" and lock.acquire(blocking=False) is None
                os.write(child_is_up[1], b"y" if right else b"n")
                os.read(go_on[0], 1)
                code = 0 if redlockd.Lock("of-child", session=session).acquire(timeout=10) else 2
            finally:
                os._exit(code)
        try:
            self.assertEqual(os.read(child_is_up[0], 1), b"y")
            self.assertTrue(hold.valid and hold.check() > 0)
            # As if this process died: its copy is closed without a word, and the child lives.
            session.close()
            with redlockd.Session() as other:
                self.assertTrue(redlockd.Lock("forked", session=other).acquire(timeout=5))
        finally:
            os.write(go_on[1], b".")
            _, status = os.waitpid(pid, 0)
            for end in go_on + child_is_up:
                os.close(end)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_a_hold_is_not_valid_in_a_child_that_python_did_not_see(self):
        with redlockd.Session() as session, redlockd.Lock("forked-in-c", session=session) as hold:
            pid = ctypes.PyDLL(None).fork()
            if pid == 0:
                os._exit(1 if hold.valid else 0)
            _, status = os.waitpid(pid, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), 0)
            self.assertTrue(hold.valid)

    def test_ctrl_c_ends_a_wait_and_leaves_nothing(self):
        program = ("import redlockd\n"
                   "lock = redlockd.Lock('ctrl-c')\n"
                   "try:\n    lock.acquire()\n"
                   "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
                   "with redlockd.Lock('after'):\n    input()\n")
        with redlockd.Session() as session:
            lock = redlockd.Lock("ctrl-c", session=session)
            lock.acquire()
            child = subprocess.Popen([sys.executable, "-B", "-c", program], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
            try:
                eventually(lambda: session.request("list").fields["waits"] == "1")
                child.send_signal(signal.SIGINT)
                self.assertEqual(child.stdout.readline(), b"interrupted\n")
                eventually(lambda: session.request("list").fields["waits"] == "0")
                eventually(lambda: redlockd.Lock("after", session=session).locked())
                lock.release(sync=True)
                self.assertFalse(lock.locked())  # the wait that was given up got nothing
            finally:
                child.communicate(b"\n", support.PATIENCE)
            self.assertEqual(child.returncode, 0)


if __name__ == "__main__":
    unittest.main()
