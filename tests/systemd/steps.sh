# What the scripts that run in a booted systemd share: they source it.
# shellcheck shell=bash

fail() {
  echo "FAILED: $1"
  systemctl status --no-pager --full redlockd.socket redlockd.service
  journalctl --no-pager -o cat -u redlockd.service
  exit 1
}
# within SECONDS COMMAND...: waits until COMMAND succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "in vain: $*"
    sleep 0.02
  done
}
must() { "$@" || fail "$*"; }
as() { runuser -u "$1" -- "${@:2}"; }
