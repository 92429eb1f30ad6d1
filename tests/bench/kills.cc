#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <stdexcept>

#include "tests/bench/line_socket.h"
#include "tests/bench/loads.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

// A process that takes the lock and does nothing more; returns once it has it.
pid_t StartHolder(const std::string& socket, const std::string& name) {
  std::array<int, 2> ends;
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("no process");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      LineSocket holder(socket);
      holder.Send("lock " + name + " ttl=10s\n");
      if (IsOk(holder.Line()) && write(ends[1], "h", 1) == 1) {
        for (;;) pause();
      }
    } catch (const std::exception&) {
    }
    _exit(1);
  }
  close(ends[1]);
  char held = 0;
  const ssize_t got = read(ends[0], &held, 1);
  close(ends[0]);
  if (got != 1) throw std::runtime_error("the holder got no lock");
  return pid;
}

}  // namespace

nlohmann::json RunKills(const KillOptions& options) {
  std::mt19937 random(1);
  // Long enough for the waiter to be in its place, and at no fixed time in anybody's period.
  std::uniform_int_distribution<int> held_ms(20, 120);
  LineSocket waiter(options.waiter_socket);
  std::vector<Nanoseconds> times;
  for (int i = 0; i < options.times; ++i) {
    const std::string name = "bench-kill-" + std::to_string(getpid()) + "-" + std::to_string(i);
    const pid_t holder = StartHolder(options.holder_socket, name);
    waiter.Send("lock " + name + " ttl=10s\n");
    SleepUntil(Now() + Seconds(held_ms(random) / 1000.0));
    const Nanoseconds killed = Now();
    kill(holder, SIGKILL);
    const std::string answer(waiter.Line());
    times.push_back(Now() - killed);
    waitpid(holder, nullptr, 0);
    if (!IsOk(answer)) throw std::runtime_error("the waiter was answered: " + answer);
    waiter.Send("unlock " + name + "\n");
    waiter.Line();
  }
  return {{"after_kill", Summary(times)}};
}

}  // namespace redlockd::bench
