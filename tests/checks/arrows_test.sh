#!/bin/bash
# Shows that arrows.sh can fail: one file for each kind of wrong include, and one right one.
set -euo pipefail
arrows=$(cd "$(dirname "$0")" && pwd)/arrows.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{base,protocol,config,libclient/cli,daemon/engine,daemon/session,daemon/stray}

# expect pass|fail FILE INCLUDE
expect() {
  echo "#include $3" >"$tree/$2"
  local got=pass
  "$arrows" "$tree" || got=fail
  rm "$tree/$2"
  [ "$got" = "$1" ] || { echo "$2 with '#include $3': expected $1, got $got"; exit 1; }
}

expect pass daemon/session/a.cc '"daemon/engine/events.h"'
expect pass libclient/cli/a.cc '"protocol/name.h"'
expect pass libclient/cli/a.cc '<redlock/redlock.h>'
expect pass daemon/engine/a.h '<vector>'
expect pass daemon/engine/a.h '"base/check.h"'
expect fail base/a.h '"protocol/request.h"'
expect fail daemon/engine/a.h '"protocol/request.h"'
expect fail daemon/session/a.cc '"daemon/redis/node.h"'
expect fail daemon/session/a.cc '"config/config.h"'
expect fail libclient/cli/a.cc '"libclient/client.h"'
expect fail libclient/a.cc '"daemon/engine/events.h"'
expect fail protocol/a.h '"libclient/client.h"'
expect fail protocol/a.h '<libclient/client.h>'
expect fail config/a.h '<event2/event.h>'
expect fail daemon/engine/a.h '"events.h"'
expect fail daemon/stray/a.h '<vector>'
