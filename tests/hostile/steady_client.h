#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon.h"

namespace redlockd::test {

// How long answers took.
struct Latency {
  std::size_t count = 0;
  Duration median{};
  Duration p99{};
  Duration worst{};
};

// A client as they should be, in a thread of its own: it holds the lock "steady" all the time, and
// takes another, lets it go and pings, over and over, some milliseconds apart.
class SteadyClient {
 public:
  explicit SteadyClient(const Daemon& daemon);
  SteadyClient(const SteadyClient&) = delete;
  SteadyClient& operator=(const SteadyClient&) = delete;
  ~SteadyClient();

  struct Figures {
    Latency lock;
    Latency ping;
    std::size_t refused = 0;  // locks that were answered, but by no grant
  };
  // Of what it has done since the last call, once that is at least so many rounds. Throws if the
  // client got no answer in time, or has lost what it holds.
  Figures Take(std::size_t rounds);
  // Rounds since the last Take.
  std::size_t count();

 private:
  void Run();
  void OneRound();

  LineClient client_;
  Fd stop_;  // eventfd
  std::mutex mutex_;
  std::vector<Duration> locks_;  // these four under mutex_
  std::vector<Duration> pings_;
  std::size_t refused_ = 0;
  std::string error_;
  std::thread thread_;
};

}  // namespace redlockd::test
