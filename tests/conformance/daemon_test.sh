#!/bin/bash
# daemon_test.sh REDLOCKD PYTHON SUITE: the suite's transcripts on a daemon of --dev.
set -euo pipefail
redlockd=$1 python=$2 suite=$3

directory=$(mktemp -d)
"$redlockd" --dev --nodes 3 --socket "$directory/s" >"$directory/log" 2>&1 &
daemon=$!
end() {
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" || true
  rm -rf "$directory"
}
trap end EXIT

for ((i = 0; ; ++i)); do
  [ -S "$directory/s" ] && break
  kill -0 "$daemon" && ((i < 600)) || { cat "$directory/log"; exit 1; }
  sleep 0.1
done
"$python" -B "$suite" daemon "$directory/s" || { cat "$directory/log"; exit 1; }
