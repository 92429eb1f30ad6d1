#!/bin/bash
# Runs as root in a booted systemd: the life of the packages in /packages, and of those in /next, which are
# later.
set -u
export DEBIAN_FRONTEND=noninteractive

# shellcheck source=tests/systemd/steps.sh
. /steps.sh

unit_is() { [ "$(systemctl show --value -p "$2" "redlockd.$1")" = "$3" ]; }
installed() { dpkg-query -W -f '${Version}' "$1"; }
# In the one order that dpkg needs: it configures what is there already first.
install_all() { must dpkg --install --force-downgrade --force-confold "$1"/*.deb; }

rm -f /usr/sbin/policy-rc.d  # the machine's own, so that nothing starts in its chroots
must useradd --no-create-home member
ls /lib/*/libredlock.so.0 2>/dev/null && fail "libredlock is there before it is installed"

echo "== A fresh installation runs nothing, as it knows no nodes"
install_all /packages
must unit_is socket ActiveState inactive
must unit_is service ActiveState inactive
must unit_is socket UnitFileState disabled
must getent passwd redlockd
must getent group redlock
must getent group redlock-admin
must [ "$(stat -c '%a %U %G' /etc/redlockd)" = "750 root redlockd" ]
must [ "$(redlockd --version | cut -d' ' -f2)" = "$(installed redlockd | sed 's/-.*//')" ]

echo "== What the packages' own tests say"
for test in daemon library python; do must "/autopkgtest/$test"; done

echo "== The administrator names the nodes, and enables the socket"
for port in 7001 7002 7003; do
  redis-server --port $port --bind 127.0.0.1 --save '' --dir /tmp >/dev/null &
done
cat >/etc/redlockd/redlockd.yaml <<'END'
nodes:
  - address: 127.0.0.1:7001
  - address: 127.0.0.1:7002
  - address: 127.0.0.1:7003
END
must usermod --append --groups redlock member
must as redlockd redlockd --check-config >/dev/null
must systemctl enable --quiet --now redlockd.socket
must redlock nodes --trust-empty
within 60 redlock health

echo "== An upgrade leaves the daemon running, and a job its lock"
as member redlock run job -- sleep 1000 &
job=$!
held() { redlock show job | grep -q "held"; }
within 60 held
daemon=$(systemctl show --value -p MainPID redlockd.service)
before=$(installed redlockd)
install_all /next
must dpkg --compare-versions "$(installed redlockd)" gt "$before"
must unit_is service MainPID "$daemon"
must kill -0 $job
must held
must grep -q 127.0.0.1:7002 /etc/redlockd/redlockd.yaml

echo "== The restart is the administrator's"
kill $job
wait $job
must systemctl restart redlockd.service
unit_is service MainPID "$daemon" && fail "still the daemon of before"
must as member redlock run -w 30 job -- true

echo "== The version of before can be installed again"
install_all /packages
must [ "$(installed redlockd)" = "$before" ]
must systemctl restart redlockd.service
must as member redlock run -w 30 job -- true

echo "== Removed, it runs no more, and what the administrator wrote stays"
must dpkg --remove redlockd
must unit_is service ActiveState inactive
must unit_is socket ActiveState inactive
must [ -e /etc/redlockd/redlockd.yaml ]
[ ! -e /usr/sbin/redlockd ] || fail "redlockd is still there"

echo "== Installed again, it is as it was"
install_all /packages
must systemctl start redlockd.socket
must as member redlock run -w 30 job -- true

echo "== Purged, it leaves nothing"
must dpkg --purge redlockd redlock libredlock-dev libredlock0 python3-redlockd
must unit_is socket ActiveState inactive
left=$(find /etc /usr /run /var/lib/systemd -xdev -path '*redlock*' -not -path '/usr/src/*')
[ -z "$left" ] || fail "left behind: $left"
echo "== Done"
