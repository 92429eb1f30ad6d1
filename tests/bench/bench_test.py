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

import noise
import peers
import programs
import report
import rows_fleet
import setting
import svg
from report import Row, at_least, at_most
from workplace import Failure, Workplace

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv.pop(1)
NODES = 3  # of --quick


class RowTest(unittest.TestCase):
    def test_median_spread_and_verdict(self):
        cases = [
            # repetitions, bar, median, spread, verdict
            ([1.0], at_most(1.0), 1.0, 0, "ok"),
            ([1.01], at_most(1.0), 1.01, 0, "short"),
            ([4], at_least(4), 4, 0, "ok"),
            ([3.99], at_least(4), 3.99, 0, "short"),
            ([3, 1, 2], at_most(2), 2, 2, "ok"),  # the median reaches it; the worst need not
            ([3, 1, 2], at_least(2), 2, 2, "ok"),
            ([6, 4, 5], at_most(3), 5, 2, "close"),  # short by just the spread
            ([6, 4, 5], at_most(2.9), 5, 2, "short"),
            ([6, 4, 5], at_least(7), 5, 2, "close"),
            ([6, 4, 5], at_least(7.1), 5, 2, "short"),
            ([5, 5, 5], at_most(4.9), 5, 0, "short"),
            ([1, 9, 2, 4], at_most(3), 3, 8, "ok"),  # of four, the middle of the middle two
            ([1, 2, 3], None, 2, 2, ""),
            ([], at_most(1), None, 0, "short"),
        ]
        for repetitions, bar, median, spread, verdict in cases:
            with self.subTest(repetitions=repetitions, bar=str(bar)):
                row = Row("1", "figure", repetitions, "x", bar)
                self.assertEqual((median, spread, verdict), (row.value, row.spread, row.verdict))
                self.assertEqual(verdict == "ok" or bar is None, row.ok)
                self.assertEqual(verdict, row.as_json()["verdict"])

    def test_nothing_measured_is_not_ok(self):
        row = Row("2b", "rate", [], "x", at_least(4), why="no peer")
        self.assertFalse(row.ok)
        self.assertEqual("no peer", row.as_json()["why"])
        row.why = "npm said\n" + "much " * 100
        self.assertEqual(3, len(report.table([row]).splitlines()))

    def test_table_shows_median_range_bar_and_verdict(self):
        row = Row("1", "time", [1234.5, 1200, 2000], "us", at_most(25))
        lines = report.table([row]).splitlines()
        self.assertEqual(["1", "time", "1,234 us", "1,200 to 2,000", "<= 25 us", "short"],
                         [cell.strip() for cell in lines[-1].split("|")[1:-1]])

    def test_table_names_what_was_disturbed_once_for_rows_measured_together(self):
        together = {"disturbed": ["30 % in repetition 2"]}
        lines = report.table([Row("5", "a", [1], **together), Row("6", "b", [1]),
                              Row("5b", "c", [1], **together)]).splitlines()
        self.assertEqual(["*", "", "*"], [line.split("|")[-2].strip() for line in lines[2:5]])
        self.assertEqual(["* 5, 5b: other programs took of the cores 30 % in repetition 2."],
                         lines[5:])

    def test_picture_reaches_the_line_exactly_where_the_bar_is_reached(self):
        def width(value):
            picture = xml.fromstring(svg.draw([Row("1", "a & b", [value], "", at_most(10))], "t"))
            return float(picture.findall("{*}rect")[-1].get("width"))
        line = svg._x(1) - svg.TEXT
        self.assertAlmostEqual(line, width(10), 0)
        self.assertLess(width(11), line)
        self.assertGreater(width(9), line)


class NoiseTest(unittest.TestCase):
    def test_what_counts_as_disturbed(self):
        cases = [
            # seconds of the cores that others took, of how many; is that a disturbance
            (0, 10, False),
            (-0.2, 10, False),  # counts of hundredths may come late
            (0.5, 10, False),
            (0.51, 10, True),
            (0.04, 0.2, False),  # a few hundredths show nothing
            (0.06, 0.2, True),
        ]
        for others, seconds, disturbed in cases:
            with self.subTest(others=others, seconds=seconds):
                self.assertEqual(disturbed, noise.Watch(others, seconds).disturbed)

    def test_what_a_probe_finds(self):
        cases = [
            # spin at best, its p99, a wake-up's p99, in us; words of what is found
            (1000, 1500, 1000, []),
            (1000, 1501, 1000, ["1.5 times"]),
            (1000, 1000, 2500, ["2.5 ms late"]),
            (1000, 3000, 2500, ["3 times", "2.5 ms late"]),
        ]
        for best, spin, wake_up, words in cases:
            with self.subTest(spin=spin, wake_up=wake_up):
                found = noise.Probe(best, best, spin, 100, wake_up).disturbances()
                self.assertEqual(len(words), len(found))
                for word, disturbance in zip(words, found):
                    self.assertIn(word, disturbance)

    def test_a_program_that_is_not_the_runs_is_seen(self):
        with Workplace() as workplace:
            watched = noise.Noise(workplace)
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            self.addCleanup(other.wait)
            self.addCleanup(other.kill)
            deadline = time.monotonic() + 60
            found = []
            while not found:
                self.assertLess(time.monotonic(), deadline)
                with watched.repetition(2):
                    time.sleep(1)
                found = watched.take()
        self.assertRegex(found[0], r"^\d+ % in repetition 2$")
        self.assertEqual([], watched.take())


