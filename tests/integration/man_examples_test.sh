#!/bin/bash
# man_examples_test.sh PAGE INCLUDE CC CXX: the examples of redlock(3) are whole programs that compile, in C and in C++.
set -euo pipefail
page=$1 include=$2 cc=$3 cxx=$4

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# A block of the page is a program in the language that its first line shows. scdoc takes a backslash for an escape.
awk -v place="$directory" '
  /^```$/ { inside = !inside; file = ""; next }
  inside && file == "" { file = place "/" ++count (/\.hpp>/ ? ".cc" : ".c") }
  inside { gsub(/\\\\/, "\\"); print >file }' "$page"

programs=("$directory"/*)
for language in c cc; do
  compgen -G "$directory/*.$language" >/dev/null || {
    echo "expected an example in C and one in C++, found: ${programs[*]##*/}"
    exit 1
  }
done
for program in "${programs[@]}"; do
  compiler=("$cxx" -std=c++20)
  [[ $program == *.c ]] && compiler=("$cc" -std=c11)
  "${compiler[@]}" -Wall -Wextra -Werror -fsyntax-only -I "$include" "$program"
  grep -q '\bmain(' "$program" || { echo "expected a whole program: $program"; exit 1; }
done
