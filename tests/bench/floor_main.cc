// bench_floor: the project's scripts, sent by a bare loop. Prints one line of JSON, but for proxy.
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
  cycle.add_flag("--plain", floors.plain, "SET NX, compare and delete");
  cycle.callback([&] { std::cout << RunFloor(floors) << '\n'; });

  ProxyOptions proxies;
  CLI::App& proxy = *app.add_subcommand("proxy", "cycle, for a client on a socket; until killed");
  proxy.add_option("--port", proxies.ports, "of a node that votes")->required();
  proxy.add_option("--socket", proxies.socket)->required();
  proxy.callback([&] { ServeFloor(proxies); });

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