class RatiosTest(unittest.TestCase):
    def test_are_those_of_each_repetition(self):
        ours, theirs = [{"a": {"p": 6}}, {"a": {"p": 8}}], [{"b": 3}, {"b": 2}]
        self.assertEqual([2, 4], setting.ratios(ours, theirs, "a", "p", of=("b",)))
        self.assertEqual([6, 8], setting.values(ours, "a", "p"))
        with self.assertRaisesRegex(Failure, "no q"):
            setting.values(ours, "a", "q")


class PeersTest(unittest.TestCase):
    def test_a_row_is_the_ratio_of_each_repetition(self):
        rival = peers.Rival("", None)
        row = rival.row("2", "rate", [10, 30, 20], [{"per_second": n} for n in (5, 10, 5)],
                        at_least(4))
        self.assertEqual([2, 3, 4], row.repetitions)
        self.assertEqual("close", row.verdict)

    def test_a_peer_that_got_no_lock_is_the_reason(self):
        row = peers.Rival("", None).row("2", "rate", [10, 10],
                                        [{"per_second": 5}, {"per_second": 0}], at_least(4))
        self.assertIsNone(row.value)
        self.assertIn("no peer", row.why)

    def test_each_is_tried_with_and_without_auto_pipelining(self):
        self.assertEqual([None], peers._settings("cold", 10, False))
        self.assertEqual([{"pipelining": True}], peers._settings("cold", 10, True))
        self.assertEqual([None, {"retry": 10}], peers._settings("hot", 10, False))
        self.assertEqual([{"pipelining": True}, {"pipelining": True, "retry": 10}],
                         peers._settings("hot", 10, True))

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
            rows = rows_fleet.rows_of_fleet(setting.Setting(
                workplace, nowhere, None, noise.Noise(workplace), NODES, 0.02))
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
        table, errors = run.communicate(timeout=120)
        self.assertEqual(0, run.returncode, errors)
        with open(paths[0], encoding="utf-8") as file:
            rows = {row["id"]: row for row in json.load(file)["rows"]}
        self.assertEqual({"1", "1b", "5", "5b", "5c", "5d", "5e", "6"}, set(rows))
        for row in rows.values():
            self.assertLessEqual({"id", "figure", "value", "bar", "ok"}, set(row))
            self.assertIn(row["figure"], table)
        for row in ("1", "1b"):
            self.assertEqual(3, len(rows[row]["repetitions"]))
            self.assertGreater(min(rows[row]["repetitions"]), 0)
        self.assertEqual(2, table.count("the run: a fixed spin takes"))
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
        _, errors = run.communicate(timeout=120)
        self.assertEqual(0, run.returncode, errors)
        with open(path, encoding="utf-8") as file:
            rows = {row["id"]: row for row in json.load(file)["rows"]}
        self.assertEqual({"F", "Fb", "Fc"}, set(rows))
        for row in rows.values():
            self.assertGreater(row["value"] or 0, 0, row)
        hosts = rows["F"]["details"]
        self.assertEqual(["8 daemons", "16 daemons"], list(hosts))
        for figures in sum(hosts.values(), []):
            # Each grant is held for 2 ms, and takes a script on most nodes.
            self.assertLess(figures["grants_per_second"], 500)
            self.assertGreater(figures["longest_gap_ms"], 2)
            self.assertGreater(figures["commands_per_grant"], 1)
        for figures in hosts["16 daemons"]:
            self.assertEqual(16, figures["served_in_the_warm_up"])
        self.assert_nothing_is_left()

    def test_counts_of_nodes_memory_and_what_lasts(self):
        path = os.path.join(self._directory.name, "json")
        run = self.start("--rows", "2,L,M", "--json", path)
        _, errors = run.communicate(timeout=120)
        self.assertEqual(0, run.returncode, errors)
        with open(path, encoding="utf-8") as file:
            written = json.load(file)
        self.assertEqual({"before", "after"}, set(written["noise"]))
        rows = {row["id"]: row for row in written["rows"]}
        self.assertEqual({"2", "2b", "2c", "2d", "2n", "3", "L", "M"}, set(rows), rows)
        for row in ("2c", "2d", "2n", "3", "L", "M"):
            self.assertGreater(rows[row]["value"] or 0, 0, rows[row])
        self.assertGreater(rows["2n"]["details"]["plain_nodes_cpu_us"], 0)
        self.assertGreater(rows["3"]["details"]["floor_cpu_us"], 0)
        self.assertEqual(2, len(rows["M"]["details"]["bytes"]))
        self.assertGreater(rows["M"]["details"]["sessions"], 0)
        self.assert_nothing_is_left()

    def test_a_churn_that_is_too_short_is_refused(self):
        for minutes in ("0.5", "long", "2000"):
            run = self.start("--churn", minutes)
            _, errors = run.communicate(timeout=120)
            self.assertEqual(2, run.returncode)
            self.assertIn(f"'{minutes}': expected minutes from 1 to 1440", errors)

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
