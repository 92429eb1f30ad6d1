#!/bin/bash
# clean_checkout.sh REPOSITORY: in a checkout where nothing was ever built, each script gets as far as its
# first build. A cmake that only says that it was called stands in for the real one.
set -euo pipefail
cd "$1"

place=$(mktemp -d "${TMPDIR:-/tmp}/redlockd-checkout.XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir "$place/bin" "$place/tree"
# Without git, which a machine that has a release, or a copy, need not have.
find . \( -name build -o -name .git \) -prune -o \( -type f -o -type l \) -print0 |
  xargs -0 cp -P --parents -t "$place/tree" --
printf '#!/bin/sh\necho "cmake was called"\nexit 1\n' >"$place/bin/cmake"
printf '#!/bin/sh\n' >"$place/tree/scripts/install-packages"
chmod +x "$place/bin/cmake" "$place/tree/scripts/install-packages"

code=0
cd "$place/tree"
while read -r -a command; do
  rm -rf build
  PATH=$place/bin:$PATH "scripts/${command[0]}" "${command[@]:1}" >"$place/output" 2>&1 </dev/null || true
  grep -qF 'cmake was called' "$place/output" && continue
  echo "scripts/${command[*]} does not get as far as its first build:"
  tail -n 5 "$place/output"
  code=1
done <<'END_OF_COMMANDS'
test --preset debug
test -R nothing
fuzz --seconds 1
sim --seeds 1
sim --mutations
coverage
bench --quick
faults --seconds 1
quickstart
END_OF_COMMANDS
exit $code
