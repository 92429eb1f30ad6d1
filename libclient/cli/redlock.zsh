#compdef redlock
# zsh completion for redlock(1)
#
# Lock names are other people's bytes. compadd quotes what it puts on the command line; left out is what
# a terminal or the command would take for something else.

# Whether a name holds what turns the direction of text on a terminal.
_redlock_turns_text() {
  setopt localoptions no_multibyte
  [[ $1 == *$'\xe2\x80'[$'\x8e\x8f\xa8'-$'\xae']* || $1 == *$'\xe2\x81'[$'\xa6'-$'\xa9']* ||
    $1 == *$'\xd8\x9c'* ]]
}

_redlock_locks() {
  local name
  local -a socket names
  : ${opt_args[--socket]:=$before[--socket]}
  [[ -n ${opt_args[--socket]} ]] && socket=(--socket ${(Q)opt_args[--socket]})
  for name in ${(0)"$(timeout 1 redlock $socket list --null 2>/dev/null)"}; do
    # Quoted as $'...' are control characters and bytes that are no UTF-8.
    [[ ${(q+)name} == *\$\'* ]] || _redlock_turns_text $name && continue
    [[ $name == -* && ${words[(i)--]} -ge CURRENT ]] && continue
    names+=($name)
  done
  compadd "$@" -a names
}

_redlock_durations() { compadd "$@" 1s 5s 10s 30s 1m }

_redlock_commands() {
  local -a commands=(
    'run:run a command while holding a lock'
    'list:list what this host holds and waits for'
    'show:show who holds a lock'
    'watch:print what happens to locks'
    'top:show locks, nodes and rates, live'
    "break:end another's hold of a lock"
    'nodes:show the Redis nodes and their health'
    'health:check whether locks can be taken'
    'stats:print counters of the daemon'
    'status:show which configuration is in force'
    'reload:have the daemon read its configuration again'
    'ping:check whether the daemon answers'
    'help:print help for one command or for all'
  )
  _describe command commands
}

_redlock() {
  local curcontext=$curcontext context state line
  local -A opt_args
  local -a any=(
    '--socket=[the socket of the daemon]:socket:_files'
    '(-h --help)'{-h,--help}'[print help and exit]'
  )
  local -a query=($any '--json[print JSON]')
  _arguments -C -S $any '(-V --version)'{-V,--version}'[print the version and exit]' \
    '1:command:_redlock_commands' '*::argument:->arguments' && return
  [[ $state == arguments ]] || return
  local -A before=(${(kv)opt_args})  # the options before the command
  curcontext=${curcontext%:*}-$line[1]:
  case $line[1] in
    run)
      _arguments -S $any \
        '(-n --nonblock)'{-n,--nonblock}'[do not wait]' \
        '(-w --wait)'{-w,--wait=}'[wait for at most this time]:duration:_redlock_durations' \
        '(-E --conflict-exit-code)'{-E,--conflict-exit-code=}'[exit code if another process holds the lock]:code:' \
        '(-c --command)'{-c,--command=}'[run this with the shell]:command:_command_names -e' \
        '(-o --close)'{-o,--close}"[do not pass on the lock's socket]" \
        '(-x -e --exclusive)'{-x,--exclusive}'[take an exclusive lock]' \
        '(-s --shared)'{-s,--shared}'[take a shared lock]' \
        '(-q --quiet)'{-q,--quiet}'[print no messages]' \
        '(-v --verbose)'{-v,--verbose}'[print what happens]' \
        '--ttl=[how long the lock outlives this host]:duration:_redlock_durations' \
        '--max-hold=[release the lock after this time]:duration:_redlock_durations' \
        '--min-hold=[keep the lock for this time]:duration:_redlock_durations' \
        '--kill-after=[how long before the deadline SIGTERM is sent]:duration:_redlock_durations' \
        '--note=[a note for people]:note:' \
        '*--also=[take this lock too]:lock:_redlock_locks' \
        '1:lock:_redlock_locks' '*:::command:_normal'
      ;;
    list) _arguments -S $query '(-0 --null)'{-0,--null}'[print only names, each ended by a NUL byte]' ;;
    show) _arguments -S $query '1:lock:_redlock_locks' ;;
    watch) _arguments -S $query '*:lock:_redlock_locks' ;;
    break)
      _arguments -S $query '1:lock:_redlock_locks' \
        '(--owner --now)--fence=[the hold with this fence]:fence:' \
        '(--fence)--owner=[the hold of this owner]:owner:' \
        '(--fence)--now[free the lock at once]'
      ;;
    nodes)
      _arguments -S $query '--trust-empty[end the quarantine of a new set of nodes]' \
        "--adopt[write this daemon's settings to the nodes]"
      ;;
    top) _arguments -S $any '--interval=[how often to look]:duration:_redlock_durations' ;;
    health) _arguments -S $query '--timeout=[how long to wait for the daemon]:duration:_redlock_durations' ;;
    help) _arguments -S $any '1:command:_redlock_commands' ;;
    *) _arguments -S $query ;;
  esac
}

_redlock "$@"
