#!/bin/bash
# install_test.sh CMAKE BUILD STAGE: installs BUILD into STAGE, and looks whether everything is where
# Debian wants it and nothing else is there.
set -euo pipefail
cmake=$1 build=$2 stage=$3

rm -rf "$stage"
DESTDIR=$stage "$cmake" --install "$build" >/dev/null

# LIB stands for /usr/lib/x86_64-linux-gnu or its like, BUILD for the kind of build.
diff -u - <(cd "$stage" && find . -not -type d | sed -E \
  -e 's#^\./##' \
  -e 's#^usr/lib/[a-z0-9_]+-linux-gnu[a-z0-9]*/#LIB/#' \
  -e 's#-targets-[a-z]+#-targets-BUILD#' \
  -e 's#\.so\.[0-9]+\.[0-9]+\.[0-9]+$#.so.VERSION#' | LC_ALL=C sort) <<'END'
LIB/cmake/redlock/redlock-config-version.cmake
LIB/cmake/redlock/redlock-config.cmake
LIB/cmake/redlock/redlock-static-targets-BUILD.cmake
LIB/cmake/redlock/redlock-static-targets.cmake
LIB/cmake/redlock/redlock-targets-BUILD.cmake
LIB/cmake/redlock/redlock-targets.cmake
LIB/libredlock.a
LIB/libredlock.so
LIB/libredlock.so.0
LIB/libredlock.so.VERSION
LIB/pkgconfig/redlock.pc
etc/redlockd/redlockd.yaml
usr/bin/redlock
usr/include/redlock/client.hpp
usr/include/redlock/mutex.hpp
usr/include/redlock/redlock.h
usr/include/redlock/redlock.hpp
usr/include/redlock/session.h
usr/include/redlock/session.hpp
usr/lib/systemd/system/redlockd.service
usr/lib/systemd/system/redlockd.socket
usr/lib/sysusers.d/redlockd.conf
usr/lib/tmpfiles.d/redlockd.conf
usr/sbin/redlockd
usr/share/bash-completion/completions/redlock
usr/share/doc/redlockd/examples/asio.cc
usr/share/doc/redlockd/examples/blocking.c
usr/share/doc/redlockd/examples/event_loop.c
usr/share/doc/redlockd/examples/far-nodes.yaml
usr/share/doc/redlockd/examples/fenced_counter.cc
usr/share/doc/redlockd/examples/libevent.c
usr/share/doc/redlockd/examples/one-node.yaml
usr/share/doc/redlockd/examples/sd_event.c
usr/share/doc/redlockd/examples/session.cc
usr/share/doc/redlockd/examples/three-nodes.yaml
usr/share/doc/redlockd/examples/transfer.cc
usr/share/doc/redlockd/prometheus/alerts.yaml
usr/share/doc/redlockd/prometheus/dashboard.json
usr/share/fish/vendor_completions.d/redlock.fish
usr/share/man/man1/redlock.1
usr/share/man/man3/redlock.3
usr/share/man/man5/redlockd.yaml.5
usr/share/man/man8/redlockd.8
usr/share/zsh/site-functions/_redlock
END

# scdoc writes more .PP than mandoc likes; nothing else may be wrong with the pages.
if mandoc -T lint -W warning "$stage"/usr/share/man/man*/* | grep -v 'skipping paragraph macro: PP'; then
  exit 1
fi

# What the administrator made of the configuration survives the next installation.
echo '# mine' >>"$stage/etc/redlockd/redlockd.yaml"
DESTDIR=$stage "$cmake" --install "$build" >/dev/null
grep -q '# mine' "$stage/etc/redlockd/redlockd.yaml"

# With another prefix everything is below that, what is there names its own paths, and it may be moved.
before=$(mktemp "${TMPDIR:-/tmp}/redlockd-install.XXXXXX")
prefix=$(mktemp -d "${TMPDIR:-/tmp}/redlockd-install.XXXXXX")
trap 'rm -rf "$before" "$prefix"' EXIT
"$cmake" --install "$build" --prefix "$prefix/opt" >/dev/null
source=$(cd "$(dirname "$0")/../.." && pwd -P)
outside=$(find /etc /usr /opt /var/lib -xdev -path '*redlock*' -not -path "$source/*" \
  -not -path "$(realpath "$build")/*" -newer "$before")
[ -z "$outside" ] || { echo "installed outside of the prefix: $outside"; exit 1; }
grep -q "^ExecStart=$prefix/opt/sbin/redlockd --config $prefix/opt/etc/redlockd/redlockd.yaml\$" \
  "$prefix/opt/lib/systemd/system/redlockd.service"
grep -q "^d $prefix/opt/etc/redlockd " "$prefix/opt/lib/tmpfiles.d/redlockd.conf"
[ -e "$prefix/opt/etc/redlockd/redlockd.yaml" ]
grep -q "^ExecStart=/usr/sbin/redlockd --config /etc/redlockd/redlockd.yaml\$" "$stage/usr/lib/systemd/system/redlockd.service"
mv "$prefix/opt" "$prefix/moved"
"$prefix/moved/bin/redlock" --version

# Also below /opt, of which others keep the configuration in /etc/opt.
DESTDIR=$prefix/stage "$cmake" --install "$build" --prefix /opt/lock >/dev/null
[ "$(cd "$prefix/stage" && find . -maxdepth 2 -mindepth 2)" = ./opt/lock ]
[ -e "$prefix/stage/opt/lock/etc/redlockd/redlockd.yaml" ]

# Each file is of one component.
for component in daemon client library development; do
  "$cmake" --install "$build" --prefix "$prefix/parts" --component "$component" >/dev/null
  "$cmake" --install "$build" --prefix "$prefix/$component" --component "$component" >/dev/null
done
diff <(cd "$prefix/moved" && find . -type f | LC_ALL=C sort) <(cd "$prefix/parts" && find . -type f | LC_ALL=C sort)
list() { (cd "$prefix/$1" && find . -not -type d | sed -E 's#.*/##; s#\.so\.[0-9.]+$#.so.VERSION#' | LC_ALL=C sort | paste -sd ' '); }
[ "$(list library)" = "libredlock.so.VERSION libredlock.so.VERSION" ] || { echo "library: $(list library)"; exit 1; }
[ "$(list client)" = "_redlock redlock redlock redlock.1 redlock.fish" ] || { echo "client: $(list client)"; exit 1; }
