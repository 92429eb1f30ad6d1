#include "tests/hostile/steady_client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace redlockd::test {
namespace {

constexpr Duration kPause = 5ms;  // else the client is a flood itself

Latency Summary(std::vector<Duration> all) {
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  return {all.size(), all[all.size() / 2], all[all.size() * 99 / 100], all.back()};
}

}  // namespace

SteadyClient::SteadyClient(const Daemon& daemon)
    : client_(daemon.Connect()), stop_(eventfd(0, EFD_CLOEXEC)) {
  const Reply granted = client_.Ask("lock steady");
  if (Brief(granted) != "OK") throw std::runtime_error("no lock: " + Line(granted));
  thread_ = std::thread([this] { Run(); });
}

SteadyClient::~SteadyClient() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void SteadyClient::Run() {
  try {
    while (!WaitReadable(stop_.get(), Countdown(kPause))) OneRound();
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    error_ = error.what();
  }
}

void SteadyClient::OneRound() {
  const auto timed = [this](std::string_view line) {
    const Duration sent = BootTime();
    const std::string answer = client_.Brief(line);
    return std::pair(answer, BootTime() - sent);
  };
  const auto [granted, lock_took] = timed("lock steady-turn");
  if (granted == "OK" && client_.Brief("unlock steady-turn") != "OK") {
    throw std::runtime_error("steady-turn was lost");
  }
  const auto [pong, ping_took] = timed("ping");
  if (pong != "OK") throw std::runtime_error("ping: " + pong);
  if (client_.HasEvent("LOST")) throw std::runtime_error(Line(client_.Event("LOST")));
  const std::lock_guard lock(mutex_);
  locks_.push_back(lock_took);
  pings_.push_back(ping_took);
  if (granted != "OK") ++refused_;
}

std::size_t SteadyClient::count() {
  const std::lock_guard lock(mutex_);
  return locks_.size();
}

SteadyClient::Figures SteadyClient::Take(std::size_t rounds) {
  const bool enough = Eventually([&] {
    const std::lock_guard lock(mutex_);
    return locks_.size() >= rounds || !error_.empty();
  });
  const std::lock_guard lock(mutex_);
  if (!enough || !error_.empty()) throw std::runtime_error("the steady client: " + error_);
  return {Summary(std::exchange(locks_, {})), Summary(std::exchange(pings_, {})),
          std::exchange(refused_, 0)};
}

}  // namespace redlockd::test
