#include <unistd.h>

#include <stdexcept>

#include "tests/bench/loads.h"
#include "tests/bench/poller.h"
#include "tests/bench/processes.h"

namespace redlockd::bench {
namespace {

struct Cycle {
  Nanoseconds acquire;
  Nanoseconds whole;
};

class Client {
 public:
  Client(const CycleOptions& options, const std::string& id)
      : options_(options), socket_(options.socket), id_(id) {}

  LineSocket& socket() { return socket_; }

  void Begin() {
    name_ = options_.fresh ? id_ + "-" + std::to_string(count_) : id_;
    holds_ = false;
    asked_ = Now();
    socket_.Send("lock " + name_ + "\n");
  }

  // Reads, and goes on with what comes next.
  void Continue(std::vector<Cycle>& cycles) {
    socket_.Fill();
    std::string_view line;
    while (socket_.Next(line)) {
      if (!IsOk(line)) throw std::runtime_error("answered: " + std::string(line));
      if (!holds_) {
        granted_ = Now();
        holds_ = true;
        socket_.Send("unlock " + name_ + "\n");
        continue;
      }
      cycles.push_back({granted_ - asked_, Now() - asked_});
      ++count_;
      if (!Done()) Begin();
    }
  }
  bool Done() const { return options_.cycles > 0 && count_ >= options_.cycles; }

 private:
  const CycleOptions& options_;
  LineSocket socket_;
  const std::string id_;
  std::string name_;
  bool holds_ = false;
  Nanoseconds asked_ = 0;
  Nanoseconds granted_ = 0;
  long count_ = 0;
};

std::string RunProcess(const CycleOptions& options, int process, const Start& when_ready) {
  std::vector<Client> clients;
  const int count = options.clients / options.processes;
  clients.reserve(static_cast<std::size_t>(count));
  std::vector<LineSocket*> sockets;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(options, "bench-" + std::to_string(getpid()) + "-" +
                                      std::to_string(process) + "-" + std::to_string(i));
    sockets.push_back(&clients.back().socket());
  }
  const Nanoseconds start = when_ready();
  SleepUntil(start);
  for (Client& client : clients) client.Begin();
  std::vector<Cycle> cycles;
  int busy = count;
  Serve(sockets, start + Seconds(options.seconds), [&](std::size_t i) {
    clients[i].Continue(cycles);
    if (clients[i].Done()) --busy;
    return busy > 0;
  });
  return ToBytes(cycles);
}

}  // namespace

nlohmann::json RunCycles(const CycleOptions& options) {
  CheckDealing(options.clients, options.processes);
  const Results results = InProcesses(options.processes, [&](int process, const Start& start) {
    return RunProcess(options, process, start);
  });
  std::vector<Nanoseconds> acquires, wholes;
  for (const Cycle& cycle : AllItems<Cycle>(results)) {
    acquires.push_back(cycle.acquire);
    wholes.push_back(cycle.whole);
  }
  return {{"per_second", static_cast<double>(wholes.size()) / options.seconds},
          {"acquire", Summary(acquires)},
          {"cycle", Summary(wholes)}};
}

}  // namespace redlockd::bench
