#!/bin/bash
# mutants.sh ROOT: each wrong variant of the rules still applies to the sources, and what finds the
# functions of a source file passes its own examples. Whether the tests catch the variants takes a build,
# and minutes: mutations/run.py.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
python3 -m doctest "$1/tests/mutations/functions.py"
python3 "$1/tests/mutations/run.py" --apply-only "$1"
