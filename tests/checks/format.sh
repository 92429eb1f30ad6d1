#!/bin/bash
# format.sh CLANG_FORMAT: the sources of the tree we stand in look as .clang-format says.
set -euo pipefail
find . -path ./build -prune -o -type f \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cc' \) -print0 |
  xargs -0 "$1" --dry-run -Werror
