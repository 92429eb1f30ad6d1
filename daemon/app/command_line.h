#pragma once

#include <string>
#include <variant>

namespace redlockd::app {

struct CommandLine {
  std::string config = "/etc/redlockd/redlockd.yaml";
  std::string socket;  // empty: not given
  bool check_config = false;
  bool replace = false;
  bool dev = false;
  unsigned nodes = 5;  // with dev
};

// The options, or the exit status of a run that ends here (--help, --version, wrong options), with
// its text already printed.
std::variant<CommandLine, int> ParseCommandLine(int argc, char** argv);

}  // namespace redlockd::app
