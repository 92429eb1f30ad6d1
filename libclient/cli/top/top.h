// redlock top: who holds and waits, the nodes and the rates, live.
#pragma once

#include <string>

#include "libclient/cli/options.h"

namespace redlock::cli {

// Shows a page again and again until the user wants no more; prints one if standard input or output is
// no terminal. Gives the exit code. A daemon that ends is connected to again. socket: empty for
// libredlock's default.
int Top(const std::string& socket, const TopOptions& options);

}  // namespace redlock::cli
