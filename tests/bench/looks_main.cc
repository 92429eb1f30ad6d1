// bench_looks: what a look at a hold of the C++ client takes, and one at the clock. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <redlock/redlock.hpp>
#include <string>

#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

// Of each look, in ns.
double TimeOf(int count, const std::function<bool()>& look) {
  const Nanoseconds begin = Now();
  for (int i = 0; i < count; ++i) {
    if (!look()) throw std::runtime_error("the lock was lost");
  }
  return static_cast<double>(Now() - begin) / count;
}

nlohmann::json Run(const std::string& socket, int count) {
  redlock::Session session(socket);
  const redlock::Hold hold = session.lock("bench-looks");
  return {{"valid_ns", TimeOf(count, [&] { return hold.valid(); })},
          {"clock_ns", TimeOf(count, [] { return redlock_now() > 0; })}};
}

}  // namespace
}  // namespace redlockd::bench

int main(int argc, char** argv) {
  CLI::App app("What a look at a hold takes; prints one line of JSON");
  std::string socket;
  app.add_option("--socket", socket)->required();
  int count = 1;
  app.add_option("--count", count);
  try {
    app.parse(argc, argv);
    std::cout << redlockd::bench::Run(socket, count) << '\n';
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "bench_looks: " << error.what() << '\n';
    return 1;
  }
}
