#!/bin/bash
# shell.sh ROOT: lints every shell script, found by its first line.
set -euo pipefail
cd "$1"
command -v shellcheck >/dev/null || { echo "no shellcheck"; exit 77; }
grep -rlE --exclude-dir=build --exclude-dir=.git '^#!/bin/(ba)?sh' . | xargs shellcheck --severity=warning --external-sources
