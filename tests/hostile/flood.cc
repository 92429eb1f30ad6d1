#include "tests/hostile/flood.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace redlockd::test {
namespace {

constexpr std::size_t kLinesAtATime = 100;

}  // namespace

Flood::Flood(const Daemon& daemon, uid_t uid, std::size_t sessions, LineOf line)
    : line_(std::move(line)) {
  {
    const ActingAs user(uid);
    for (std::size_t i = 0; i < sessions; ++i) askers_.emplace_back(daemon);
  }
  thread_ = std::thread([this] { Run(); });
}

Flood::~Flood() {
  stop_ = true;
  thread_.join();
}

void Flood::Run() {
  std::vector<pollfd> all;
  for (Asker& asker : askers_) all.push_back({asker.client.fd(), POLLIN | POLLOUT, 0});
  while (!stop_ && poll(all.data(), all.size(), 50) >= 0) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].revents != 0) GoOn(askers_[i], i);
    }
  }
}

void Flood::GoOn(Asker& asker, std::size_t number) {
  std::array<char, 65536> bytes;
  [[maybe_unused]] const auto got =
      recv(asker.client.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  std::string lines;
  for (std::size_t i = 0; asker.client.unsent() == 0 && i < kLinesAtATime; ++i) {
    lines += line_(number, asker.said++) + '\n';
  }
  asker.client.Say(lines);
}

}  // namespace redlockd::test
