#!/bin/bash
# width.sh ROOT: the running text of papers and man pages has at most 120 columns. Tables, code, headings and links may
# be wider.
set -euo pipefail
cd "$1"
mapfile -t papers < <(find . \( -name build -o -name node_modules -o -name .git \) -prune -o \
  \( -name '*.md' -o -name '*.scd' \) -print | LC_ALL=C sort)
awk '
  FNR == 1 { in_code = 0 }
  /^ *```/ { in_code = !in_code }
  in_code || /^ *[|:#[]/ || /^    / { next }
  length > 120 { print FILENAME ":" FNR ": expected at most 120 columns, found " length; is_wrong = 1 }
  END { exit is_wrong }' "${papers[@]}"
