// redlock run: a command under a lock.
//
// The wrapper asks for the lock, starts the command as a child in a process group of its own, and
// sits in one loop over the lock's socket, a timer, and the signals, until the command has ended:
// it forwards signals, does job control, and keeps the end of the lock itself (guard.h). Each of
// its parts is alone in a header: Hold (the daemon), Guard (time), Child, Signals, Terminal, and
// Keeper, a second process for the case that this one is killed.
#pragma once

#include <string>

#include "libclient/cli/options.h"

namespace redlock::cli {

// The exit code. socket: empty for libredlock's default.
int Run(const std::string& socket, const RunOptions& options);

}  // namespace redlock::cli
