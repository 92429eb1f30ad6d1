// The command of `redlock run`: a child that leads a process group of its own. If we are killed the
// Keeper ends it.
//
// To know when the whole group is dead we are the reaper of what it orphans
// (PR_SET_CHILD_SUBREAPER). As long as one of the group is not reaped, its number belongs to nobody
// else, so that no signal can reach a stranger.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "libclient/cli/run/guard.h"
#include "libclient/cli/run/keeper.h"
#include "libclient/cli/run/signals.h"
#include "libclient/cli/run/terminal.h"

namespace redlock::cli {

class Child {
 public:
  struct Setup {
    const std::vector<std::string>& argv;
    std::vector<std::pair<std::string, std::string>> environment;  // besides ours
    const Signals& signals;                                        // to give back
    const Terminal* terminal;  // to put the child's group in the foreground of; nullptr: do not
    const Keeper& keeper;
    // The session's socket, which the child inherits so that the lock lives as long as its tree;
    // -1: it does not (--close).
    int socket;
    Guard::Time start_by;  // at this time it is too late to begin: it ends with 79
  };

  // Starts it. Throws std::system_error if there can be no process. That it cannot be executed is
  // known at its end.
  explicit Child(const Setup& setup);

  // To the whole group, as long as there is one. False if that is not permitted for any of it: it
  // has become another user's.
  bool Signal(int signal) const;

  // Takes note of what SIGCHLD reported.
  void Reap();

  pid_t group() const { return pid_; }

  // The child itself has ended; its group may live on.
  bool has_ended() const { return exit_code_.has_value(); }

  // ... and no process of the group is left (as far as they are descendants of ours).
  bool IsGroupGone() const;

  // The signal that stopped the child since the last call, if one did.
  std::optional<int> TakeStop() { return std::exchange(stopped_by_, std::nullopt); }

  // As a shell says it: its own code, 128 + signal, 126 or 127. Once has_ended().
  int exit_code() const { return *exit_code_; }

  // errno of exec if that failed, else 0. Once has_ended().
  int ExecError() const;

 private:
  [[noreturn]] void BecomeCommand(const Setup& setup, pid_t parent, int exec_error_fd) const;

  pid_t pid_ = -1;
  base::Descriptor exec_error_;  // what a pipe says that exec closes: errno, or nothing
  std::optional<int> exit_code_;
  std::optional<int> stopped_by_;
};

}  // namespace redlock::cli
