"""A daemon that hangs, is killed, is started again, drains, or is not there."""

import asyncio
import os
import socket
import tempfile
import time
import unittest
import unittest.mock

import redlockd
from redlockd import aio
from support import PATIENCE, WithDaemon, eventually, in_thread, no_more_descriptors

GRACE = 0.5  # seconds after the caller's time
SLACK = 3.0  # for a machine that is busy


class Faults(WithDaemon):
    def setUp(self):
        self.events = []

    def session_of(self, daemon):
        session = redlockd.Session(daemon.socket, on_event=lambda event: self.events.append(event.kind))
        self.addCleanup(session.close)
        return session

    def in_time(self, call, seconds):
        begin = time.monotonic()
        result = call()
        self.assertLess(time.monotonic() - begin, seconds + GRACE + SLACK)
        return result

    def test_a_daemon_that_hangs_keeps_nobody_waiting(self):
        daemon = self.own_daemon()
        session = self.session_of(daemon)
        lock = redlockd.Lock("held", ttl=1, session=session)
        hold = lock.acquire()
        daemon.pause()
        for call in (lambda: redlockd.Lock("other", session=session).acquire(timeout=0.1),
                     lambda: redlockd.Lock("other", session=session).acquire(blocking=False),
                     lambda: redlockd.Lock("other", session=self.session_of(daemon)).acquire(timeout=0.1)):
            with self.assertRaises(redlockd.NoAnswer):
                self.in_time(call, 0.1)
        self.in_time(lambda: self.assertTrue(hold.wait_jeopardy(PATIENCE)), 1)
        self.in_time(lambda: eventually(lambda: hold.lost), 1)
        self.assertEqual((hold.reason, hold.left), ("expired", 0.0))
        with self.assertRaises(redlockd.LockLost):
            self.in_time(lock.release, 0)
        waiter = in_thread(lambda: redlockd.Lock("held", session=session).acquire(timeout=PATIENCE))
        daemon.resume()
        again = waiter.join()
        self.assertGreater(again.fence, hold.fence)
        self.assertGreater(again.check(), 0)
        # What was given up while the daemon hung is nobody's.
        eventually(lambda: session.request("list").fields == {"holds": "1", "waits": "0"})

    def test_a_release_in_a_daemon_that_hangs_is_no_error(self):
        daemon = self.own_daemon()
        hold = redlockd.Lock("released", session=self.session_of(daemon)).acquire()
        daemon.pause()
        self.in_time(hold.release, 2.5)
        self.assertFalse(hold.lost or hold.valid)

    def test_a_daemon_that_is_killed_and_started_again(self):
        daemon = self.own_daemon()
        session = self.session_of(daemon)
        lock = redlockd.Lock("killed", session=session)
        hold = lock.acquire()
        waiter = in_thread(lambda: redlockd.Lock("killed", session=session).acquire(timeout=PATIENCE))
        daemon.kill()
        eventually(lambda: hold.lost)
        self.assertEqual(hold.reason, "closed")
        self.assertGreater(hold.left, 0)  # nobody else has it before
        with self.assertRaises(redlockd.ConnectFailed) as caught:
            redlockd.Lock("other", session=session).acquire(blocking=False)
        self.assertIn(daemon.socket, str(caught.exception))
        daemon.start()
        self.assertGreater(waiter.join().fence, hold.fence)
        eventually(lambda: "CLOSED" in self.events)

    def test_a_daemon_that_drains(self):
        daemon = self.own_daemon()
        session = self.session_of(daemon)
        hold = redlockd.Lock("drained", session=session).acquire()
        daemon.drain()
        eventually(lambda: "DRAINING" in self.events)
        self.assertTrue(hold.valid)
        with self.assertRaises(redlockd.Draining):
            redlockd.Lock("other", session=session).acquire(blocking=False)
        waiter = in_thread(lambda: redlockd.Lock("other", session=session).acquire(timeout=PATIENCE))
        hold.release()
        daemon.wait()
        daemon.start()
        self.assertTrue(waiter.join().valid)

    def test_no_daemon(self):
        with tempfile.TemporaryDirectory() as directory:
            with redlockd.Session(os.path.join(directory, "socket")) as session:
                lock = redlockd.Lock("a", session=session)
                for call in (session.connect, lock.locked, lambda: lock.acquire(blocking=False),
                             lambda: lock.acquire(timeout=0.1)):
                    with self.assertRaises(redlockd.ConnectFailed):
                        self.in_time(call, 0.1)

    def test_a_wait_without_end_is_not_for_a_daemon_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as silent:
            silent.bind(os.path.join(directory, "silent"))
            silent.listen()
            for name, kind, why in (("none", redlockd.ConnectFailed, "No such file or directory"),
                                    ("silent", redlockd.NoAnswer, "the daemon does not greet")):
                path = os.path.join(directory, name)
                with redlockd.Session(path) as session:
                    lock = redlockd.Lock("a", connect_timeout=0.2, session=session)
                    for call in (lock.acquire, lock.__enter__):
                        with self.assertRaises(kind) as caught:
                            self.in_time(call, 0.2)
                        self.assertEqual((caught.exception.text, caught.exception.name),
                                         (f"{path}: {why} (tried for 200ms, the connect_timeout)", "a"))
                asyncio.run(self.taken_by_a_task(path, kind))
                with redlockd.Session(path) as session, self.assertRaises(kind) as caught:
                    self.in_time(redlockd.Lock("a", connect_timeout=0, session=session).acquire, 0)
                self.assertEqual(caught.exception.text, f"{path}: {why}")

    async def taken_by_a_task(self, path, kind):
        async with aio.Session(path) as session:
            with self.assertRaises(kind):
                async with aio.Lock("a", connect_timeout=0.2, session=session):
                    pass

    def test_a_wait_without_a_connect_timeout_begins_before_the_daemon_does(self):
        daemon = self.own_daemon()
        daemon.stop()
        session = self.session_of(daemon)
        waiter = in_thread(lambda: redlockd.Lock("early", connect_timeout=None, session=session).acquire())
        eventually(lambda: session._link.core._failures > 3, "some attempts")
        daemon.start()
        self.assertTrue(waiter.join().valid)

    def test_a_wait_that_the_daemon_has_goes_on(self):
        with self.session_of(self.daemon) as session, redlockd.Lock("taken", session=session) as hold:
            waiter = in_thread(lambda: redlockd.Lock("taken", connect_timeout=0, session=session).acquire())
            eventually(lambda: session.request("list").fields["waits"] == "1")
            hold.release()
            self.assertTrue(waiter.join().valid)

    def test_a_process_without_a_descriptor_cannot_connect_until_it_has_one(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "socket")
            with redlockd.Session(path) as session:
                lock = redlockd.Lock("threads", session=session)
                with self.assertRaises(redlockd.ConnectFailed):
                    session.connect()  # there is a thread now
                for call in (lambda: lock.acquire(blocking=False), lambda: lock.acquire(timeout=0.1)):
                    with no_more_descriptors(), self.assertRaisesRegex(redlockd.ConnectFailed, "Too many open files"):
                        in_thread(lambda: self.in_time(call, 0.1)).join()
                os.symlink(self.daemon.socket, path)
                self.assertTrue(lock.acquire(timeout=PATIENCE))

    def test_a_loop_without_a_descriptor_cannot_connect_until_it_has_one(self):
        async def work():
            async with aio.Session() as session:
                lock = aio.Lock("asyncio", session=session)
                for options in ({"blocking": False}, {"timeout": 0.1}):
                    with no_more_descriptors(), self.assertRaisesRegex(redlockd.ConnectFailed, "Too many open files"):
                        await asyncio.wait_for(lock.acquire(**options), PATIENCE)
                self.assertTrue(await lock.acquire(timeout=PATIENCE))
        asyncio.run(work())

    def test_a_bug_of_the_client_ends_the_requests_of_a_loop(self):
        async def work():
            async with aio.Session() as session:
                hold = await aio.Lock("bug", session=session).acquire()
                waiter = asyncio.create_task(aio.Lock("bug", session=session).acquire())
                await asyncio.sleep(0)
                with unittest.mock.patch.object(session._link, "turn", side_effect=KeyError("a bug")):
                    with self.assertLogs("redlockd", "ERROR"), self.assertRaises(redlockd.ConnectionLost):
                        await asyncio.wait_for(session.request("ping"), PATIENCE)
                with self.assertRaises(redlockd.ConnectionLost):
                    await asyncio.wait_for(waiter, PATIENCE)
                self.assertEqual(hold.reason, "closed")
        asyncio.run(work())

    def test_a_task_is_cancelled_when_the_daemon_hangs_or_dies(self):
        async def work(harm, cancel_on):
            async with aio.Session(daemon.socket) as session:
                async with aio.Lock("body", ttl=1, cancel_on=cancel_on, session=session):
                    harm()
                    await asyncio.sleep(PATIENCE)
        daemon = self.own_daemon()
        for harm, cancel_on, reason in ((daemon.pause, "jeopardy", "jeopardy"), (daemon.pause, "lost", "expired"),
                                        (daemon.kill, "lost", "closed")):
            with self.subTest(harm=harm.__name__, cancel_on=cancel_on):
                with self.assertRaises(redlockd.LockLost) as caught:
                    self.in_time(lambda: asyncio.run(work(harm, cancel_on)), 1 + 2.5)
                self.assertEqual(caught.exception.reason, reason)
                daemon.resume()


if __name__ == "__main__":
    unittest.main()
