// The command line, read and checked.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libclient/cli/exit_code.h"

namespace redlock::cli {

using Duration = std::chrono::nanoseconds;

// redlock run
struct RunOptions {
  std::string name;
  std::vector<std::string> also;     // further locks, all different: all are taken, or none
  std::vector<std::string> command;  // never empty; with -c the shell and its arguments
  std::optional<Duration> wait;      // how long to wait; nothing: no limit
  int busy_code = kExitBusy;         // -E
  bool close_socket = false;         // -o: the command does not inherit the session's socket
  bool quiet = false;
  bool verbose = false;
  Duration ttl{0};       // 0: the daemon's
  Duration max_hold{0};  // 0: none
  Duration min_hold{0};  // 0: none
  bool shared = false;   // -s: others may have it at the same time, if they share it too
  std::string note;      // empty: none
  std::optional<Duration> kill_after;
};

// redlock list, show, ...: one question to the daemon.
struct QueryOptions {
  enum class Kind {
    kList,
    kShow,
    kBreak,
    kNodes,
    kTrustEmpty,
    kAdopt,
    kStats,
    kStatus,
    kReload,
    kPing
  };

  Kind kind = Kind::kPing;
  std::string name{};   // of kShow and kBreak
  std::string fence{};  // of kBreak, that or the other
  std::string owner{};
  bool now = false;  // of kBreak, with owner
  bool json = false;
  bool null = false;  // of kList: the names alone, each ended by a NUL byte
};

// redlock watch
struct WatchOptions {
  std::vector<std::string> names;  // none: all locks
  bool json = false;
};

// redlock top
struct TopOptions {
  Duration interval = std::chrono::seconds(1);  // between two pages; at least kLeastInterval
};
inline constexpr Duration kLeastInterval = std::chrono::milliseconds(100);

// redlock health
struct HealthOptions {
  bool json = false;
  Duration timeout = std::chrono::seconds(2);  // for the answer; positive
};

struct Options {
  std::string socket;  // empty: libredlock's default
  std::variant<RunOptions, QueryOptions, WatchOptions, TopOptions, HealthOptions> command;
};

// The options; or, when all is said (help, version, a mistake: in words on stderr), the exit code.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace redlock::cli
