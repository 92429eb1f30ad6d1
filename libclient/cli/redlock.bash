# bash completion for redlock(1)
#
# Lock names are other people's bytes. None may reach `compgen -W`, `eval` or anything else that
# expands what it gets: what stands here only compares, and quotes what is put on the command line.

# Offers those of the words that begin with the current one.
_redlock_offer() {
  local word
  for word; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}

# Whether a name holds what turns the direction of text on a terminal, which `printf %q` lets pass.
_redlock_turns_text() {
  local LC_ALL=C
  [[ $1 == *$'\xe2\x80'[$'\x8e\x8f\xa8'-$'\xae']* || $1 == *$'\xe2\x81'[$'\xa6'-$'\xa9']* ||
    $1 == *$'\xd8\x9c'* ]]
}

# Offers the names of locks. Left out are a name whose quoted form is $'...' (control characters, no
# UTF-8), every name after an opening quote (the two kinds of quotes do not go together), and one
# that would be taken for an option.
_redlock_locks() {
  local name quoted
  [[ $cur == *[\'\"]* ]] && return
  while IFS= read -r -d '' name; do
    printf -v quoted %q "$name"
    [[ $quoted == \$* ]] || _redlock_turns_text "$name" && continue
    [[ $name == -* && -z $options_ended ]] && continue
    [[ $quoted == "$cur"* || $name == "$cur"* ]] && COMPREPLY+=("$quoted")
  done < <(timeout 1 redlock "${socket[@]}" list --null 2>/dev/null)
  # A name may hold a colon, at which readline begins a new word.
  [[ $cur == *:* ]] && __ltrim_colon_completions "$cur"
}

_redlock() {
  local cur prev words cword
  _init_completion -n : || return
  local commands=(run list show watch top break nodes health stats status reload ping help)
  local values=' --socket -w --wait --timeout -E --conflict-exit-code -c --command --ttl --max-hold --min-hold
    --kill-after --note --also --fence --owner --interval '
  local socket=() command='' options_ended='' operands=0 first=0 i
  # What stands before the cursor: the command, and how many operands it has got.
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --socket) socket=(--socket "${words[i + 1]}"); ((i++)) ;;
      --)
        options_ended=yes
        ((operands > 0)) && first=$((i + 1)) && break
        ;;
      -*) [[ ${values//$'\n'/ } == *" ${words[i]} "* ]] && ((i++)) ;;
      *)
        if [[ -z $command ]]; then
          command=${words[i]}
        elif ((++operands == 2)) && [[ $command == run ]]; then
          first=$i
          break
        fi
        ;;
    esac
  done

  if [[ $command == run ]] && ((first > 0)); then
    _command_offset "$first"
    return
  fi
  case $prev in
    --socket) _filedir; return ;;
    --also) _redlock_locks; return ;;
    -c | --command) mapfile -t COMPREPLY < <(compgen -c -- "$cur"); return ;;
    -w | --wait | --timeout | -E | --conflict-exit-code | --note | --fence | --owner) return ;;
    --ttl | --max-hold | --min-hold | --kill-after | --interval) _redlock_offer 1s 5s 10s 30s 1m; return ;;
  esac
  if [[ $cur == -* && -z $options_ended ]]; then
    case $command in
      '') _redlock_offer --socket --version --help ;;
      run)
        _redlock_offer --nonblock --wait --conflict-exit-code --command --close --exclusive --shared --quiet \
          --verbose --ttl --max-hold --min-hold --kill-after --note --also --socket --help
        ;;
      list) _redlock_offer --json --null --socket --help ;;
      break) _redlock_offer --fence --owner --now --json --socket --help ;;
      nodes) _redlock_offer --json --trust-empty --adopt --socket --help ;;
      top) _redlock_offer --interval --socket --help ;;
      health) _redlock_offer --timeout --json --socket --help ;;
      help) _redlock_offer --socket --help ;;
      *) _redlock_offer --json --socket --help ;;
    esac
    return
  fi
  case $command in
    '' | help) _redlock_offer "${commands[@]}" ;;
    show | break) ((operands == 0)) && _redlock_locks ;;
    watch) _redlock_locks ;;
    run) if ((operands == 0)); then _redlock_locks; else _command_offset "$cword"; fi ;;
  esac
} && complete -F _redlock redlock
