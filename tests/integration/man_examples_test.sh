#!/bin/bash
# man_examples_test.sh PAGE REDLOCKD INCLUDE LIBRARY CC CXX [OPTION...]: the examples of redlock(3), in C and in C++, are
# whole programs, which are compiled with these options and run against a daemon of --dev.
set -euo pipefail
page=$1 redlockd=$2 include=$3 library=$4 cc=$5 cxx=$6
shift 6

directory=$(mktemp -d)
daemon=
end() {
  [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
  rm -rf "$directory"
}
trap end EXIT
fail() { echo "$*"; exit 1; }

# A block of the page that begins with an #include is a program, and its first line shows in which language. scdoc takes
# a backslash for an escape.
awk -v place="$directory" '
  /^```$/ { inside = !inside; file = ""; is_first = inside; next }
  is_first && /^#include/ { file = place "/" ++count (/\.hpp>/ ? ".cc" : ".c") }
  { is_first = 0 }
  file != "" { gsub(/\\\\/, "\\"); print >file }' "$page"
programs=("$directory"/*.c*)
for language in c cc; do
  compgen -G "$directory/*.$language" >/dev/null ||
    fail "expected an example in C and one in C++, found: ${programs[*]##*/}"
done

export REDLOCK_SOCKET=$directory/s
"$redlockd" --dev --nodes 1 --socket "$REDLOCK_SOCKET" >"$directory/log" 2>&1 &
daemon=$!
for ((i = 0; ; ++i)); do
  [ ! -S "$REDLOCK_SOCKET" ] || break
  kill -0 "$daemon" && ((i < 600)) || fail "no daemon: $(<"$directory/log")"
  sleep 0.1
done

for program in "${programs[@]}"; do
  compiler=("$cxx" -std=c++20)
  [[ $program == *.c ]] && compiler=("$cc" -std=c11)
  "${compiler[@]}" -Wall -Wextra -Werror "$@" -I "$include" "$program" -o "$directory/program" \
    "$library" -pthread -Wl,-rpath,"$(dirname "$library")"
  "$directory/program" >"$directory/said" 2>&1 || fail "$(cat "$program" "$directory/said" "$directory/log")"
  grep -q 'fence [0-9]' "$directory/said" || fail "expected a fence, found: $(<"$directory/said")"
done
