// What `redlock --help` says.
#pragma once

#include <string>
#include <string_view>

namespace redlock::cli {

// Of one command, "" for all of them; empty if there is no such command.
std::string UsageOf(std::string_view command);

}  // namespace redlock::cli
