#include <algorithm>
#include <stdexcept>

#include "tests/bench/loads.h"
#include "tests/bench/poller.h"
#include "tests/bench/processes.h"

namespace redlockd::bench {
namespace {

struct Grant {
  long long fence;
  Nanoseconds time;
  Nanoseconds waited;
  int host;
  int client;  // of all hosts' clients
};

class Contender {
 public:
  Contender(const std::string& path, const std::string& name, int host, int number)
      : socket_(path),
        ask_("lock " + name + "\n"),
        again_("unlock " + name + "\n" + ask_),
        host_(host),
        number_(number) {}

  LineSocket& socket() { return socket_; }

  void Begin() {
    asked_ = Now();
    socket_.Send(ask_);
  }
  void Continue(std::vector<Grant>& grants) {
    socket_.Fill();
    std::string_view line;
    while (socket_.Next(line)) {
      if (!IsOk(line)) throw std::runtime_error("answered: " + std::string(line));
      if (lets_go_) {
        lets_go_ = false;
        continue;
      }
      const Nanoseconds now = Now();
      grants.push_back({Number(line, "fence"), now, now - asked_, host_, number_});
      asked_ = now;
      lets_go_ = true;
      socket_.Send(again_);
    }
  }
  // A wait that is not over counts for as long as it has lasted.
  Nanoseconds WaitsSince() const { return asked_; }
  int host() const { return host_; }
  int number() const { return number_; }

 private:
  LineSocket socket_;
  const std::string ask_;
  const std::string again_;
  const int host_;
  const int number_;
  bool lets_go_ = false;  // the next answer is that to the unlock
  Nanoseconds asked_ = 0;
};

// The clients of one process, all of one host. A wait that the end cut short is a grant without a
// fence.
std::string RunProcess(const ContendOptions& options, int process, const Start& when_ready) {
  const int host = process / options.processes;
  const int count = options.clients / options.processes;
  std::vector<Contender> clients;
  clients.reserve(static_cast<std::size_t>(count));
  std::vector<LineSocket*> sockets;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(options.sockets[static_cast<std::size_t>(host)], options.name, host,
                         process * count + i);
    sockets.push_back(&clients.back().socket());
  }
  const Nanoseconds start = when_ready();
  SleepUntil(start);
  for (Contender& client : clients) client.Begin();
  std::vector<Grant> grants;
  const Nanoseconds end = start + Seconds(options.seconds);
  Serve(sockets, end, [&](std::size_t i) {
    clients[i].Continue(grants);
    return true;
  });
  for (const Contender& client : clients) {
    grants.push_back({0, end, end - client.WaitsSince(), client.host(), client.number()});
  }
  return ToBytes(grants);
}

struct Course {
  std::vector<Nanoseconds> waits;
  std::vector<long> by_client;
  Nanoseconds longest_pending = 0;
  Nanoseconds longest_gap = 0;
  long changes_of_client = 0;
  long changes_of_host = 0;
};

// `grants` by fence, which is the order in which they were given.
Course Follow(const std::vector<Grant>& grants, std::size_t clients, Nanoseconds start,
              Nanoseconds end) {
  Course course;
  course.by_client.resize(clients);
  const Grant* last = nullptr;
  Nanoseconds last_time = start;
  for (const Grant& grant : grants) {
    if (grant.fence == 0) {
      course.longest_pending = std::max(course.longest_pending, grant.waited);
      continue;
    }
    course.waits.push_back(grant.waited);
    ++course.by_client[static_cast<std::size_t>(grant.client)];
    if (last != nullptr) {
      if (grant.client != last->client) ++course.changes_of_client;
      if (grant.host != last->host) ++course.changes_of_host;
    }
    course.longest_gap = std::max(course.longest_gap, grant.time - last_time);
    last_time = grant.time;
    last = &grant;
  }
  course.longest_gap = std::max(course.longest_gap, end - last_time);
  return course;
}

}  // namespace

nlohmann::json RunContend(const ContendOptions& options) {
  CheckDealing(options.clients, options.processes);
  const int hosts = static_cast<int>(options.sockets.size());
  const Results results = InProcesses(
      hosts * options.processes,
      [&](int process, const Start& start) { return RunProcess(options, process, start); });
  auto grants = AllItems<Grant>(results);
  std::sort(grants.begin(), grants.end(),
            [](const Grant& a, const Grant& b) { return a.fence < b.fence; });
  const Course course = Follow(grants, static_cast<std::size_t>(hosts * options.clients),
                               results.start, results.start + Seconds(options.seconds));
  const auto [least, most] = std::minmax_element(course.by_client.begin(), course.by_client.end());
  const auto per_second = [&](auto count) { return static_cast<double>(count) / options.seconds; };
  return {{"grants", course.waits.size()},
          {"handoffs_per_second", per_second(course.changes_of_client)},
          {"host_changes_per_second", per_second(course.changes_of_host)},
          {"wait", Summary(course.waits)},
          {"longest_pending_us", static_cast<double>(course.longest_pending) / 1000},
          {"longest_gap_us", static_cast<double>(course.longest_gap) / 1000},
          {"least", *least},
          {"most", *most}};
}

}  // namespace redlockd::bench
