"""Does the benchmark measure what it says? No test here looks at how fast anything is."""

import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

import peers
import programs
import report
import rows_fleet
import svg
from report import Row, at_least, at_most
from setting import Setting
from workplace import Failure, Workplace

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv.pop(1)
NODES = 3  # of --quick


class RowTest(unittest.TestCase):
    def test_reaches_its_bar(self):
        self.assertTrue(Row("1", "time", 1.0, "ms", at_most(1.0)).ok)
        self.assertFalse(Row("1", "time", 1.01, "ms", at_most(1.0)).ok)
        self.assertTrue(Row("1", "rate", 4, "x", at_least(4)).ok)
        self.assertFalse(Row("1", "rate", 3.99, "x", at_least(4)).ok)

    def test_nothing_measured_is_not_ok(self):
        row = Row("2b", "rate", None, "x", at_least(4), why="no peer")
        self.assertFalse(row.ok)
        self.assertEqual("no peer", row.as_json()["why"])
        row.why = "npm said\n" + "much " * 100
        self.assertEqual(3, len(report.table([row]).splitlines()))

    def test_table_shows_value_bar_and_verdict(self):
        lines = report.table([Row("1", "time", 1234.5, "us", at_most(25))]).splitlines()
        self.assertEqual(["1", "time", "1,234 us", "<= 25 us", "short"],
                         [cell.strip() for cell in lines[-1].split("|")[1:-1]])

    def test_picture_reaches_the_line_exactly_where_the_bar_is_reached(self):
        def width(value):
            picture = xml.fromstring(svg.draw([Row("1", "a & b", value, "", at_most(10))], "t"))
            return float(picture.findall("{*}rect")[-1].get("width"))
        line = svg._x(1) - svg.TEXT
        self.assertAlmostEqual(line, width(10), 0)
        self.assertLess(width(11), line)
        self.assertGreater(width(9), line)


class PeersTest(unittest.TestCase):
    def test_hand_offs_are_changes_of_holder_whatever_the_process(self):
        # In the order of time, process and worker: 0 0, 1 0, 0 1, 0 1, 1 0.
        parts = [{"grants": [[10, 0], [30, 1], [40, 1]]}, {"grants": [[20, 0], [50, 0]]}]
        self.assertEqual(3, peers._figure(parts, "hot"))

    def test_cycles_add_up(self):
        self.assertEqual(7, peers._figure([{"cycles": 3}, {"cycles": 4}], "cold"))


class SimulatorTest(unittest.TestCase):
    def test_figures_are_the_lines_with_a_number(self):
        printed = b"""daemons                               20
scripts a second, while one holds it  142
scripts a grant, on each node         4.2
longest wait                          76 ms
verdict                               PASS
"""
        self.assertEqual({"daemons": 20, "scripts a second, while one holds it": 142,
                          "scripts a grant, on each node": 4.2, "longest wait": 76},
                         programs.figures(printed))

    def test_a_build_without_it_says_so(self):
        with self.assertRaisesRegex(Failure, "no simulator"):
            programs.Programs("/nonexistent", None).simulated_crowd(2)


class FleetTest(unittest.TestCase):
    def test_daemons_that_do_not_start_are_the_reason(self):
        with Workplace() as workplace:
            nowhere = programs.Programs("/nonexistent", workplace)
            rows = rows_fleet.rows_of_fleet(Setting(workplace, nowhere, None, NODES, 0.02))
        self.assertEqual(["F", "Fb", "Fc"], [row.id for row in rows])
        for row in rows:
            self.assertFalse(row.ok)
            self.assertIn("0 of 8 daemons started", row.why)


def end(run):
    run.terminate()  # no harm if it has ended
    run.communicate(timeout=30)


class RunTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.place = os.path.join(self._directory.name, "run")
        os.mkdir(self.place)

    def start(self, *arguments):
        run = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "bench.py"), "--build", BUILD, "--quick",
             *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": self.place})
        self.addCleanup(end, run)
        return run

    def assert_nothing_is_left(self):
        self.assertEqual([], os.listdir(self.place))
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                    self.assertNotIn(self.place, file.read())
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended

    def test_rows(self):
        paths = [os.path.join(self._directory.name, name) for name in ("json", "svg")]
        run = self.start("--rows", "1,6", "--json", paths[0], "--svg", paths[1])
        table, errors = run.communicate(timeout=60)
        self.assertEqual(0, run.returncode, errors)
        with open(paths[0], encoding="utf-8") as file:
            rows = {row["id"]: row for row in json.load(file)["rows"]}
        self.assertEqual({"1", "5", "5b", "5c", "5d", "5e", "6"}, set(rows))
        for row in rows.values():
            self.assertLessEqual({"id", "figure", "value", "bar", "ok"}, set(row))
            self.assertIn(row["figure"], table)
        self.assertGreater(rows["1"]["value"], 0)
        self.assertIsNone(rows["5b"]["value"])  # no peers with --quick
        self.assertFalse(rows["5b"]["ok"])
        # What a host needs at most: one script to lock and one to unlock, on each node. The nodes
        # are asked some things of their own besides.
        self.assertGreater(rows["6"]["value"], 0)
        self.assertLess(rows["6"]["value"], 2 * NODES + 1)
        xml.parse(paths[1])
        self.assert_nothing_is_left()

    def test_hosts_that_want_one_name(self):
        path = os.path.join(self._directory.name, "json")
        run = self.start("--rows", "F", "--json", path)
        _, errors = run.communicate(timeout=60)
        self.assertEqual(0, run.returncode, errors)
        with open(path, encoding="utf-8") as file:
            rows = {row["id"]: row for row in json.load(file)["rows"]}
        self.assertEqual({"F", "Fb", "Fc"}, set(rows))
        for row in rows.values():
            self.assertGreater(row["value"] or 0, 0, row)
        hosts = rows["F"]["details"]
        self.assertEqual(["8 daemons", "16 daemons"], list(hosts))
        for figures in hosts.values():
            # Each grant is held for 2 ms, and takes a script on most nodes.
            self.assertLess(figures["grants_per_second"], 500)
            self.assertGreater(figures["longest_gap_ms"], 2)
            self.assertGreater(figures["commands_per_grant"], 1)
        self.assertEqual(16, hosts["16 daemons"]["served_in_the_warm_up"])
        self.assert_nothing_is_left()

    def test_leaves_nothing_when_interrupted(self):
        run = self.start("--rows", "4")
        deadline = time.monotonic() + 30
        while not glob.glob(os.path.join(self.place, "*", "*echo")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
        self.assertEqual(130, run.returncode)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    unittest.main()
