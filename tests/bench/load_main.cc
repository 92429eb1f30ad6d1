// bench_load: clients of a redlockd by the dozen. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "tests/bench/loads.h"

using namespace redlockd::bench;

int main(int argc, char** argv) {
  CLI::App app("Clients of a redlockd, by the dozen; prints one line of JSON");
  app.require_subcommand(1);

  CycleOptions cycles;
  CLI::App& cycle = *app.add_subcommand("cycle", "lock and unlock, each client its own names");
  cycle.add_option("--socket", cycles.socket)->required();
  cycle.add_option("--clients", cycles.clients);
  cycle.add_option("--processes", cycles.processes);
  cycle.add_option("--seconds", cycles.seconds);
  cycle.add_option("--cycles", cycles.cycles);
  cycle.add_flag("--fresh", cycles.fresh);
  cycle.callback([&] { std::cout << RunCycles(cycles) << '\n'; });

  ContendOptions contends;
  CLI::App& contend = *app.add_subcommand("contend", "all want the same lock");
  contend.add_option("--socket", contends.sockets)->required();
  contend.add_option("--name", contends.name)->required();
  contend.add_option("--clients", contends.clients);
  contend.add_option("--processes", contends.processes);
  contend.add_option("--seconds", contends.seconds);
  contend.callback([&] { std::cout << RunContend(contends) << '\n'; });

  KillOptions kills;
  CLI::App& kill = *app.add_subcommand("kill", "holders are killed while another waits");
  kill.add_option("--socket", kills.holder_socket)->required();
  kill.add_option("--waiter-socket", kills.waiter_socket)->required();
  kill.add_option("--times", kills.times);
  kill.callback([&] { std::cout << RunKills(kills) << '\n'; });

  CrowdOptions crowds;
  CLI::App& crowd = *app.add_subcommand("crowd", "many that hold, until standard input ends");
  crowd.add_option("--socket", crowds.socket)->required();
  crowd.add_option("--sessions", crowds.sessions);
  crowd.add_option("--locks", crowds.locks);
  crowd.add_option("--holders", crowds.holders);
  crowd.add_option("--ttl", crowds.ttl);
  crowd.callback([&] { HoldCrowd(crowds); });

  PingOptions pings;
  CLI::App& ping = *app.add_subcommand("ping", "round trips to an echo");
  ping.add_option("--socket", pings.socket)->required();
  ping.add_option("--seconds", pings.seconds);
  ping.callback([&] { std::cout << RunPings(pings) << '\n'; });

  NoiseOptions noises;
  CLI::App& noise = *app.add_subcommand("noise", "how steady the machine is; needs no daemon");
  noise.add_option("--seconds", noises.seconds);
  noise.callback([&] { std::cout << RunNoise(noises) << '\n'; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "bench_load: " << error.what() << '\n';
    return 1;
  }
}
