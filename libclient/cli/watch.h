// redlock watch: follows what becomes of locks of this host.
#pragma once

#include <string>

#include "libclient/cli/answer.h"
#include "libclient/cli/options.h"

namespace redlock::cli {

// Prints a line for each event, until the daemon ends; gives the exit code. socket: empty for
// libredlock's default.
int Watch(const std::string& socket, const WatchOptions& options);

// One event, its fields named as those of the line protocol, as people read it.
std::string ForPeople(const Row& event);

}  // namespace redlock::cli
