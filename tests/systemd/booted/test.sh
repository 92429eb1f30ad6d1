#!/bin/bash
# Runs as root in a booted systemd where redlockd is installed: the life of the service, from its
# first client to its last.
set -u
sock=/run/redlockd/redlockd.sock

# shellcheck source=tests/systemd/steps.sh
. /steps.sh

must_exit() {
  local want=$1 got=0
  shift
  "$@" || got=$?
  [ $got -eq "$want" ] || fail "exit $got instead of $want: $*"
}
property() { systemctl show --value -p "$1" redlockd.service; }
property_is() { [ "$(property "$1")" = "$2" ]; }
status_has() { [[ $(property StatusText) == *"$1"* ]]; }

# One session at a time, typed by hand: connect USER, say LINE, expect PATTERN, hang_up.
connect() {
  coproc session { exec runuser -u "$1" -- socat STDIO "UNIX-CONNECT:$sock"; }
  socat=$!
  expect '\* HELLO redlockd 1 *'
}
say() { echo "$1" >&"${session[1]}"; }
expect() {
  local line
  while IFS= read -r -t 10 -u "${session[0]}" line; do
    echo "  $line"
    # shellcheck disable=SC2053  # a pattern
    [[ $line == $1 ]] && return
  done
  fail "the session never said $1"
}
hang_up() {
  local output=${session[1]-}  # unset where the daemon has ended it already
  [ -z "$output" ] || exec {output}>&-
  wait "$socat"
}

echo "== Users, nodes, the socket"
must systemd-sysusers
must systemd-tmpfiles --create /usr/lib/tmpfiles.d/redlockd.conf
must useradd --no-create-home --groups redlock member
must useradd --no-create-home --groups redlock,redlock-admin admin
must useradd --no-create-home stranger
for port in 7001 7002 7003 7004 7005; do
  redis-server --port $port --bind 127.0.0.1 --save '' --dir /tmp >/dev/null &
done
must redlockd --check-config >/dev/null
must systemctl enable --quiet --now redlockd.socket
must property_is ActiveState inactive
must [ "$(stat -c '%a %U %G' $sock)" = "660 root redlock" ]
must [ "$(stat -c '%a %U %G' /etc/redlockd)" = "750 root redlockd" ]

echo "== The first client starts the service"
must as member redlock ping
must property_is ActiveState active
must [ "$(stat -c %U "/proc/$(property MainPID)")" = redlockd ]

echo "== New nodes wait for their quarantine, or an administrator's word"
must_exit 68 as member redlock run -w 0.2 thing -- true
as member redlock nodes --trust-empty && fail "a member may not trust nodes"
must as admin redlock nodes --trust-empty
within 10 status_has "5 of 5 nodes up"

echo "== Access by group"
must as member redlock run thing -- true
must_exit 77 as stranger redlock run thing -- true
as stranger redlock ping 2>&1 | grep -q 'Permission denied (only members of group redlock may connect;' ||
  fail "a stranger is not told the group"
must useradd --no-create-home --groups redlock-admin admin-only
must_exit 77 as admin-only redlock nodes

echo "== The status line counts leases"
connect member
say "lock thing"
expect 'OK lock=thing fence=*'
within 5 status_has "1 lease"

echo "== The watchdog is fed"
pid=$(property MainPID)
fed=$(property WatchdogTimestampMonotonic)
fed_for_3s() { [ "$(property WatchdogTimestampMonotonic)" -gt $((fed + 3000000)) ]; }
within 10 fed_for_3s
must property_is MainPID "$pid"

echo "== SIGTERM: holders are told, and the daemon goes when they have let go"
systemctl stop --no-block redlockd.service
expect '\* DRAINING*'
say "unlock thing"
expect 'OK*'
within 10 property_is ActiveState inactive
must property_is Result success
hang_up

echo "== ... or at the end of drain_time; the keys stay until the announced deadline"
connect member
say "lock thing"
expect 'OK lock=thing fence=*'
systemctl stop --no-block redlockd.service
expect '\* DRAINING*'
expect '\* LOST lock=thing *'
within 10 property_is ActiveState inactive
must property_is Result success
hang_up
must_exit 75 as member redlock run -n thing -- true
must as member redlock run -w 30 thing -- true

echo "== The journal is searched by fields, as docs/operations.md says"
connect member
say "lock jobs max-hold=100ms"
expect '\* LOST lock=jobs *'
hang_up
found() { journalctl --no-pager "${@:2}" | grep -qE "$1"; }
within 10 found 'lock jobs .* was ended at its max-hold' -u redlockd REDLOCK_LOCK=jobs
within 10 found '"REDLOCK_LOCK" ?: ?"jobs"' -u redlockd REDLOCK_EVENT=lost -o json
within 10 found 'there is a quorum' -u redlockd REDLOCK_EVENT=no-quorum REDLOCK_EVENT=quorum
systemctl status redlockd --no-pager | grep -q "5 of 5 nodes up" || fail "no status line"

