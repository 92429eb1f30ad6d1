#!/bin/bash
# units_test.sh STAGE: systemd's own opinion of the installed units.
set -euo pipefail
stage=$1
units=$stage/usr/lib/systemd/system

# What the service runs of the host.
install -D -m 755 /dev/null "$stage/bin/sh"
install -m 755 /dev/null "$stage/bin/kill"
# --man=no: the pages are not in this machine's manual path.
systemd-analyze verify --man=no --recursive-errors=no --root="$stage" redlockd.service redlockd.socket
rm -r "${stage:?}/bin"
# At most 2.0 on systemd's scale from 0 (nothing it could do) to 10 (anything).
systemd-analyze security --no-pager --offline=yes --threshold=20 "$units/redlockd.service" |
  grep -v "✓"

systemd-sysusers --root="$stage" "$stage/usr/lib/sysusers.d/redlockd.conf"
for group in redlockd redlock redlock-admin; do
  grep -q "^$group:" "$stage/etc/group"
done
grep -q '^redlockd:' "$stage/etc/passwd"
rm -r "$stage"/etc/{group,passwd,shadow,gshadow} "$stage/etc/.pwd.lock"
