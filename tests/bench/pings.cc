#include <stdexcept>

#include "tests/bench/line_socket.h"
#include "tests/bench/loads.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {

nlohmann::json RunPings(const PingOptions& options) {
  LineSocket socket(options.socket, LineSocket::Greeting::kNone);
  std::vector<Nanoseconds> trips;
  const Nanoseconds start = Now();
  const Nanoseconds end = start + Seconds(options.seconds);
  for (Nanoseconds before = start; before < end;) {
    socket.Send("lock bench-of-the-echo-1\n");
    socket.Line();
    const Nanoseconds after = Now();
    trips.push_back(after - before);
    before = after;
  }
  return {{"per_second", static_cast<double>(trips.size()) / options.seconds},
          {"trip", Summary(trips)}};
}

}  // namespace redlockd::bench