echo "== The service can be started at boot"
must systemctl enable --quiet redlockd.service
must systemctl is-enabled --quiet redlockd.service

echo "== A daemon that hangs is restarted by the watchdog"
pid=$(property MainPID)
kill -STOP "$pid"
within 20 property_is NRestarts 1
within 10 property_is ActiveState active
[ "$(property MainPID)" != "$pid" ] || fail "still the daemon that hung"
must as member redlock run -w 30 thing -- true

echo "== restart: holders and half a line go on with the new daemon, again and again"
connect member
say "lock held"
expect 'OK lock=held fence=*'
as member redlock run job -- sh -c 'echo started; sleep 3' >/tmp/job &
job=$!
within 10 grep -q started /tmp/job
for _ in 1 2 3; do
  pid=$(property MainPID)
  printf 'check ' >&"${session[1]}"
  must systemctl restart redlockd.service
  [ "$(property MainPID)" != "$pid" ] || fail "still the same daemon"
  must property_is NFileDescriptorStore 0
  say "held"
  expect 'OK lock=held fence=*'
done
must_exit 75 as member redlock run -n held -- true
must wait $job
say "unlock held"
expect 'OK lock=held fence=*'
hang_up
must as member redlock run -n held -- true

echo "== reload: a lock stays held, and what is in force is shown"
pid=$(property MainPID)
connect member
say "lock held"
expect 'OK lock=held fence=*'
cp /etc/redlockd/redlockd.yaml /tmp/before.yaml
echo "quorum_wait: 3s" >>/etc/redlockd/redlockd.yaml
must systemctl reload redlockd.service
in_force() { as admin redlock status | grep -qE "^$1 +$2\$"; }
within 10 in_force quorum_wait 3s
must property_is ActiveState active
must property_is MainPID "$pid"
say "check held"
expect 'OK lock=held fence=*'

echo "== reload: a bad file changes nothing, and is said"
echo "frob: 1" >>/etc/redlockd/redlockd.yaml
must_exit 78 as admin redlock reload
must systemctl reload redlockd.service
within 10 status_has "the last reload failed"
must in_force quorum_wait 3s
must property_is ActiveState active
cp /tmp/before.yaml /etc/redlockd/redlockd.yaml
must as admin redlock reload
must in_force quorum_wait 5s
must_exit 77 as member redlock reload
say "unlock held"
expect 'OK lock=held fence=*'
hang_up
must property_is MainPID "$pid"

echo "== However often it is killed, it comes back"
for _ in 1 2 3 4 5 6 7; do
  pid=$(property MainPID)
  kill -KILL "$pid"
  # 0: systemd has seen the end of the last one, and not started the next.
  new_daemon() {
    local now
    now=$(property MainPID)
    [ "$now" != 0 ] && [ "$now" != "$pid" ] && property_is ActiveState active
  }
  within 20 new_daemon
done
must as member redlock run -w 30 thing -- true

echo "== ... also where each start fails and a client waits; then it serves that client"
cp /etc/redlockd/redlockd.yaml /tmp/good.yaml
echo "lease: [" >/etc/redlockd/redlockd.yaml
systemctl stop redlockd.service
as member redlock ping &
client=$!
failed_starts() { journalctl --no-pager -o cat -u redlockd.service | grep -c "expected YAML"; }
has_failed() { [ "$(failed_starts)" -ge "$1" ]; }
within 20 has_failed 3
[ "$(failed_starts)" -le 10 ] || fail "it is started again too fast"
[ "$(systemctl show --value -p ActiveState redlockd.socket)" = active ] || fail "the socket has ended"
cp /tmp/good.yaml /etc/redlockd/redlockd.yaml
wait $client || fail "the client that waited was not served"

echo "== Another user cannot keep the daemon from starting"
systemctl stop redlockd.service
as stranger flock /run/redlockd sleep 60 &
must as member redlock ping

echo "== It is not the one that the kernel kills, and leaves no core file"
must [ "$(property OOMScoreAdjust)" = -900 ]
must [ "$(property LimitCORE)" = 0 ]

echo "== Stopping the socket stops everything"
must systemctl stop redlockd.socket redlockd.service
must_exit 69 as member redlock ping
journalctl --no-pager -o cat -u redlockd.service | grep -E 'Sanitizer|runtime error' && fail "sanitizer"
echo "== Done"
