#!/bin/bash
# arrows.sh ROOT: fails if a room includes what it must not know. The tables are the rule; a room is
# a folder, and a file belongs to the longest room that its path begins with.
set -euo pipefail
cd "$1"

# Room, and the other rooms whose headers it may include: those that it does include, and base.
# (host knows engine for what engine asks of a host: the type of its time, and its source of
# randomness. The command line and the examples know the library as any other program does, by its
# public headers.)
may_include='
base             :
protocol         : base
config           : base protocol
libclient        : base protocol
libclient/cli    : base protocol
libclient/examples :
daemon/engine    : base
daemon/event     : base
daemon/redis     : base daemon/event daemon/engine
daemon/session   : base daemon/event daemon/engine protocol
daemon/state     : base daemon/engine daemon/session
daemon/host      : base daemon/engine protocol config
daemon/dev       : base
daemon/metrics   : base daemon/engine
daemon/status    : base daemon/engine daemon/metrics daemon/session protocol
daemon/app       : base daemon/event daemon/engine daemon/redis daemon/session daemon/state daemon/host daemon/dev daemon/metrics daemon/status protocol config
'

# Library, by the beginning of its headers' names, and the only rooms that know it.
only_in='
event2/          : daemon/event libclient/examples
hiredis          : daemon/redis daemon/dev
openssl/         : daemon/event
yaml-cpp/        : config
systemd/         : daemon/host libclient/examples
CLI/             : daemon/app
spdlog/          : daemon/host
nlohmann/        : libclient/cli daemon/status
boost/           : libclient/examples
'

find base protocol config libclient daemon -name '*.h' -o -name '*.hpp' -o -name '*.cc' -o -name '*.c' |
  sort | xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' /dev/null |
  awk -v may_include="$may_include" -v only_in="$only_in" '
    function load(text, table,    lines, n, i, at) {
      n = split(text, lines, "\n")
      for (i = 1; i <= n; i++)
        if (at = index(lines[i], ":")) {
          key = substr(lines[i], 1, at - 1); gsub(/ /, "", key)
          table[key] = substr(lines[i], at + 1) " "
        }
    }
    # The longest key of the table with which path begins; after it, end must follow.
    function longest_prefix(path, table, end,    key, best) {
      for (key in table)
        if (index(path, key end) == 1 && length(key) > length(best)) best = key
      return best
    }
    BEGIN { load(may_include, rooms); load(only_in, libraries) }
    {
      split($0, part, ":"); file = part[1]; where = part[1] ":" part[2]
      match($0, /["<][^">]*[">]/); header = substr($0, RSTART + 1, RLENGTH - 2)
      from = longest_prefix(file, rooms, "/"); to = longest_prefix(header, rooms, "/")
      if (from == "") { print where ": this folder is in no room of tests/checks/arrows.sh"; bad = 1 }
      else if (to != "" && to != from && index(rooms[from], " " to " ") == 0) {
        print where ": " from " must not include " header " (of " to ")"; bad = 1
      }
      library = longest_prefix(header, libraries, "")
      if (library != "" && index(libraries[library], " " from " ") == 0) {
        print where ": <" header "> belongs in" libraries[library] "only, not in " from; bad = 1
      }
      if ($0 ~ /"/ && to == "") {
        print where ": \"" header "\" is not rooted at the repository"; bad = 1
      }
    }
    END { exit bad }'
