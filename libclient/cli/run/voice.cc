#include "libclient/cli/run/voice.h"

#include <unistd.h>

namespace redlock::cli {
namespace {

// One write, so that the lines of several processes do not mix. If nobody listens, so be it.
void Say(const std::string& text) {
  const std::string line = "redlock: " + text + "\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace

void Voice::Complain(const std::string& text) const {
  if (!quiet_) Say(text);
}

void Voice::Tell(const std::string& text) const {
  if (verbose_) Say(text);
}

}  // namespace redlock::cli
