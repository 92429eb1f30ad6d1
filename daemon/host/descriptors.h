#pragma once

#include <cstddef>

namespace redlockd::host {

// Opens /dev/null on each of the descriptors 0 to 2 that is closed. To be called before anything
// else: the next descriptor that is opened would take the number, and what is said to people would
// go into it.
void OpenMissingStandardDescriptors();

// Raises this process's limit on open descriptors (RLIMIT_NOFILE) to the hard one: each client
// costs two, and 1024, the usual soft limit, is made for programs that select(). Where the kernel
// refuses, the limit stays what it was. Returns the one that is in force.
std::size_t RaiseDescriptorLimit();

}  // namespace redlockd::host
