"""Does the soak notice what it is there for? No test here looks at how fast anything is."""

import glob
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
import unittest
import unittest.mock
import xml.etree.ElementTree as xml

import bounds
import curve
import exclusion
import soak

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv.pop(1)


class ExclusionTest(unittest.TestCase):
    def test_holds(self):
        cases = [
            # holds in the order in which they come to be known: fence, begin, end; violations
            ([(1, 10, 20), (2, 20, 30)], 0),
            ([(2, 20, 30), (1, 10, 20)], 0),  # the earlier one was reported late
            ([(1, 10, 20), (3, 40, 50), (2, 20, 40)], 0),
            ([(1, 10, 20), (2, 19, 30)], 1),  # both held it at 19
            ([(2, 19, 30), (1, 10, 20)], 1),
            ([(1, 30, 40), (2, 10, 20)], 1),  # a fence that is smaller than an earlier one
            ([(2, 10, 20), (2, 30, 40)], 1),  # the same fence again
            ([(1, 10, 50), (3, 60, 70), (2, 40, 45)], 1),
            ([(1, 10, 50), (3, 40, 70), (2, 50, 60)], 2),  # 3 overlaps both
        ]
        for holds, violations in cases:
            with self.subTest(holds=holds):
                checker = exclusion.Exclusion()
                for hold in holds:
                    checker.add("a", *hold)
                self.assertEqual(violations, checker.violations)
                self.assertEqual(violations, len(checker.shown))
                self.assertEqual(len(holds), checker.holds)

    def test_other_names_are_other_locks(self):
        checker = exclusion.Exclusion()
        checker.add("a", 1, 10, 20)
        checker.add("b", 1, 10, 20)
        self.assertEqual(0, checker.violations)

    def test_what_is_no_longer_remembered(self):
        checker = exclusion.Exclusion()
        for fence in range(1, exclusion.KEPT + 2):
            checker.add("a", fence, 10 * fence, 10 * fence + 5)
        self.assertEqual(0, checker.violations)
        checker.add("a", 0, 0, 5)
        self.assertEqual(1, checker.violations)


