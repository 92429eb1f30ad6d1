#!/bin/bash
# links.sh ROOT: every relative link of the papers leads to a file.
set -euo pipefail
cd "$1"
code=0
while IFS=: read -r paper link; do
  target=${link#*](}
  target=${target%)}
  target=${target%%#*}
  case $target in
    '' | http*) ;;
    *) [ -e "$(dirname "$paper")/$target" ] || { echo "$paper: no $target"; code=1; } ;;
  esac
done < <(find . -name '*.md' -not -path './build/*' -exec grep -Ho '\]([^) ]*)' {} +)
exit $code
