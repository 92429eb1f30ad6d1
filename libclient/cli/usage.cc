#include "libclient/cli/usage.h"

#include <array>

namespace redlock::cli {
namespace {

struct Text {
  std::string_view command;
  std::string_view synopsis;
  std::string_view rest;
};

constexpr std::string_view kCommon =
    "  --socket PATH          The daemon's socket; default: $REDLOCK_SOCKET, or else\n"
    "                         /run/redlockd/redlockd.sock\n"
    "  -h, --help             Print this help and exit\n";

constexpr std::string_view kJson = "  --json                 Print JSON\n";

constexpr std::array<Text, 14> kTexts{{
    {"", "redlock [OPTIONS] COMMAND ...",
     "Distributed locks for this host: the command line of redlockd(8)\n"
     "\n"
     "Commands:\n"
     "  run NAME COMMAND...    Run COMMAND under the lock NAME\n"
     "  list                   List what this host holds and waits for\n"
     "  show NAME              Show who holds a lock, on this host or elsewhere\n"
     "  watch [NAME...]        Print what happens to locks on this host\n"
     "  top                    Show locks, nodes and rates, live\n"
     "  break NAME             End another's hold of a lock\n"
     "  nodes                  Show the Redis nodes and their health\n"
     "  health                 Check whether locks can be taken\n"
     "  stats                  Print counters of the daemon\n"
     "  status                 Show which configuration is in force, and since when\n"
     "  reload                 Have the daemon read its configuration again\n"
     "  ping                   Check whether the daemon answers\n"
     "  help [COMMAND]         Print help for one command or for all\n"
     "\n"
     "Options:\n"
     "  -V, --version          Print the version and exit\n"},
    {"run",
     "redlock run [OPTIONS] NAME [--] COMMAND [ARGUMENT...]\n"
     "       redlock run [OPTIONS] NAME -c STRING",
     "Runs COMMAND under the lock NAME\n"
     "\n"
     "Options (before COMMAND):\n"
     "  -n, --nb, --nonblock   Do not wait\n"
     "  -w, --wait, --timeout DURATION\n"
     "                         Wait for at most DURATION; default: no limit\n"
     "  -E, --conflict-exit-code CODE\n"
     "                         Exit with CODE if another process holds the lock;\n"
     "                         default: 75\n"
     "  -c, --command STRING   Run STRING with the shell\n"
     "  --also NAME            Take the lock NAME too, all or none; may be repeated\n"
     "  -o, --close            Do not let COMMAND inherit the lock's socket\n"
     "  -x, -e, --exclusive    Take an exclusive lock; this is the default\n"
     "  -s, --shared           Take a shared lock: others may share it\n"
     "  -q, --quiet            Print no messages\n"
     "  -v, --verbose          Print what happens\n"
     "  --ttl DURATION         How long the lock outlives this host; default: lease.ttl\n"
     "  --max-hold DURATION    Stop the command and release the lock after DURATION\n"
     "  --min-hold DURATION    Keep the lock for DURATION, even if the command ends before\n"
     "  --kill-after DURATION  How long before the deadline SIGTERM is sent;\n"
     "                         default: a third of the ttl, at most 5s\n"
     "  --note TEXT            A note for people, shown by 'redlock list'\n"},
    {"list", "redlock list [OPTIONS]",
     "Lists what this host holds and waits for\n"
     "\n"
     "Options:\n"
     "  -0, --null             Print only names, each ended by a NUL byte\n"},
    {"show", "redlock show [OPTIONS] NAME",
     "Shows who holds a lock, on this host or elsewhere\n"
     "\n"
     "Options:\n"},
    {"watch", "redlock watch [OPTIONS] [NAME...]",
     "Prints what happens to these locks, or to all locks, on this host, as it happens\n"
     "\n"
     "Options:\n"},
    {"top", "redlock top [OPTIONS]",
     "Shows who holds and waits for locks on this host, the nodes and the rates, live\n"
     "\n"
     "Locks that most wait for come first. q ends it. If the input or output is no\n"
     "terminal, the page is printed once.\n"
     "\n"
     "Options:\n"
     "  --interval DURATION    How often to look; default: 1s, at least 100ms\n"},
    {"break",
     "redlock break [OPTIONS] NAME --fence N\n"
     "       redlock break [OPTIONS] NAME --owner VALUE [--now]",
     "Ends another's hold of a lock, for administrators\n"
     "\n"
     "The lock stays taken until the holder's last deadline.\n"
     "\n"
     "Options:\n"
     "  --fence N              The hold with this fence, on this host\n"
     "  --owner VALUE          The hold of this owner, on any host; 'redlock show' names it\n"
     "  --now                  With --owner: free the lock at once, though the holder may\n"
     "                         still work under it\n"},
    {"nodes", "redlock nodes [OPTIONS]",
     "Shows the Redis nodes and their health\n"
     "\n"
     "Options:\n"
     "  --trust-empty          End the quarantine of a new set of nodes, on which nobody\n"
     "                         can hold a lock\n"
     "  --adopt                Write this daemon's settings and set of nodes to the nodes,\n"
     "                         which then are in quarantine\n"},
    {"health", "redlock health [OPTIONS]",
     "Checks whether locks can be taken, and prints the answer in one line\n"
     "\n"
     "The exit code is 0 if every node votes, 1 if a majority does, 2 if no majority does,\n"
     "and 3 if the daemon does not answer in time.\n"
     "\n"
     "Options:\n"
     "  --timeout DURATION     How long to wait for the daemon; default: 2s\n"},
    {"stats", "redlock stats [OPTIONS]", "Prints counters of the daemon\n\nOptions:\n"},
    {"status", "redlock status [OPTIONS]",
     "Shows which configuration is in force, and since when\n\nOptions:\n"},
    {"reload", "redlock reload [OPTIONS]",
     "Has the daemon read its configuration again, for administrators\n"
     "\n"
     "If the file has a mistake, all of them are printed, nothing is changed, and the exit\n"
     "code is 78.\n"
     "\n"
     "Options:\n"},
    {"ping", "redlock ping [OPTIONS]", "Checks whether the daemon answers\n\nOptions:\n"},
    {"help", "redlock help [COMMAND]", "Prints help for one command or for all\n\nOptions:\n"},
}};

constexpr std::string_view kDurations =
    "\n"
    "A DURATION is a number and a unit, or a number of seconds: 5, 0.5, 250ms, 2m, 1h.\n";

constexpr std::string_view kExitCodes =
    "\n"
    "The exit code is that of COMMAND, or 128+N if signal N ended it. Other codes: 64 the usage\n"
    "is wrong; 67 the daemon has too much to do; 68 there is no quorum; 69 there is no daemon;\n"
    "75 another process holds the lock (see -E); 77 this user may not take it; 79 the lock was\n"
    "lost while COMMAND ran; 126 COMMAND cannot be executed; 127 COMMAND is not found.\n";

bool HasJson(std::string_view command) {
  return !command.empty() && command != "run" && command != "top" && command != "help";
}

}  // namespace

std::string UsageOf(std::string_view command) {
  for (const Text& text : kTexts) {
    if (text.command != command) continue;
    std::string usage = "Usage: " + std::string(text.synopsis) + "\n\n" + std::string(text.rest);
    if (HasJson(command)) usage += kJson;
    usage += kCommon;
    if (command == "run" || command == "health" || command == "top") usage.append(kDurations);
    if (command == "run") usage.append(kExitCodes);
    return usage;
  }
  return {};
}

}  // namespace redlock::cli
