#include "base/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace redlock::base {

void OpenMissingStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. Without a /dev, a descriptor that takes nothing.
    if (open("/dev/null", O_RDWR) < 0) (void)open("/", O_PATH);
  }
}

}  // namespace redlock::base
