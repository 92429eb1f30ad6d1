#!/bin/bash
# completion.sh: no shell script of the tree we stand in expands data. `compgen -W` and `complete -W`
# run what stands in their words ($(...), for one), and names are other users' bytes: each must have a
# literal in single quotes. `eval` must not stand in a completion at all.
set -euo pipefail
files=$(grep -rlE --include='*.bash' --include='*.sh' --include='redlock*' --exclude-dir=build --exclude-dir=.git \
  '(compgen|complete|compadd)[[:space:]]' "${1:-.}" | grep -v '/completion\(_test\)\?\.sh$' || true)
code=0
for file in $files; do
  # What is right is taken away first; a -W that is left is wrong.
  if sed -E "s/-W '[^']*'([[:space:])]|\$)//g" "$file" |
    grep -nE '^[^#]*(compgen|complete)[[:space:]].*-W'; then
    echo "$file: expected a literal in single quotes after -W"
    code=1
  fi
  if grep -nE '^[^#]*\<eval\>' "$file"; then
    echo "$file: expected no eval in a completion"
    code=1
  fi
done
exit $code
