#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/daemon.h"

namespace redlockd::test {

// Clients that want one lock without a break: who gets it lets it go and asks for it again at once.
class Relay {
 public:
  enum class LetGo { kUnlock, kClose };
  struct Grant {
    std::uint64_t fence;
    const Daemon* daemon;
  };

  Relay(std::string lock, LetGo how) : lock_(std::move(lock)), how_(how) {}

  // The daemon outlives the relay.
  void Join(const Daemon& daemon, std::size_t clients);
  // Goes on until `done`, which is asked after each grant and every few milliseconds; false if that
  // does not come in time. An error of the daemon is thrown.
  bool Run(const std::function<bool()>& done, Duration patience = kPatience);

  const std::vector<Grant>& grants() const { return grants_; }  // as they were heard of

 private:
  struct Runner {
    const Daemon& daemon;
    LineClient client;
  };
  void Wait(const Countdown& countdown) const;
  void Hear(Runner& runner);

  const std::string lock_;
  const LetGo how_;
  std::deque<Runner> runners_;
  std::vector<Grant> grants_;
};

}  // namespace redlockd::test
