"""The examples of libclient/python/README.md. One whose libraries are not here is only compiled."""

import importlib.util
import os
import pathlib
import re
import unittest

from support import WithDaemon

PAPER = pathlib.Path(__file__).parents[2] / "libclient" / "python" / "README.md"
OTHERS = ("sqlalchemy", "apscheduler", "celery")  # they need not be here


class Readme(WithDaemon):
    def test_the_examples_run(self):
        text = PAPER.read_text(encoding="utf-8")
        found = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
        self.assertGreater(len(found), 10)
        for example in found:
            line = text[:example.start()].count("\n") + 2
            with self.subTest(line=line):
                code = compile("\n" * (line - 1) + example[1], str(PAPER), "exec")
                missing = [name for name in OTHERS if re.search(rf"^from {name}\b", example[1], re.MULTILINE)
                           and importlib.util.find_spec(name) is None]
                if not missing:
                    exec(code, {"__name__": "example", "os": os})


if __name__ == "__main__":
    unittest.main(buffer=True)
