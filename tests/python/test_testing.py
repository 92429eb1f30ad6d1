"""What the package has for the tests of programs: a daemon, and a fixture for pytest."""

import glob
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from redlockd.testing import Daemon


class Testing(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = directory.name
        patch = unittest.mock.patch.object(tempfile, "tempdir", self.place)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_program_that_is_not_there_is_named_and_leaves_nothing(self):
        with self.assertRaises(FileNotFoundError) as caught:
            Daemon(program="/nope")
        self.assertRegex(str(caught.exception), r"'/nope'.*\$REDLOCKD")
        with unittest.mock.patch.dict(os.environ, REDLOCKD="/nor-this"), self.assertRaisesRegex(OSError, "/nor-this"):
            Daemon()
        self.assertEqual(os.listdir(self.place), [])

    def test_a_program_that_is_no_daemon_leaves_nothing(self):
        broken = os.path.join(self.place, "broken")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("no program")
        os.chmod(broken, 0o755)
        for program, kind in ((broken, OSError), ("false", RuntimeError)):
            with self.assertRaises(kind):
                Daemon(program=program).start()
        self.assertEqual(os.listdir(self.place), ["broken"])

    @unittest.skipIf(importlib.util.find_spec("pytest") is None, "there is no pytest")
    def test_the_fixture(self):
        test = os.path.join(self.place, "test_report.py")
        with open(test, "w", encoding="utf-8") as file:
            file.write("import redlockd\n\n"
                       "def test_report(redlockd_daemon):\n"
                       "    with redlockd.Lock('report', wait=5) as hold:\n"
                       "        redlockd_daemon.pause()\n"
                       "        assert hold.wait_jeopardy(20)\n"
                       "        redlockd_daemon.resume()\n\n"
                       "def test_it_is_the_same(redlockd_daemon):\n"
                       "    assert redlockd.default_session().request('ping').fields\n")
        # The package is not installed, so its entry point is named here.
        ran = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "redlockd.pytest_plugin",
                              "-p", "no:cacheprovider", test], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env={**os.environ, "TMPDIR": self.place}, encoding="utf-8")
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertIn("2 passed", ran.stdout)
        self.assertEqual(glob.glob(os.path.join(self.place, "redlockd-test.*")), [])


if __name__ == "__main__":
    unittest.main()
