#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace redlockd::host {

// This host's name, as uname -n has it; readable, not unique.
std::string HostName();

// The number that is written there, or that of the group or user with that name; or nothing. Asks the
// name service for a name: may block.
std::optional<gid_t> GroupId(const std::string& name);
std::optional<uid_t> UserId(const std::string& name);

// What this process has used so far: CPU time, of user and system, and memory that is resident.
std::chrono::nanoseconds CpuTime();
std::size_t ResidentBytes();

}  // namespace redlockd::host
