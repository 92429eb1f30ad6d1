"""Locks for asyncio, on a real daemon that is well."""

import asyncio
import contextlib
import time
import unittest

import redlockd
import support
from redlockd import aio
from support import PATIENCE, WithDaemon

NAMES = 10000
AT_ONCE = 400
WAITS = 1000


async def eventually(condition):
    end = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"the condition did not come true within {PATIENCE} s")
        await asyncio.sleep(0.002)


class Locks(WithDaemon, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.session, self.other = aio.Session(), aio.Session()

    async def asyncTearDown(self):
        await self.session.close()
        await self.other.close()
        self.assertEqual(len(asyncio.all_tasks()), 1, "a task is left")

    async def until_it_waits(self, number=1):
        end = asyncio.get_running_loop().time() + PATIENCE
        while (await self.other.request("list")).fields["waits"] != str(number):
            self.assertLess(asyncio.get_running_loop().time(), end)

    async def test_a_with_block_holds_the_lock(self):
        lock = aio.Lock("with", session=self.session)
        async with lock as hold:
            self.assertTrue(hold.valid and 6 < hold.left <= 10 and 6 < await hold.check() <= 10)
            self.assertTrue(await lock.locked())
            self.assertIsNone(await aio.Lock("with", session=self.other).acquire(blocking=False))
        self.assertFalse(hold.valid or hold.lost)
        await aio.Lock("with", session=self.other).acquire(timeout=5)

    async def test_tasks_and_sessions_that_wait_for_each_other_are_told(self):
        for session in (self.session, self.other):
            async def take_both():
                async with aio.Lock("right", session=session), aio.Lock("left", session=session):
                    pass
            async with aio.Lock("left", session=self.session):
                other = asyncio.create_task(take_both())
                while (await self.other.request("show", "right")).fields["state"] != "held":
                    await asyncio.sleep(0.002)
                await self.until_it_waits()
                with self.assertRaises(redlockd.Deadlock) as caught:
                    await aio.Lock("right", session=self.session).acquire()
                self.assertEqual(caught.exception.name, "right")
            await asyncio.wait_for(other, PATIENCE)

    async def test_acquire_and_release(self):
        lock = aio.Lock("acquire", session=self.session)
        hold = await lock.acquire(timeout=5)
        await lock.release(sync=True)
        self.assertFalse(await lock.locked())
        with self.assertRaises(redlockd.NotHeld):
            await hold.release()
        with self.assertRaises(redlockd.NotHeld):
            await lock.release()

    async def test_a_release_reaches_the_daemon_where_a_renewal_was_not_read(self):
        hold = await aio.Lock("meanwhile", ttl=0.5, session=self.session).acquire(timeout=5)
        time.sleep(0.8)  # the loop stands still beyond the deadline that it knows
        with contextlib.suppress(redlockd.LockLost):
            await hold.release()
        await (await aio.Lock("meanwhile", session=self.other).acquire(timeout=PATIENCE)).release()

    async def test_the_default_session_is_of_the_loop(self):
        async with aio.Lock("default") as hold:
            self.assertTrue(hold.valid)
        await aio.default_session().close()

    async def test_a_decorator_holds_the_lock_in_each_call(self):
        @aio.Lock("decorated", session=self.session)
        async def work():
            return await aio.Lock("decorated", session=self.other).acquire(blocking=False)
        self.assertEqual(await asyncio.gather(work(), work()), [None, None])

        async def generator():
            yield
        for function, advice in ((len, "use redlockd.Lock"), (generator, "take the lock inside")):
            with self.assertRaisesRegex(TypeError, advice):
                aio.Lock("decorated")(function)

    async def test_a_thousand_tasks_are_served_in_their_order(self):
        turns, lock = [], aio.Lock("turns", session=self.session)

        async def work(number):
            async with lock as hold:
                turns.append((number, hold.fence))
        await asyncio.gather(*map(work, range(WAITS)))
        self.assertEqual([number for number, _ in turns], list(range(WAITS)))
        self.assertEqual(turns, sorted(turns, key=lambda turn: turn[1]))
        self.assertTrue(self.session._link.core.is_idle)

    async def test_tasks_and_other_processes_stand_in_one_line(self):
        async def fence():
            async with aio.Lock("line", session=self.session) as hold:
                return hold.fence
        async with aio.Lock("line", session=self.session):
            first = asyncio.create_task(fence())
            await self.until_it_waits()
            other = support.other_process("line")
            await self.until_it_waits(2)
            last = asyncio.create_task(fence())
            await self.until_it_waits(3)
        fences = [await first, await asyncio.to_thread(support.fence_of, other), await last]
        self.assertEqual(fences, sorted(set(fences)))

    async def test_a_cancelled_task_gives_up_its_wait(self):
        lock = aio.Lock("cancelled", session=self.session)
        async with aio.Lock("cancelled", session=self.other):
            task = asyncio.create_task(lock.acquire())
            await self.until_it_waits()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(lock.acquire(), 0.05)
        self.assertTrue((await asyncio.wait_for(lock.acquire(), PATIENCE)).valid)

    async def test_tasks_cancelled_at_any_moment_leave_nothing(self):
        lock = aio.Lock("any-moment", session=self.session)
        for turns in range(30):
            task = asyncio.create_task(lock.acquire())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await (await task).release()
            except asyncio.CancelledError:
                pass
        await eventually(lambda: self.session._link.core.is_idle)
        self.assertTrue(await aio.Lock("any-moment", session=self.other).acquire(timeout=PATIENCE))

    async def test_a_body_is_cancelled_before_the_deadline(self):
        lock = aio.Lock("jeopardy", max_hold=0.3, cancel_on="jeopardy", session=self.session)
        with self.assertRaises(redlockd.LockLost) as caught:
            async with lock as hold:
                await asyncio.sleep(PATIENCE)
        self.assertEqual((caught.exception.reason, caught.exception.code), ("jeopardy", "jeopardy"))
        self.assertGreater(hold.left, 0)
        self.assertFalse(hold.lost)
        if hasattr(asyncio.Task, "cancelling"):
            self.assertEqual(asyncio.current_task().cancelling(), 0)  # nothing of the cancellation is left

    async def test_a_body_is_cancelled_when_the_lock_is_lost(self):
        with self.assertRaises(redlockd.LockLost) as caught:
            async with aio.Lock("lost", max_hold=0.2, cancel_on="lost", session=self.session) as hold:
                await asyncio.sleep(PATIENCE)
        self.assertIn(caught.exception.reason, ("max-hold", "expired"))
        self.assertTrue(hold.lost)

    async def test_each_async_with_ends_its_own_hold(self):
        daemon = self.own_daemon()
        async with aio.Session(daemon.socket) as session:
            lock = aio.Lock("nested", session=session, wait=PATIENCE)
            with self.assertRaises(redlockd.LockLost) as caught:
                async with lock as outer:
                    daemon.kill()
                    await eventually(lambda: outer.lost)
                    daemon.start()
                    async with lock as inner:
                        self.assertTrue(inner.valid)
            self.assertEqual(caught.exception.fields["fence"], str(outer.fence))
            self.assertFalse(inner.lost)
            async with lock:
                with self.assertRaisesRegex(redlockd.NotHeld, "entered by another task"):
                    await asyncio.create_task(lock.__aexit__(None, None, None))

    async def test_a_cancellation_from_outside_stays_one(self):
        async def work():
            async with aio.Lock("outside", cancel_on="jeopardy", session=self.session):
                inside.set()
                await asyncio.sleep(PATIENCE)
        inside = asyncio.Event()
        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertTrue(await aio.Lock("outside", session=self.other).acquire(timeout=PATIENCE))

    async def test_a_body_that_does_not_stop_hears_at_its_end(self):
        with self.assertRaises(redlockd.LockLost):
            async with aio.Lock("stubborn", max_hold=0.1, cancel_on="lost", session=self.session) as hold:
                try:
                    await asyncio.sleep(PATIENCE)
                except asyncio.CancelledError:
                    pass
                self.assertTrue(await hold.wait_jeopardy(0))

    async def test_an_error_of_the_body_gets_a_note_of_the_loss(self):
        with self.assertRaises(KeyError) as caught:
            async with aio.Lock("note", max_hold=0.1, session=self.session) as hold:
                await eventually(lambda: hold.lost)
                raise KeyError
        self.assertIn(support.notes_of(caught.exception), (
            [str(hold._loss(hold.reason))], None))

    async def test_waiting_for_jeopardy_ends_with_the_hold(self):
        hold = await aio.Lock("watched", session=self.session).acquire()
        self.assertFalse(await hold.wait_jeopardy(0.01))
        watcher = asyncio.create_task(hold.wait_jeopardy())
        await asyncio.sleep(0)
        await hold.release()
        self.assertFalse(await watcher)

    async def test_several_locks_in_any_order(self):
        async with aio.lock_all("b", "a", "b", session=self.session, wait=5) as holds:
            self.assertEqual([hold.name for hold in holds], ["a", "b"])
        self.assertFalse(any(hold.valid for hold in holds))

    async def test_several_locks_are_held_together_or_not_at_all(self):
        async with aio.Lock("s-b", session=self.other):
            with self.assertRaises(redlockd.LockBusy):
                async with aio.lock_all("s-a", "s-b", session=self.session, wait=0):
                    self.fail("it was taken")
            waiting = asyncio.create_task(self.take_both())
            await self.until_it_waits()
            async with aio.Lock("s-a", session=self.other, wait=0):
                pass  # it is not held while the other is waited for
        self.assertEqual(await waiting, ["s-a", "s-b"])

    async def take_both(self):
        async with aio.lock_all("s-b", "s-a", session=self.session, wait=PATIENCE, cancel_on="lost") as holds:
            return [hold.name for hold in holds if hold.valid]

    async def test_a_loss_of_one_of_several_cancels_and_is_raised(self):
        with self.assertRaises(redlockd.LockLost) as caught:
            async with aio.lock_all("l-a", "l-b", session=self.session, cancel_on="lost") as holds:
                await self.session.request("break", "l-b", fence=holds[1].fence)
                await asyncio.sleep(PATIENCE)
                self.fail("it was not cancelled")
        self.assertEqual(caught.exception.name, "l-b")
        self.assertTrue(await aio.Lock("l-a", session=self.other).acquire(timeout=PATIENCE))


class Loops(WithDaemon):
    def test_ten_thousand_names_on_one_connection(self):
        names, fences, session = iter(range(NAMES)), [], aio.Session()

        async def work():
            for number in names:
                async with aio.Lock(f"name-{number}", session=session, wait=PATIENCE) as hold:
                    fences.append(hold.fence)

        async def all_of_them():
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
            self.assertEqual(len(fences), NAMES)
            self.assertTrue(session._link.core.is_idle)
            self.assertLess(len(session._link.core.timers._heap), 2 * AT_ONCE)
            await session.close()
        asyncio.run(all_of_them())

    def test_a_session_goes_on_in_the_next_loop(self):
        session = aio.Session()

        async def once():
            async with aio.Lock("loops", session=session) as hold:
                return hold.fence
        first = asyncio.run(once())
        self.assertGreater(asyncio.run(once()), first)
        asyncio.run(session.close())

    def test_nothing_is_left_of_a_session(self):
        async def once():
            async with aio.Session() as session, aio.Lock("left", session=session):
                pass
        asyncio.run(once())
        before = support.descriptors()
        for _ in range(10):
            asyncio.run(once())
        self.assertEqual(support.descriptors(), before)


if __name__ == "__main__":
    unittest.main()
