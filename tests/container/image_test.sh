#!/bin/bash
# image_test.sh TREE: makes the image of config/container/Containerfile without a container engine, and runs it.
#
# Each stage begins as a copy of TREE, a Debian as debootstrap makes it. COPY copies, RUN runs in a chroot, and
# USER and ENTRYPOINT say how the daemon is started. Needs root, redis-server, and the mirror of TREE.
set -euo pipefail
[ -n "${PRIVATE_MOUNTS-}" ] || PRIVATE_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
base=$(realpath "$1")
cd "$(dirname "$0")/../.."

# shellcheck source=tests/container/steps.sh
. tests/container/steps.sh
finish() {
  local code=$?
  end_all $code
  for root in "$work"/*/; do umount -R "$root"/{proc,dev,tmp} 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
  exit $code
}
trap finish EXIT

# begin NAME: a stage of this name, at $root.
begin() {
  root=$work/$1
  cp -a "$base" "$root"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
}

# copy FROM TO: a file, or what is in a directory.
copy() {
  if [ -d "$1" ]; then
    mkdir -p "$root$2"
    tar -C "$1" --exclude=./build --exclude=./.git -c . | tar -C "$root$2" -x
  else
    install -D "$1" "$root$2"
  fi
}

in_root() {
  chroot "$root" env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

user='' entrypoint='' stages=0
step() {
  echo "== $1 ${2%%&&*}"
  # shellcheck disable=SC2086  # words
  case $1 in
    FROM) begin "$(sed -n 's/.* AS //p' <<<"$2" | grep . || echo "stage-$stages")"; stages=$((stages + 1)) ;;
    COPY)
      set -- $2
      case $1 in
        --from=*) copy "$work/${1#--from=}$2" "$3" ;;
        *) copy "$1" "$2" ;;
      esac
      ;;
    RUN) in_root bash -c "$2" >"$work/run.log" 2>&1 ;;
    USER) user=$2 ;;
    ENTRYPOINT) entrypoint=${2//[\[\]\"]/} ;;
    *) fail "the Containerfile has $1: expected FROM, COPY, RUN, USER or ENTRYPOINT" ;;
  esac
}
# A line that ends in a backslash goes on in the next one.
while read -r -u 3 word rest; do
  step "$word" "$rest"
done 3< <(grep -v '^#' config/container/Containerfile | sed -e ':a' -e '/\\$/N; s/\\\n *//; ta' -e '/^$/d')

echo "== Running it, as user $user"
redis-server --port 0 --unixsocket "$root/tmp/node.sock" --unixsocketperm 777 --save '' --dir "$work" >"$work/node.log" &
started+=($!)
chroot --userspec="$user" "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  REDLOCKD_NODES=unix:/tmp/node.sock "$entrypoint" >"$work/daemon.log" 2>&1 &
daemon=$!
started+=("$daemon")
takes_a_lock_and_stops "$daemon" in_root redlock
