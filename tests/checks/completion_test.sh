#!/bin/bash
# completion_test.sh: completion.sh finds what it is there to find.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# passes LINE and fails LINE: what completion.sh says of a completion with that line.
check() {
  printf '%s\n' "$1" >"$tree/x.bash"
  "$here/completion.sh" "$tree" >/dev/null
}
passes() { check "$1" || { echo "refused: $1"; exit 1; }; }
fails() { ! check "$1" || { echo "not found: $1"; exit 1; }; }

# shellcheck disable=SC2016  # these are lines of a script
{
  passes 'mapfile -t COMPREPLY < <(compgen -c -- "$cur")'
  passes "compgen -W '1s 5s' -- \"\$cur\""
  passes '# compgen -W "$names" is not used'
  fails 'COMPREPLY=($(compgen -W "$names" -- "$cur"))'
  fails "compgen -W '1s'\"\$names\" -- x"
  fails 'compgen -P x -W $names'
  fails 'complete -W "$(redlock list)" redlock'
  fails 'complete -F f x; eval "$names"'
}
