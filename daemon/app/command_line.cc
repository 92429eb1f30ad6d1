#include "daemon/app/command_line.h"

#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "daemon/engine/effects.h"
#include "protocol/printable.h"

namespace redlockd::app {

std::variant<CommandLine, int> ParseCommandLine(int argc, char** argv) {
  CommandLine line;
  CLI::App app("redlockd: distributed locks for the processes of this host, over Redis nodes");
  auto* config = app.add_option("--config", line.config, "Configuration file")
                     ->option_text("FILE")
                     ->capture_default_str();
  app.add_option("--socket", line.socket, "Socket on which clients connect")->option_text("PATH");
  auto* check = app.add_flag("--check-config", line.check_config,
                             "Print the configuration in force, or every mistake in it, and exit");
  auto* dev = app.add_flag(
      "--dev", line.dev, "Start temporary redis-server processes as nodes, for trying things out");
  app.add_option("--nodes", line.nodes, "Number of nodes for --dev (5)")
      ->option_text("N")
      ->needs(dev)
      ->check(CLI::Range(1u, static_cast<unsigned>(engine::kMaxNodes)));
  auto* replace = app.add_flag("--replace", line.replace,
                               "Have the daemon that listens on the socket go on as a new process");
  dev->excludes(config)->excludes(check)->excludes(replace);
  replace->excludes(check);
  app.set_version_flag("--version", std::string("redlockd ") + REDLOCKD_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    std::cerr << "redlockd: " << redlock::protocol::Printable(error.what())
              << "\nTry 'redlockd --help'.\n";
    return EX_USAGE;
  }
  return line;
}

}  // namespace redlockd::app
