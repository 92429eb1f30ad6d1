#!/bin/bash
# headers_test.sh INCLUDE USE: compiles each public header, and what uses them, by g++ and by clang++ with more
# warnings than a user is likely to have, and takes each for an error.
set -euo pipefail
include=$1 use=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/redlock-headers.XXXXXX")
trap 'rm -rf "$work"' EXIT

some=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual)
# All of clang's, but for those that tell of older standards, of padding, of classes without a file of their own, and,
# from newer ones, of copies and of pointers.
all=(-Weverything -Wno-unknown-warning-option -Wno-padded -Wno-weak-vtables -Wno-declaration-after-statement
  -Wno-nrvo -Wno-unsafe-buffer-usage)
for standard in 98 11 14 17 20; do
  all+=("-Wno-c++$standard-compat" "-Wno-c++$standard-compat-pedantic"
    "-Wno-pre-c++$standard-compat" "-Wno-pre-c++$standard-compat-pedantic")
done

code=0
compilers=0
compile() {  # STANDARD FILE NAME
  local compiler options language=c++ those=(g++ clang++)
  [[ $1 != c[0-9]* ]] || { language=c those=(gcc clang); }
  for compiler in "${those[@]}"; do
    command -v "$compiler" >/dev/null || continue
    compilers=$((compilers + 1))
    options=("${some[@]}")
    [[ $compiler != clang* ]] || options+=("${all[@]}")
    [ "$language" = c ] || options+=(-Wold-style-cast -Wextra-semi -Wnon-virtual-dtor)
    "$compiler" -x "$language" -std="$1" -Werror "${options[@]}" -fsyntax-only -I"$include" "$2" ||
      { echo "headers_test.sh: $compiler -std=$1 has something to say of $3" >&2; code=1; }
  done
}
header() {  # NAME STANDARD...
  local standard
  printf '#include <redlock/%s>\n#include <redlock/%s>\n' "$1" "$1" >"$work/header"
  for standard in "${@:2}"; do compile "$standard" "$work/header" "$1"; done
}

for name in "$include"/redlock/*; do
  case ${name##*/} in
    *.h) header "${name##*/}" c99 c11 c++17 ;;
    client.hpp) header client.hpp c++17 c++20 ;;
    *) header "${name##*/}" c++20 ;;
  esac
done
for standard in c99 c11; do compile $standard "$use/use.c" use.c; done
for standard in c++17 c++20; do compile $standard "$use/use17.cc" use17.cc; done
compile c++20 "$use/use20.cc" use20.cc

# A C++17 program that asks for more is told so.
printf '#include <redlock/redlock.hpp>\n' >"$work/header"
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || continue
  if "$compiler" -x c++ -std=c++17 -fsyntax-only -I"$include" "$work/header" 2>"$work/errors" ||
    ! grep -q 'needs C++20' "$work/errors"; then
    echo "headers_test.sh: $compiler -std=c++17 does not say that redlock.hpp needs C++20" >&2
    code=1
  fi
done
[ $compilers -gt 0 ] || { echo "headers_test.sh: there is no compiler" >&2; code=1; }
exit $code
