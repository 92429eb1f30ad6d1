#!/bin/bash
# shell.sh SHELLCHECK: lints every shell script of the tree we stand in, found by its first line.
set -euo pipefail
grep -rlE --exclude-dir=build --exclude-dir=.git '^#!/bin/(ba)?sh' . | xargs "$1" --severity=warning --external-sources
