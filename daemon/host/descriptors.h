#pragma once

namespace redlockd::host {

// Raises this process's limit on open descriptors (RLIMIT_NOFILE) to the hard one: each client
// costs two, and 1024, the usual soft limit, is made for programs that select(). Where the kernel
// refuses, the limit stays what it was: who is out of descriptors hears of it then.
void RaiseDescriptorLimit();

}  // namespace redlockd::host
