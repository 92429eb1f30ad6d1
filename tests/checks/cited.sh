#!/bin/bash
# cited.sh REPOSITORY: the tests that papers name are there. `Suite.Test*` names those that begin so.
set -euo pipefail
cd "$1"

papers=(tests/README.md docs/kleppmann.md)
code=0
while IFS=: read -r paper cited; do
  suite=${cited%%.*}
  test=${cited#*.}
  grep -rqE "^TEST(_F|_P)?\($suite, ${test%\*}" tests --include='*.cc' && continue
  echo "$paper: no test begins with $cited" >&2
  code=1
done < <(grep -oHE '`[A-Z][A-Za-z0-9]+\.[A-Z][A-Za-z0-9]+\*?`' "${papers[@]}" | tr -d '`' | sort -u)
exit $code
