#!/bin/bash
# entrypoint_test.sh ENTRYPOINT REDLOCKD REDLOCK: what the container's entrypoint makes of its environment.
set -euo pipefail
# shellcheck source=tests/container/steps.sh
. "$(dirname "$0")/steps.sh"
entrypoint=$1 redlockd=$2 redlock=$3
trap 'code=$?; end_all $code; rm -rf "$work"; exit $code' EXIT

# start VARIABLE=VALUE... -- ARGUMENT...: the entrypoint, in that environment alone and what sanitizers need.
# With exec=exec it takes this shell's place, so that it gets the signals.
start() {
  local environment=()
  while [ "$1" != -- ]; do
    environment+=("$1")
    shift
  done
  ${exec-} env -i PATH="$(dirname "$redlockd"):/usr/bin:/bin" TMPDIR="$work" REDLOCKD_CONFIG="$work/mounted.yaml" \
    ASAN_OPTIONS="${ASAN_OPTIONS-}" UBSAN_OPTIONS="${UBSAN_OPTIONS-}" "${environment[@]}" "$entrypoint" "${@:2}"
}

# refused TEXT VARIABLE=VALUE...: it exits with 78 and says so.
refused() {
  local code=0
  start "${@:2}" -- >"$work/refused.log" 2>&1 || code=$?
  [ $code = 78 ] || fail "exit code $code, expected 78"
  grep -qF "$1" "$work/refused.log" || fail "expected: $1"
}
refused "expected REDLOCKD_NODES, or a configuration mounted at $work/mounted.yaml, found neither"
refused "expected REDLOCKD_NODES, or" REDLOCKD_NODES=" , "
refused "nodes[0].address" REDLOCKD_NODES="no port"
echo "nodes: [{address: '127.0.0.1:1'}]" >"$work/mounted.yaml"
refused "expected REDLOCKD_NODES or $work/mounted.yaml, found both" REDLOCKD_NODES=127.0.0.1:1

# has LINE: what would be in force has it, however far it is indented.
has() { sed 's/^[- ]*//' "$work/force.log" | grep -xF "$1" >"$work/found.log" || fail "expected in force: $1"; }
start -- --check-config >"$work/force.log" 2>&1
has "address: 127.0.0.1:1"
rm "$work/mounted.yaml"

echo secret >"$work/password"
chmod 600 "$work/password"
start REDLOCKD_NODES="a:1, b:2  c:3" REDLOCKD_USERNAME=u REDLOCKD_PASSWORD_FILE="$work/password" \
  REDLOCKD_TTL=5s REDLOCKD_KEY_PREFIX='a"b\c:#d\n' -- --check-config >"$work/force.log" 2>&1
for line in "address: a:1" "address: b:2" "address: c:3" "username: u" "password_file: $work/password" \
  "ttl: 5s" "socket_mode: 0666" 'key_prefix: "a\"b\\c:#d\\n"'; do
  has "$line"
done

# A daemon, as a pod has it.
redis-server --port 0 --unixsocket "$work/node.sock" --save '' --dir "$work" >"$work/node.log" &
started+=($!)
export REDLOCK_SOCKET=$work/redlockd.sock
exec='exec' start REDLOCK_SOCKET="$REDLOCK_SOCKET" REDLOCKD_NODES="unix:$work/node.sock" REDLOCKD_SOCKET_MODE=0600 -- \
  >"$work/daemon.log" 2>&1 &
daemon=$!
started+=("$daemon")
within 20 quietly "$redlock" ping
[ "$(stat -c %a "$REDLOCK_SOCKET")" = 600 ] || fail "the socket's mode is $(stat -c %a "$REDLOCK_SOCKET")"
takes_a_lock_and_stops "$daemon" "$redlock"
