# What the tests of the container share: they source it.
# shellcheck shell=bash
# shellcheck source=tests/systemd/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/../systemd/steps.sh"

fail() {
  echo "FAILED: $1"
  exit 1
}
# Of all that is made, and of logs. Images are large.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/redlockd-container.XXXXXX")
quietly() { "$@" >"$work/last.log" 2>&1; }

# Those that must not outlive the test.
started=()
# end_all CODE: ends them, and shows the logs if CODE says that the test failed.
end_all() {
  for pid in "${started[@]}"; do kill -KILL "$pid" && wait "$pid"; done 2>/dev/null || true
  [ "$1" = 0 ] || tail -n 60 "$work"/*.log
}

# takes_a_lock_and_stops PID COMMAND...: the daemon PID, asked by COMMAND, which is redlock or leads to it.
takes_a_lock_and_stops() {
  local daemon=$1
  shift
  within 20 quietly "$@" ping
  within 20 quietly "$@" nodes --trust-empty
  within 20 quietly "$@" health
  [ "$("$@" run job -- echo ran)" = ran ] || fail "no lock"
  kill -TERM "$daemon"
  wait "$daemon" || fail "it ended with $?"
}
