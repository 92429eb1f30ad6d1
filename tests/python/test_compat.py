"""The flavours of other packages do what theirs do."""

import unittest

import redlockd
from redlockd.compat.filelock import FileLock, Timeout
from redlockd.compat.redis_lock import Lock, LockError, LockNotOwnedError
from support import WithDaemon, eventually, in_thread


class Redis(WithDaemon):
    def test_acquire_says_whether(self):
        lock, other = Lock(None, "redis"), Lock(None, "redis", blocking_timeout=0.05)
        self.assertTrue(lock.acquire())
        self.assertTrue(lock.locked() and lock.owned())
        self.assertFalse(other.acquire() or other.owned() or other.acquire(blocking=False))
        self.assertFalse(lock.acquire(blocking=False))
        lock.release()
        self.assertFalse(lock.owned())
        with self.assertRaises(LockError):
            lock.release()

    def test_with(self):
        with Lock(None, "redis-with") as lock:
            self.assertTrue(lock.owned())
            with self.assertRaises(LockError):
                with Lock(None, "redis-with", blocking_timeout=0.05):
                    self.fail("it was taken")

    def test_the_timeout_ends_it(self):
        lock = Lock(None, "redis-timeout", timeout=0.1)
        lock.acquire()
        eventually(lambda: not lock.owned())
        with self.assertRaises(LockNotOwnedError):
            lock.release()

    def test_the_end_of_with_raises_or_logs(self):
        with self.assertRaises(LockNotOwnedError), Lock(None, "redis-lost", timeout=0.1) as lock:
            eventually(lambda: not lock.owned())
        with self.assertLogs("redlockd", "WARNING") as logged:
            with Lock(None, "redis-lost", timeout=0.1, raise_on_release_error=False) as lock:
                eventually(lambda: not lock.owned())
        self.assertIn("'redis-lost' was lost", logged.output[0])

    def test_threads(self):
        local, shared = Lock(None, "redis-local"), Lock(None, "redis-shared", thread_local=False)
        for lock in (local, shared):
            lock.acquire()
        with self.assertRaises(LockError):
            in_thread(local.release).join()
        in_thread(shared.release).join()
        local.release()


class File(WithDaemon):
    def test_it_counts(self):
        lock = FileLock("/no/such/place/file.lock")
        with lock:
            with lock.acquire() as inner:
                self.assertIs(inner, lock)
                self.assertEqual(lock.lock_counter, 2)
            self.assertTrue(lock.is_locked)
            with self.assertRaises(Timeout) as caught:
                in_thread(lambda: lock.acquire(timeout=0.05)).join()
            self.assertEqual(caught.exception.lock_file, "/no/such/place/file.lock")
            with self.assertRaises(Timeout):
                FileLock("/no/such/place/file.lock", blocking=False).acquire()
        self.assertFalse(lock.is_locked)
        lock.release()  # one too many is no error

    def test_a_loss_is_not_hidden_by_an_inner_block(self):
        daemon = self.own_daemon()
        session = redlockd.Session(daemon.socket)
        self.addCleanup(session.close)
        lock = FileLock("lost", session=session)
        with self.assertRaises(redlockd.LockLost), lock:
            daemon.kill()
            eventually(lambda: not lock.is_locked)
            daemon.start()
            with self.assertRaises(redlockd.LockLost), lock:
                self.fail("the inner block was entered without the lock")
            self.assertEqual(lock.lock_counter, 1)
        with lock:
            self.assertEqual((lock.is_locked, lock.lock_counter), (True, 1))
        with self.assertRaisesRegex(TypeError, "timeout: expected seconds as a number"):
            FileLock("lost", timeout="5").acquire()

    def test_force(self):
        lock = FileLock("forced")
        lock.acquire()
        lock.acquire()
        lock.release(force=True)
        self.assertFalse(lock.is_locked)
        self.assertTrue(in_thread(lambda: FileLock("forced", timeout=5).acquire()).join())


if __name__ == "__main__":
    unittest.main()
