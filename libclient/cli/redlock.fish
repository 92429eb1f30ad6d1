# fish completion for redlock(1)
#
# Lock names are other people's bytes. Fish quotes what it puts on the command line; left out is what a
# terminal or the command would take for something else.

# The words before the cursor, without their quotes. Fish before 4.0 has another option for that.
function __redlock_words
    commandline --tokens-expanded --current-process --cut-at-cursor 2>/dev/null
    or commandline --tokenize --current-process --cut-at-cursor
end

# Sets, of what stands before the cursor: the command, how many operands it has got, the word at which
# the command of `run` begins (0: none yet), whether `--` has ended the options, and --socket's words.
function __redlock_parse
    set -g __redlock_command ''
    set -g __redlock_operands 0
    set -g __redlock_first 0
    set -g __redlock_ended no
    set -g __redlock_socket
    set -l values --socket -w --wait --timeout -E --conflict-exit-code -c --command --ttl --max-hold --min-hold \
        --kill-after --note --also --fence --owner --interval
    set -l words (__redlock_words)
    set -l i 2
    while test $i -le (count $words)
        set -l word $words[$i]
        switch $word
            case --socket
                set i (math $i + 1)
                test $i -le (count $words); and set -g __redlock_socket --socket $words[$i]
            case --
                set -g __redlock_ended yes
                if test $__redlock_operands -gt 0
                    set -g __redlock_first (math $i + 1)
                    return
                end
            case '-*'
                contains -- $word $values; and set i (math $i + 1)
            case '*'
                if test -z "$__redlock_command"
                    set -g __redlock_command $word
                else
                    set -g __redlock_operands (math $__redlock_operands + 1)
                    if test $__redlock_operands -eq 2 -a $__redlock_command = run
                        set -g __redlock_first $i
                        return
                    end
                end
        end
        set i (math $i + 1)
    end
    # After the name, the next word is the command, unless it is an option.
    if test "$__redlock_command" = run -a $__redlock_operands -eq 1; and not string match -q -- '-*' (commandline -ct)
        set -g __redlock_first $i
    end
end

# Whether options or operands of one of these commands may come next.
function __redlock_takes
    __redlock_parse
    test $__redlock_first -eq 0; and contains -- "$__redlock_command" $argv
end

function __redlock_takes_option
    __redlock_takes $argv; and test $__redlock_ended = no
end

function __redlock_takes_lock
    __redlock_parse
    switch $__redlock_command
        case run show break
            test $__redlock_first -eq 0 -a $__redlock_operands -eq 0
        case watch
        case '*'
            return 1
    end
end

function __redlock_locks
    for name in (timeout 1 redlock $__redlock_socket list --null 2>/dev/null | string split0)
        # Control characters, what turns the direction of text, and bytes that are no UTF-8.
        string match --quiet --regex '\p{C}' -- $name; and continue
        string match --quiet -- '-*' $name; and test $__redlock_ended = no; and continue
        printf '%s\n' $name
    end
end

function __redlock_runs
    __redlock_parse
    test $__redlock_first -gt 0
end

function __redlock_run
    set -l words (__redlock_words)
    complete --do-complete "$(string join ' ' -- (string escape -- $words[$__redlock_first..-1]) (commandline -ct))"
end

complete -c redlock -f
complete -c redlock -n __redlock_runs -a '(__redlock_run)'
complete -c redlock -n __redlock_takes_lock -a '(__redlock_locks)' -d lock

complete -c redlock -n '__redlock_takes ""' -s V -l version -d 'Print the version and exit'
complete -c redlock -n '__redlock_takes_option "" run list show watch top break nodes health stats status reload ping help' \
    -l socket -r -F -d 'The socket of the daemon'
complete -c redlock -n '__redlock_takes_option "" run list show watch top break nodes health stats status reload ping help' \
    -s h -l help -d 'Print help and exit'
complete -c redlock -n '__redlock_takes_option list show watch break nodes health stats status reload ping' \
    -l json -d 'Print JSON'

for line in \
    'run	Run a command while holding a lock' \
    'list	List what this host holds and waits for' \
    'show	Show who holds a lock' \
    'watch	Print what happens to locks' \
    'top	Show locks, nodes and rates, live' \
    "break	End another's hold of a lock" \
    'nodes	Show the Redis nodes and their health' \
    'health	Check whether locks can be taken' \
    'stats	Print counters of the daemon' \
    'status	Show which configuration is in force' \
    'reload	Have the daemon read its configuration again' \
    'ping	Check whether the daemon answers' \
    'help	Print help for one command or for all'
    complete -c redlock -n '__redlock_takes "" help' -a (string escape -- $line)
end

complete -c redlock -n '__redlock_takes_option run' -s n -l nonblock -d 'Do not wait'
complete -c redlock -n '__redlock_takes_option run' -s w -l wait -x -d 'Wait for at most this time'
complete -c redlock -n '__redlock_takes_option run' -s E -l conflict-exit-code -x \
    -d 'Exit code if another process holds the lock'
complete -c redlock -n '__redlock_takes_option run' -s c -l command -x -a '(__fish_complete_command)' \
    -d 'Run this with the shell'
complete -c redlock -n '__redlock_takes_option run' -s o -l close -d "Do not pass on the lock's socket"
complete -c redlock -n '__redlock_takes_option run' -s x -l exclusive -d 'Take an exclusive lock'
complete -c redlock -n '__redlock_takes_option run' -s s -l shared -d 'Take a shared lock'
complete -c redlock -n '__redlock_takes_option run' -s q -l quiet -d 'Print no messages'
complete -c redlock -n '__redlock_takes_option run' -s v -l verbose -d 'Print what happens'
set -l durations '1s 5s 10s 30s 1m'
complete -c redlock -n '__redlock_takes_option run' -l ttl -x -a $durations -d 'How long the lock outlives this host'
complete -c redlock -n '__redlock_takes_option run' -l max-hold -x -a $durations -d 'Release the lock after this time'
complete -c redlock -n '__redlock_takes_option run' -l min-hold -x -a $durations -d 'Keep the lock for this time'
complete -c redlock -n '__redlock_takes_option run' -l kill-after -x -a $durations \
    -d 'How long before the deadline SIGTERM is sent'
complete -c redlock -n '__redlock_takes_option run' -l note -x -d 'A note for people'
complete -c redlock -n '__redlock_takes_option run' -l also -x -a '(__redlock_locks)' -d 'Take this lock too'
complete -c redlock -n '__redlock_takes_option list' -s 0 -l null -d 'Print only names, each ended by a NUL byte'
complete -c redlock -n '__redlock_takes_option break' -l fence -x -d 'The hold with this fence'
complete -c redlock -n '__redlock_takes_option break' -l owner -x -d 'The hold of this owner'
complete -c redlock -n '__redlock_takes_option break' -l now -d 'Free the lock at once'
complete -c redlock -n '__redlock_takes_option nodes' -l trust-empty -d 'End the quarantine of a new set of nodes'
complete -c redlock -n '__redlock_takes_option nodes' -l adopt -d "Write this daemon's settings to the nodes"
complete -c redlock -n '__redlock_takes_option top' -l interval -x -a $durations -d 'How often to look'
complete -c redlock -n '__redlock_takes_option health' -l timeout -x -d 'How long to wait for the daemon'
