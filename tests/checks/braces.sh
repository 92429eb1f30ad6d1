#!/bin/bash
# braces.sh ROOT: an EXPECT or ASSERT after `if (...)` stands in braces, or the `if` is turned round: the
# macros have an `else` of their own, and newer compilers warn of that.
set -euo pipefail
cd "$1"
if grep -rnE --include='*.cc' --include='*.h' --exclude-dir=build \
  '^ *(\} else )?if \(.*\) (EXPECT|ASSERT)_' tests; then
  exit 1
fi
