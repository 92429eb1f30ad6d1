#!/bin/bash
# packages_test.sh DEBS VERSION: boots a systemd, and installs, upgrades, downgrades, removes and purges the
# packages in DEBS there (booted.sh). The tests that they bring along (debian/tests) run in it, too. 77
# (skipped) where a systemd cannot be booted.
set -euo pipefail
debs=$(realpath "$1")
version=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/redlockd-packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/files/{packages,next} "$work/out"

for deb in "$debs"/*"_${version}_"*.deb; do
  case $deb in *-dbgsym_*) continue ;; esac
  cp "$deb" "$work/files/packages"
  # The same as a later version.
  dpkg-deb -R "$deb" "$work/next"
  sed -i -E 's/^(Version: .*)/\1.1/; s/\(= [^)]*/&.1/' "$work/next/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$work/next" "$work/files/next/$(basename "$deb")" >/dev/null
  rm -rf "$work/next"
done
cp -a "$here/../../debian/tests" "$work/files/autopkgtest"
cp "$here/booted.sh" "$work/files/test.sh"

code=0
BOOT_TIMEOUT=${BOOT_TIMEOUT:-600} "$here/../systemd/boot.sh" "$work/files" "$work/out" || code=$?
cat "$work/out/test.log" 2>/dev/null || cat "$work/out/console.log" 2>/dev/null || true
exit $code
