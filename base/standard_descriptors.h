// Descriptors 0, 1 and 2 of this program.
#pragma once

namespace redlock::base {

// Opens /dev/null on each of them that is closed. To be called before anything else: the next
// descriptor that is opened, perhaps the daemon's socket, would take the number, and messages for
// people would go into it.
void OpenMissingStandardDescriptors();

}  // namespace redlock::base
