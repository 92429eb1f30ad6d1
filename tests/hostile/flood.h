#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "tests/hostile/hostile_client.h"
#include "tests/support/acting_as.h"

namespace redlockd::test {

// Sessions of one user, in a thread of their own, that ask as fast as the daemon takes it and read
// all that it answers, until they are destroyed.
class Flood {
 public:
  // The n-th line of session `of`.
  using LineOf = std::function<std::string(std::size_t of, std::size_t n)>;

  Flood(const Daemon& daemon, uid_t uid, std::size_t sessions, LineOf line);
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood();

 private:
  struct Asker {
    explicit Asker(const Daemon& daemon) : client(daemon) {}
    HostileClient client;
    std::size_t said = 0;
  };
  void Run();
  void GoOn(Asker& asker, std::size_t number);

  const LineOf line_;
  std::deque<Asker> askers_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace redlockd::test
