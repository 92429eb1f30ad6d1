#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "tests/bench/line_socket.h"
#include "tests/bench/loads.h"

namespace redlockd::bench {
namespace {

// So many requests are under way of each session; the daemon does one of a session after the other.
constexpr int kAtATime = 50;

int TakeLocks(std::vector<LineSocket>& sessions, const CrowdOptions& options) {
  const std::string prefix = "bench-crowd-" + std::to_string(getpid()) + "-";
  int held = 0;
  for (int first = 0; first < options.locks; first += kAtATime) {
    const int count = std::min(kAtATime, options.locks - first);
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      std::string lines;
      for (int lock = first; lock < first + count; ++lock) {
        lines += "lock " + prefix + std::to_string(i) + "-" + std::to_string(lock) +
                 " ttl=" + options.ttl + "\n";
      }
      sessions[i].Send(lines);
    }
    for (LineSocket& session : sessions) {
      for (int i = 0; i < count; ++i) held += IsOk(session.Line()) ? 1 : 0;
    }
  }
  return held;
}

}  // namespace

void HoldCrowd(const CrowdOptions& options) {
  std::vector<LineSocket> sessions;
  for (int i = 0; i < options.sessions; ++i) sessions.emplace_back(options.socket);
  const int held = TakeLocks(sessions, options);
  std::cout << nlohmann::json{{"sessions", sessions.size()},
                              {"held", held},
                              {"refused", options.sessions * options.locks - held}}
            << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
}

}  // namespace redlockd::bench
