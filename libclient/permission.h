// Whom a socket is for that refuses us.
#pragma once

#include <string>

namespace redlock::client {

// " (for members of group redlock only...)", to follow on "Permission denied"; empty where it is
// not a group that is missing.
std::string WhoMayConnect(const std::string& path);

}  // namespace redlock::client
