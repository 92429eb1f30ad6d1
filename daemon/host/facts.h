#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace redlockd::host {

// This host's name, as uname -n has it; readable, not unique.
std::string HostName();

// The group's number, or nothing if there is no such group. Asks the name service: may block.
std::optional<gid_t> GroupId(const std::string& name);

}  // namespace redlockd::host
