// What `redlock --help` says.
#pragma once

#include <string>
#include <string_view>

namespace redlock::cli {

// Returns the help for one command, or for all if it is ""; empty if there is no such command.
std::string UsageOf(std::string_view command);

}  // namespace redlock::cli
