#!/bin/bash
# mutants.sh ROOT: each wrong variant of the rules still applies to the sources. Whether the tests catch
# them takes a build, and minutes: mutations/run.py.
set -euo pipefail
PYTHONDONTWRITEBYTECODE=1 python3 "$1/tests/mutations/run.py" --apply-only "$1"
