#pragma once

#include <string>

namespace redlockd::app {

// Has the redlockd that listens on `socket` run its program again in its own place (SIGUSR2). The exit
// status of a run that does only this; says on stdout what was done, or on stderr why nothing was. What
// comes of it that daemon's log says.
int AskToReplace(const std::string& socket);

}  // namespace redlockd::app
