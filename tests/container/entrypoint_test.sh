#!/bin/bash
# entrypoint_test.sh ENTRYPOINT REDLOCKD REDLOCK: what the container's entrypoint makes of its environment.
set -euo pipefail
entrypoint=$1 redlockd=$2 redlock=$3
dir=$(mktemp -d "${TMPDIR:-/tmp}/redlockd-container.XXXXXX")
started=()
finish() {
  local code=$?
  for pid in "${started[@]}"; do kill -KILL "$pid" && wait "$pid"; done 2>/dev/null || true
  [ $code = 0 ] || tail -n +1 "$dir"/*.log
  rm -rf "$dir"
}
trap finish EXIT
fail() {
  echo "FAILED: $1"
  exit 1
}
# within SECONDS COMMAND...: waits until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >"$dir/last.log" 2>&1; do
    [ $SECONDS -lt $end ] || fail "in vain: $*"
    sleep 0.02
  done
}

# start VARIABLE=VALUE... -- ARGUMENT...: the entrypoint, in that environment alone and what sanitizers need.
# With exec=exec it takes this shell's place, so that it gets the signals.
start() {
  local environment=()
  while [ "$1" != -- ]; do
    environment+=("$1")
    shift
  done
  ${exec-} env -i PATH="$(dirname "$redlockd"):/usr/bin:/bin" TMPDIR="$dir" REDLOCKD_CONFIG="$dir/mounted.yaml" \
    ASAN_OPTIONS="${ASAN_OPTIONS-}" UBSAN_OPTIONS="${UBSAN_OPTIONS-}" "${environment[@]}" "$entrypoint" "${@:2}"
}

# refused TEXT VARIABLE=VALUE...: it exits with 78 and says so.
refused() {
  local code=0
  start "${@:2}" -- >"$dir/refused.log" 2>&1 || code=$?
  [ $code = 78 ] || fail "exit code $code, expected 78"
  grep -qF "$1" "$dir/refused.log" || fail "expected: $1"
}
refused "expected REDLOCKD_NODES, or a configuration mounted at $dir/mounted.yaml, found neither"
refused "expected REDLOCKD_NODES, or" REDLOCKD_NODES=" , "
refused "nodes[0].address" REDLOCKD_NODES="no port"
echo "nodes: [{address: '127.0.0.1:1'}]" >"$dir/mounted.yaml"
refused "expected REDLOCKD_NODES or $dir/mounted.yaml, found both" REDLOCKD_NODES=127.0.0.1:1

# has LINE: what would be in force has it, however far it is indented.
has() { sed 's/^[- ]*//' "$dir/force.log" | grep -xF "$1" >"$dir/found.log" || fail "expected in force: $1"; }
start -- --check-config >"$dir/force.log" 2>&1
has "address: 127.0.0.1:1"
rm "$dir/mounted.yaml"

echo secret >"$dir/password"
chmod 600 "$dir/password"
start REDLOCKD_NODES="a:1, b:2  c:3" REDLOCKD_USERNAME=u REDLOCKD_PASSWORD_FILE="$dir/password" \
  REDLOCKD_TTL=5s REDLOCKD_KEY_PREFIX='a"b\c:#d\n' -- --check-config >"$dir/force.log" 2>&1
for line in "address: a:1" "address: b:2" "address: c:3" "username: u" "password_file: $dir/password" \
  "ttl: 5s" "socket_mode: 0666" 'key_prefix: "a\"b\\c:#d\\n"'; do
  has "$line"
done

# A daemon, as a pod has it.
redis-server --port 0 --unixsocket "$dir/node.sock" --save '' --dir "$dir" >"$dir/node.log" &
started+=($!)
export REDLOCK_SOCKET=$dir/redlockd.sock
exec='exec' start REDLOCK_SOCKET="$REDLOCK_SOCKET" REDLOCKD_NODES="unix:$dir/node.sock" REDLOCKD_SOCKET_MODE=0600 -- \
  >"$dir/daemon.log" 2>&1 &
daemon=$!
started+=("$daemon")
within 20 "$redlock" ping
within 20 "$redlock" nodes --trust-empty
within 20 "$redlock" health
[ "$(stat -c %a "$REDLOCK_SOCKET")" = 600 ] || fail "the socket's mode is $(stat -c %a "$REDLOCK_SOCKET")"
[ "$("$redlock" run job -- echo ran)" = ran ] || fail "no lock"
kill -TERM "$daemon"
wait "$daemon" || fail "it ended with $?"
