#include "tests/support/relay.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

namespace redlockd::test {

void Relay::Join(const Daemon& daemon, std::size_t clients) {
  for (std::size_t i = 0; i < clients; ++i) {
    runners_.push_back({daemon, daemon.Connect()});
    runners_.back().client.Send("lock " + lock_);
  }
}

bool Relay::Run(const std::function<bool()>& done, Duration patience) {
  const Countdown countdown(patience);
  while (!countdown.over()) {
    if (done()) return true;
    Wait(countdown);
    for (Runner& runner : runners_) {
      while (runner.client.HasAnswer() && !done()) Hear(runner);
    }
  }
  return done();
}

void Relay::Wait(const Countdown& countdown) const {
  std::vector<pollfd> sockets;
  for (const Runner& runner : runners_) {
    sockets.push_back({.fd = runner.client.fd(), .events = POLLIN, .revents = 0});
  }
  poll(sockets.data(), sockets.size(), std::min(countdown.left_ms(), 5));
}

void Relay::Hear(Runner& runner) {
  const Reply answer = runner.client.Answer();
  if (answer.kind != Reply::Kind::kOk) throw std::runtime_error(Line(answer));
  if (answer.Find("deadline") == nullptr) return;  // it has let go
  grants_.push_back({GetNumber(answer, "fence"), &runner.daemon});
  if (how_ == LetGo::kUnlock) {
    runner.client.SendBytes("unlock " + lock_ + "\nlock " + lock_ + '\n');
  } else {
    runner.client.Close();
    runner.client = runner.daemon.Connect();
    runner.client.Send("lock " + lock_);
  }
}

}  // namespace redlockd::test
