#!/bin/bash
# boot.sh FILES OUT: boots a real systemd over this machine's own tree, without touching it.
#
# PID 1 runs in namespaces of its own (processes, mounts, network, cgroups, host name, IPC), on a
# copy-on-write view of / that is thrown away. FILES/ is laid over that view; its /test.sh, which may
# source /steps.sh, runs once the system is up, with OUT/ mounted at /out and its output in OUT/test.log. The system ends with
# test.sh, whose exit status becomes ours. 77, with the reason, where this cannot be done.
set -euo pipefail
files=$(realpath "$1")
out=$(realpath "$2")
steps=$(realpath "$(dirname "$0")/steps.sh")
export files out steps

skip() {
  echo "SKIPPED: $1"
  exit 77
}
[ "$(id -u)" -eq 0 ] || skip "booting a systemd takes root"

namespaces=(unshare --pid --fork --kill-child --mount --propagation private --cgroup --uts --ipc --net)
# shellcheck disable=SC2016  # for the inner shell
"${namespaces[@]}" bash -c 'mount -t tmpfs none /mnt && mkdir /mnt/{upper,work,root} &&
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work none /mnt/root &&
  [ -x /mnt/root/lib/systemd/systemd ]' 2>"$out/namespaces.log" ||
  skip "no namespaces or no overlay over / here: $(tail -n 1 "$out/namespaces.log")"

# A cgroup of its own becomes the root of what the inner systemd manages.
cgroups=/sys/fs/cgroup
[ ! -d $cgroups/unified ] || cgroups=$cgroups/unified
cgroup=$cgroups/redlockd-test.$$
mkdir "$cgroup" 2>/dev/null || skip "no cgroup can be made under $cgroups"
echo $$ >"$cgroup/cgroup.procs"
leave_cgroup() {
  echo $$ >$cgroups/cgroup.procs
  find "$cgroup" -depth -type d -exec rmdir {} + || true
}
trap leave_cgroup EXIT

# Runs inside, with an empty tree of mounts to build.
# shellcheck disable=SC2317
build_tree_and_boot() {
  mount -t tmpfs none /mnt
  mkdir /mnt/{upper,work,root}
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work none /mnt/root
  cd /mnt/root

  mount -t proc none proc
  mount --bind -o ro proc/sys proc/sys  # kernel settings are this machine's
  mount -t sysfs -o ro none sys
  mount -t cgroup2 none sys/fs/cgroup
  for dir in run dev tmp; do mount -t tmpfs -o mode=755 none $dir; done
  chmod 1777 tmp
  for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
  mount -t tmpfs none dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd

  mkdir -p out old
  mount --bind "$out" out
  cp -a "$files/." .
  cp "$steps" steps.sh
  # An identity of its own, and none of the services that this machine starts at boot.
  tr -d - <proc/sys/kernel/random/uuid >etc/machine-id
  rm -rf etc/systemd/system/*.wants
  cat >etc/systemd/system/test.service <<'END'
[Unit]
Requires=basic.target
After=basic.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /test.sh
KillSignal=SIGKILL
StandardOutput=append:/out/test.log
StandardError=append:/out/test.log
END

  pivot_root . old
  umount -l old
  exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=test.service --log-target=console --show-status=0 </dev/null
}
export -f build_tree_and_boot

timeout -k 5 "${BOOT_TIMEOUT:-100}" "${namespaces[@]}" \
  bash -euc build_tree_and_boot >"$out/console.log" 2>&1 || exit $?
