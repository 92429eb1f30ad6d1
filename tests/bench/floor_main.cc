// bench_floor: the project's scripts, sent by a bare loop. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "tests/bench/floor.h"

using namespace redlockd::bench;

int main(int argc, char** argv) {
  CLI::App app("The project's scripts, sent by a bare loop; prints one line of JSON");
  app.require_subcommand(1);

  FloorOptions floors;
  CLI::App& cycle = *app.add_subcommand("cycle", "lock and unlock on all nodes");
  cycle.add_option("--port", floors.ports, "of a node that votes")->required();
  cycle.add_option("--in-flight", floors.in_flight);
  cycle.add_option("--seconds", floors.seconds);
  cycle.callback([&] { std::cout << RunFloor(floors) << '\n'; });

  ScriptOptions times;
  CLI::App& scripts = *app.add_subcommand("scripts", "what a node needs for a script");
  scripts.add_option("--port", times.port)->required();
  scripts.add_option("--count", times.count);
  scripts.callback([&] { std::cout << TimeScripts(times) << '\n'; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "bench_floor: " << error.what() << '\n';
    return 1;
  }
}
