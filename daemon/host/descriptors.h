#pragma once

#include <cstddef>

namespace redlockd::host {

// Raises this process's limit on open descriptors (RLIMIT_NOFILE) to the hard one: each client
// costs two, and 1024, the usual soft limit, is made for programs that select(). Where the kernel
// refuses, the limit stays what it was. Returns the one that is in force.
std::size_t RaiseDescriptorLimit();

}  // namespace redlockd::host
