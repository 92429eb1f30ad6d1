// A terminal that a program has for itself.
#pragma once

#include <chrono>
#include <string>

#include "libclient/cli/top/page.h"

namespace redlock::cli {

// The whole of standard output's terminal, while the object is there: what stood on it comes back
// afterwards, also when SIGINT, SIGTERM or SIGHUP ends the process, and while Ctrl-Z stops it. At most
// one at a time, in a process with one thread.
class Screen {
 public:
  // Whether standard input and output are terminals.
  static bool IsPossible();

  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  Room room() const;
  // False if it cannot be written.
  bool Show(const std::string& page);
  // Waits for at most that time, or until the terminal has another size, or it was stopped and goes on.
  // False if the user wants no more: has typed q, or the terminal is gone.
  bool Wait(std::chrono::nanoseconds most);
};

}  // namespace redlock::cli
