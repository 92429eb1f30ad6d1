#!/bin/bash
# suite_test.sh PYTHON SUITE ADAPTER: the suite notices a client that is wrong. Each wrong one is the right
# one with an edit to what it reports, and fails under the named heading.
set -euo pipefail
python=$1 suite=$2 adapter=$3

code=0
notices() {  # EDIT HEADING
  if "$python" -B "$suite" --patience 5 --only "$2" client bash -c '"$1" | sed -u "$2"' - "$adapter" "$1" >/dev/null; then
    echo "no failure of '$2' with $1"
    code=1
  fi
}
notices 's/valid job no/valid job yes/' 'knows by itself when the deadline has passed'
notices 's/valid job no/valid job yes/' 'is not valid after a loss'
notices 's/valid job yes/valid job no/' 'follows renewals'
notices 's/ERR closed/OK fence=7/' 'takes no half line for a line'
notices '/event CLOSED/d' 'takes no half line for a line'
notices 's/fence=7/fence=8/' 'takes a lock and lets it go'
notices 's/ERR no-answer/ERR timeout/' 'does not wait for a daemon that hangs'
notices 's/^3 /1 /' 'keeps requests apart'
notices 's/c no/c yes/' 'has none of several locks before it has all'
notices 's/fences=7,8/fences=8,7/' 'takes several locks at once'
notices 's/^\(.*OK fence=.*\)$/\1\nevent TIDINGS/' 'ignores events'

# An adapter that ends is a failure like any other, and one that is unable is skipped, report due or not.
if found=$("$python" -B "$suite" --patience 5 --only cancels client true 2>&1) || [[ $found != FAIL* ]]; then
  echo "an adapter that ends at once: expected FAIL, found: $found"
  code=1
fi
if ! found=$("$python" -B "$suite" --patience 2 --only 'cancels a wait that' client \
  bash -c 'sed -u "s/^cancel.*/fly/" | "$1"' - "$adapter" 2>&1) || [[ $found != skip*$'\n0 passed, 1 skipped, 0 failed' ]]; then
  echo "an adapter that cannot cancel: expected skip, found: $found"
  code=1
fi
# One that has not even the core has not passed.
if found=$("$python" -B "$suite" --patience 5 --only 'takes a lock and lets it go' \
  client sed -u 's/.*/unsupported/' 2>&1) ||
  [[ $found != *': each client must have this'*$'\n0 passed, 0 skipped, 1 failed' ]]; then
  echo "an adapter that supports nothing: expected a failure and totals, found: $found"
  code=1
fi
exit $code
