# bash completion for redlock(1)

_redlock_locks() {
  local names
  names=$(timeout 1 redlock "${socket[@]}" list 2>/dev/null | awk 'NR > 1 && NF > 2 { print $1 }')
  mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
}

_redlock() {
  local cur prev words cword
  _init_completion || return
  local commands='run list show nodes stats ping help'
  local values='--socket -w --wait --timeout -E --conflict-exit-code -c --command --ttl --max-hold
    --kill-after --note'
  local socket=() command='' operands=0 first=0 i
  # What stands before the cursor: the command, and how many operands it has got.
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --socket) socket=(--socket "${words[i + 1]}"); ((i++)) ;;
      --)
        ((first = i + 1))
        break
        ;;
      -*) [[ " ${values//$'\n'/ } " == *" ${words[i]} "* ]] && ((i++)) ;;
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
    -c | --command) mapfile -t COMPREPLY < <(compgen -c -- "$cur"); return ;;
    -w | --wait | --timeout | -E | --conflict-exit-code | --note) return ;;
    --ttl | --max-hold | --kill-after)
      mapfile -t COMPREPLY < <(compgen -W '1s 5s 10s 30s 1m' -- "$cur")
      return
      ;;
  esac
  if [[ $cur == -* ]]; then
    local options
    case $command in
      '') options='--socket --version --help' ;;
      run)
        options='--nonblock --wait --conflict-exit-code --command --close --quiet --verbose --ttl --max-hold
          --kill-after --note --help'
        ;;
      nodes) options='--json --trust-empty --adopt --socket --help' ;;
      help) options='--help' ;;
      *) options='--json --socket --help' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  case $command in
    '' | help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    show) ((operands == 0)) && _redlock_locks ;;
    run) if ((operands == 0)); then _redlock_locks; else _command_offset "$cword"; fi ;;
  esac
} && complete -F _redlock redlock
