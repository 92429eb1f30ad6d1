#!/bin/bash
# hardened_test.sh FILE... : each was built as a distribution would build it: position independent, all
# symbols bound at the start and read-only afterwards, with guarded stacks and checked string functions.
set -euo pipefail
code=0
# expect FILE WHAT FOUND
expect() { [ -n "$3" ] || { echo "$1: not $2"; code=1; }; }
for file in "$@"; do
  header=$(readelf -hW "$file")
  dynamic=$(readelf -dW "$file")
  segments=$(readelf -lW "$file")
  symbols=$(nm -D --undefined-only "$file")
  expect "$file" "position independent" "$(grep 'Type:.*DYN' <<<"$header" || true)"
  expect "$file" "bound at the start (-z now)" "$(grep -E 'BIND_NOW|FLAGS_1.*NOW' <<<"$dynamic" || true)"
  expect "$file" "read-only after relocation (-z relro)" "$(grep GNU_RELRO <<<"$segments" || true)"
  expect "$file" "guarded by -fstack-protector" "$(grep __stack_chk_fail <<<"$symbols" || true)"
  expect "$file" "fortified by _FORTIFY_SOURCE" "$(grep -E '_chk(@|$)' <<<"$symbols" | grep -v stack_chk || true)"
done
exit $code
