"""What pyproject.toml cannot say: the README, as the index of packages shows it."""

import pathlib
import re

from setuptools import setup


def without_links(text: str) -> str:
    """What the links lead to is not in the package: [text](../../path) becomes "text (path)"."""
    plain = re.sub(r"\[([^\]]+)\]\((?:\.\./)+([^)]+)\)",
                   lambda link: link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})", text)
    return plain.replace("\n\n", "\n\nPaths like protocol/CLIENTS.md are in redlockd's sources.\n\n", 1)


readme = pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8")
setup(long_description=without_links(readme), long_description_content_type="text/markdown")