class BoundsTest(unittest.TestCase):
    def test_growth(self):
        long = 3 * bounds.LEAST_SAMPLES
        cases = [
            # samples of descriptors; do they grow
            ([50] * long, False),
            ([10] * bounds.LEAST_SAMPLES + [50] * 2 * bounds.LEAST_SAMPLES, False),  # warming up
            ([50] * 2 * bounds.LEAST_SAMPLES + [63] * bounds.LEAST_SAMPLES, False),  # 55 and 8
            ([50] * 2 * bounds.LEAST_SAMPLES + [64] * bounds.LEAST_SAMPLES, True),
            (list(range(long)), True),
            ([50, None] * (long // 2), False),
            (list(range(bounds.LEAST_SAMPLES - 1)), False),  # too few to judge by
        ]
        for number, (samples, grows) in enumerate(cases):
            with self.subTest(case=number):
                self.assertEqual(grows, bool(bounds.growth("descriptors", samples)))

    def test_growth_says_what_grew(self):
        samples = [1e7] * 200 + [2e7] * 100
        self.assertEqual("memory grew from 10,000,000 in the middle third to 20,000,000 in the "
                         "last", bounds.growth("memory", samples))

    def test_percentile(self):
        cases = [([], 50, None), ([7], 99, 7), ([3, 1, 2], 50, 2), (list(range(100)), 99, 99),
                 (list(range(200)), 50, 100)]
        for samples, percent, found in cases:
            with self.subTest(samples=samples[:3], percent=percent):
                self.assertEqual(found, bounds.percentile(samples, percent))


class CurveTest(unittest.TestCase):
    def test_a_line_for_each_figure_without_the_samples_that_are_missing(self):
        picture = xml.fromstring(curve.draw("a & b", [0, 1, 2], {
            "one": {"x": [1, None, 3], "y": [0, 0, 0]}, "other": {"z": [None, None, None]}}))
        lines = [line.get("points").split() for line in picture.findall("{*}polyline")]
        self.assertEqual([2, 3, 0], [len(points) for points in lines])
        heights = [float(point.split(",")[1]) for point in lines[0]]
        self.assertGreater(heights[0], heights[1])  # the greater is further up


class CrewTest(unittest.TestCase):
    def test_an_interrupt_while_a_process_starts_leaves_none(self):
        """Not even while other threads, which could take the signal, read what clients say."""
        def start_and_interrupt(*arguments, **options):
            process = popen(*arguments, **options)
            started.append(process)
            os.kill(os.getpid(), signal.SIGINT)
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:  # an interrupt that is not put off comes here
                pass
            return process

        popen, started = subprocess.Popen, []
        with soak.Workplace() as workplace, socket.socket(socket.AF_UNIX) as listener:
            daemon = types.SimpleNamespace(socket=workplace.path("socket"))
            listener.bind(daemon.socket)
            listener.listen()
            with soak.Crew(workplace, exclusion.Exclusion(), ["name"]) as crew:
                crew.hire(daemon)
                with unittest.mock.patch.object(subprocess, "Popen", start_and_interrupt), \
                     self.assertRaises(KeyboardInterrupt):
                    crew.hire(daemon)
        self.assertEqual([-signal.SIGKILL], [process.poll() for process in started])


class RunTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.place = os.path.join(self._directory.name, "run")
        os.mkdir(self.place)
        self.svg = os.path.join(self._directory.name, "svg")

    def start(self, minutes):
        run = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "soak.py"), "--build", BUILD, "--minutes",
             str(minutes), "--seed", "1", "--svg", self.svg],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": self.place})
        self.addCleanup(run.communicate)
        self.addCleanup(run.terminate)
        return run

    def processes(self, of):
        """Those of the run that have `of` in their command line."""
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                    line = file.read()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
            if self.place in line and of in line:
                found.append(int(process))
        return found

    def wait_for(self, condition, run):
        deadline = time.monotonic() + 60
        while not (found := condition()):
            self.assertIsNone(run.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return found

    def assert_ends(self, run, code, text):
        printed, errors = run.communicate(timeout=180)
        self.assertEqual(code, run.returncode, printed + errors)
        self.assertRegex(printed, text)
        self.assertEqual([], os.listdir(self.place))
        self.assertEqual([], self.processes(""))
        return printed

    def test_all_goes_well_whatever_goes_wrong(self):
        printed = self.assert_ends(self.start(0.02), 0, r"verdict: PASS, seed 1\n$")
        kinds = "node stopped|node killed|clients killed|reload"
        counts = dict(re.findall(rf"({kinds}) (\d+)", printed))
        self.assertEqual(4, len(counts))
        for kind, count in counts.items():
            self.assertGreater(int(count), 0, kind)
        for what in ("cold", "grant", "end"):
            self.assertGreater(int(re.search(rf"{what} (\d+)", printed).group(1)), 10, what)
        self.assertNotIn("problem", printed)
        self.assertEqual(5, len(xml.parse(self.svg).getroot().findall("{*}polyline")))

    def test_a_daemon_that_dies_is_noticed(self):
        run = self.start(10)
        self.wait_for(lambda: self.processes("clients.py"), run)
        os.kill(self.processes("daemon/app/redlockd")[0], signal.SIGKILL)
        self.assert_ends(run, 1, r"problem: daemon \d ended, exit code -9")

    def test_a_lock_that_is_taken_away_and_given_to_another_is_noticed(self):
        run = self.start(10)
        self.wait_for(lambda: self.processes("clients.py"), run)
        config = self.wait_for(lambda: glob.glob(os.path.join(self.place, "*", "*redlockd.yaml")),
                               run)[0]
        with open(config, encoding="utf-8") as file:
            ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", file.read())]
        deadline = time.monotonic() + 60
        while run.poll() is None:
            self.assertLess(time.monotonic(), deadline)
            for port in ports:
                forget_hot_locks(port)
        self.assert_ends(run, 1, r"problem: exclusion was violated \d+ times\nproblem: soak-hot-")

    def test_leaves_nothing_when_interrupted(self):
        run = self.start(10)
        self.wait_for(lambda: self.processes("clients.py"), run)
        run.send_signal(signal.SIGINT)
        self.assert_ends(run, 130, "^$")

    def test_minutes_that_are_none_are_refused(self):
        for minutes in ("0", "-1", "long", "nan"):
            run = self.start(minutes)
            _, errors = run.communicate(timeout=60)
            self.assertEqual(2, run.returncode)
            self.assertIn(f"'{minutes}': expected minutes", errors)


def forget_hot_locks(port):
    """Deletes them on a node, unless it is away."""
    names = " ".join(f"soak-hot-{number}" for number in range(8))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.1) as node:
            node.sendall(f"DEL {names}\r\n".encode())
            node.recv(100)
    except OSError:
        pass


if __name__ == "__main__":
    unittest.main()
