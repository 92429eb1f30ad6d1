#!/bin/bash
# format.sh ROOT: the sources look as .clang-format says. Each version of clang-format lays some things
# out in its own way, so one version judges: that of Debian 12.
set -euo pipefail
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format) || { echo "no clang-format"; exit 77; }
version=$("$format" --version)
[[ $version == *' version 14.'* ]] || { echo "expected clang-format 14, found $version"; exit 77; }
find . -name build -prune -o -type f \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cc' \) -print0 |
  xargs -0 "$format" --dry-run -Werror
