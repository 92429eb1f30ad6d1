#!/bin/bash
# shell.sh ROOT: lints every shell script, found by its first line.
set -euo pipefail
cd "$1"
command -v shellcheck >/dev/null || { echo "no shellcheck"; exit 77; }
grep -rlE --exclude-dir=build --exclude-dir=.git '^#!/bin/(ba)?sh' . | xargs shellcheck --severity=warning --external-sources

# `grep -q` ends at the first match, and with pipefail the pipe fails if what writes to it has not finished.
hasty='| *grep -q'
if grep -rlE --exclude-dir=build --exclude-dir=.git '^set -.*pipefail' . | xargs grep -nE "\\$hasty"; then
  echo "expected grep with its output to /dev/null"
  exit 1
fi
