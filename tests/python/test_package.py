"""What setuptools makes of the package."""

import contextlib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).parents[2]


def has(name):
    return importlib.util.find_spec(name) is not None


class Package(unittest.TestCase):
    def made(self, kind):
        """The file that setuptools makes of a copy of the sources."""
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        sources = pathlib.Path(place.name, "libclient", "python")
        shutil.copytree(ROOT / "libclient" / "python", sources, symlinks=True)
        shutil.copy(ROOT / "LICENSE", place.name)
        program = f"from setuptools import build_meta; print(build_meta.build_{kind}({place.name!r}))"
        ran = subprocess.run([sys.executable, "-B", "-c", program], cwd=sources, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, encoding="utf-8", env={**os.environ, "PYTHONPATH": ""})
        self.assertEqual(ran.returncode, 0, ran.stdout)
        return os.path.join(place.name, ran.stdout.splitlines()[-1])

    def look(self, texts):
        """`texts`: the content of each file by its path."""
        text = (ROOT / "LICENSE").read_bytes()
        self.assertIn(text, [content for name, content in texts.items() if name.endswith("/LICENSE")])
        for part in ("redlockd/locks.py", "redlockd/py.typed", "redlockd/compat/filelock.py"):
            self.assertTrue(any(name.endswith(part) for name in texts), part)
        metadata = [content for name, content in texts.items() if re.fullmatch(r"[^/]+/(PKG-INFO|METADATA)", name)]
        readme = metadata[0].decode()
        for part in ("Description-Content-Type: text/markdown", "as Writing a client (protocol/CLIENTS.md) says"):
            self.assertTrue(part in readme, part)
        self.assertEqual([], re.findall(r"\]\((?!#|https:)[^)]+\)", readme), "links to what is not in the package")

    @unittest.skipUnless(has("setuptools"), "there is no setuptools")
    def test_the_source_archive_is_complete(self):
        with contextlib.closing(tarfile.open(self.made("sdist"))) as archive:
            self.look({each.name: archive.extractfile(each).read() for each in archive if each.isfile()})

    @unittest.skipUnless(has("setuptools") and has("wheel"), "there is no setuptools, or no wheel")
    def test_the_wheel_is_complete(self):
        with zipfile.ZipFile(self.made("wheel")) as archive:
            self.look({name: archive.read(name) for name in archive.namelist()})


if __name__ == "__main__":
    unittest.main()
