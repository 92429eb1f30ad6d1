#!/bin/bash
# exports.sh ROOT: fails unless libredlock.map lists the functions that redlock.h and session.h declare, each by
# its name: what is exported is promised for good, so it is looked at one by one.
set -euo pipefail
cd "$1/libclient"
declared=$(sed -e ':a' -e 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' -e '/\/\*/{N;ba' -e '}' include/redlock/redlock.h include/redlock/session.h |
  grep -oE '\bredlock_[a-z_]+\(' | tr -d '(' | sort -u)
listed=$(sed -n 's/^ *\([a-z_*]*\);$/\1/p' libredlock.map | grep -v '^\*$' | sort)
diff <(echo "$declared") <(echo "$listed") || {
  echo "exports.sh: < is declared in redlock.h or session.h, > is listed in libredlock.map"
  exit 1
}
