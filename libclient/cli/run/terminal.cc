#include "libclient/cli/run/terminal.h"

#include <fcntl.h>
#include <unistd.h>

namespace redlock::cli {

Terminal::Terminal()
    : fd_(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)),
      stdio_is_terminal_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {}

bool Terminal::IsOurs() const { return IsOf(getpgrp()); }

bool Terminal::IsOf(pid_t group) const { return exists() && tcgetpgrp(fd_.get()) == group; }

void Terminal::GiveTo(pid_t group) const {
  if (exists()) tcsetpgrp(fd_.get(), group);
}

void Terminal::TakeBackFrom(pid_t group) const {
  if (IsOf(group)) tcsetpgrp(fd_.get(), getpgrp());
}

}  // namespace redlock::cli
