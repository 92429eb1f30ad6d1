#!/bin/bash
# boot_test.sh STAGE: boots a systemd in which STAGE is installed, with the files of booted/ on top,
# and runs booted/test.sh in it. 77 (skipped) where a systemd cannot be booted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files" "$work/out"
cp -a "$1/." "$here/booted/." "$work/files"

code=0
"$here/boot.sh" "$work/files" "$work/out" || code=$?
cat "$work/out/test.log" 2>/dev/null || cat "$work/out/console.log" 2>/dev/null || true
exit $code
