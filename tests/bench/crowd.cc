#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "tests/bench/line_socket.h"
#include "tests/bench/loads.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

// So many requests are under way of each session; the daemon does one of a session after the other.
constexpr int kAtATime = 50;

// The first sessions hold locks: how many.
int Holders(const CrowdOptions& options) {
  return options.locks == 0 ? 0 : options.holders > 0 ? options.holders : options.sessions;
}

std::string NameOf(int session, int lock) {
  return "bench-crowd-" + std::to_string(getpid()) + "-" + std::to_string(session) + "-" +
         std::to_string(lock);
}

int TakeLocks(std::vector<LineSocket>& sessions, const CrowdOptions& options) {
  int held = 0;
  for (int first = 0; first < options.locks; first += kAtATime) {
    const int count = std::min(kAtATime, options.locks - first);
    for (int i = 0; i < Holders(options); ++i) {
      std::string lines;
      for (int lock = first; lock < first + count; ++lock) {
        lines += "lock " + NameOf(i, lock) + " ttl=" + options.ttl + "\n";
      }
      sessions[static_cast<std::size_t>(i)].Send(lines);
    }
    for (int i = 0; i < Holders(options); ++i) {
      for (int lock = 0; lock < count; ++lock) {
        held += IsOk(sessions[static_cast<std::size_t>(i)].Line()) ? 1 : 0;
      }
    }
  }
  return held;
}

// Asks the daemon something in each session at once: one that holds locks, whether it holds the first.
nlohmann::json AskAll(std::vector<LineSocket>& sessions, const CrowdOptions& options) {
  const Nanoseconds begin = Now();
  for (int i = 0; i < options.sessions; ++i) {
    sessions[static_cast<std::size_t>(i)].Send(i < Holders(options) ? "check " + NameOf(i, 0) + "\n"
                                                                    : "ping\n");
  }
  int held = 0;
  for (int i = 0; i < options.sessions; ++i) {
    const bool is_ok = IsOk(sessions[static_cast<std::size_t>(i)].Line());
    held += is_ok && i < Holders(options) ? 1 : 0;
  }
  return {{"seconds", static_cast<double>(Now() - begin) / kPerSecond}, {"held", held}};
}

}  // namespace

void HoldCrowd(const CrowdOptions& options) {
  std::vector<LineSocket> sessions;
  for (int i = 0; i < options.sessions; ++i) sessions.emplace_back(options.socket);
  const int held = TakeLocks(sessions, options);
  std::cout << nlohmann::json{{"sessions", sessions.size()},
                              {"held", held},
                              {"refused", Holders(options) * options.locks - held}}
            << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << AskAll(sessions, options) << std::endl;
  }
}

}  // namespace redlockd::bench
