#include "tests/hostile/hostile_test.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "daemon/host/descriptors.h"

namespace redlockd::test {
namespace {

// What an allocator's and a hash table's own whims may add.
constexpr std::size_t kHeapMayGrow = 256 * 1024;
// Of the steady client, for figures of a time without a flood.
constexpr std::size_t kCalmRounds = 20;

// Leases that outlast any stall of a test machine.
DaemonOptions Options(const Gauge& gauge, const std::string& limits) {
  return {.ttl = "10s",
          .max_ttl = "10s",
          .connect_timeout = "1s",
          .more = "limits: {" + limits + "}\n",
          .env = gauge.Environment()};
}

long long Microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

std::size_t Scaled(std::size_t count) {
  const char* scale = std::getenv("REDLOCKD_HOSTILE_SCALE");
  return scale == nullptr ? count : count * std::stoul(scale);
}

std::size_t ScaledSessions(std::size_t count) {
  constexpr rlim_t kOthers = 200;  // for all that is no session
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("no RLIMIT_NOFILE");
  return std::min<std::size_t>(Scaled(count), (limit.rlim_max - kOthers) / 2);  // two for each
}

std::string ScaledLimits() {
  return "sessions: " + std::to_string(Scaled(8192)) +
         ", sessions_per_uid: " + std::to_string(Scaled(4096)) +
         ", locks_per_uid: " + std::to_string(Scaled(16384));
}

HostileTest::HostileTest(const std::string& limits)
    : world_(3, Options(gauge_, limits)), observer_(world_.Connect()), steady_(world_.daemon) {
  host::RaiseDescriptorLimit();  // the daemon has done so for itself
}

void HostileTest::Withstand(const std::function<void()>& flood) {
  Note("before", steady_.Take(kCalmRounds));
  descriptors_ = phases_.back().usage.descriptors;
  for (std::size_t i = 1; i <= kFloods; ++i) {
    const std::string name = "flood " + std::to_string(i);
    steady_.Take(0);
    peak_ = {};
    ASSERT_NO_FATAL_FAILURE(flood());
    Note(name, steady_.Take(1));
    phases_.back().usage = peak_;
    ASSERT_NO_FATAL_FAILURE(WaitUntilNothingIsLeft());
    steady_.Take(0);
    Note("after " + std::to_string(i), steady_.Take(kCalmRounds));
    EXPECT_EQ(phases_.back().figures.refused, 0u) << "after the flood";
  }
  const std::size_t most = phases_[2].usage.heap + kHeapMayGrow;
  EXPECT_TRUE(Eventually([&] { return gauge_.Read(world_.daemon).heap <= most; }))
      << "the heap has grown from " << phases_[2].usage.heap << " to "
      << gauge_.Read(world_.daemon).heap << " bytes by more floods of the same kind";
  Report();
}

void HostileTest::NotePeak() {
  const Usage now = gauge_.Read(world_.daemon);
  peak_.heap = std::max(peak_.heap, now.heap);
  peak_.resident = std::max(peak_.resident, now.resident);
  peak_.descriptors = std::max(peak_.descriptors, now.descriptors);
}

std::size_t HostileTest::PeakGrowth() const {
  std::size_t highest = 0;
  for (const Phase& phase : phases_) highest = std::max(highest, phase.usage.heap);
  return highest - phases_.front().usage.heap;
}

std::uint64_t HostileTest::Stat(const std::string& name) {
  observer_.Ask("stats");
  for (const Reply& row : observer_.rows()) {
    if (Get(row, "name") == name) return GetNumber(row, "value");
  }
  throw std::runtime_error("no " + name + " in stats");
}

void HostileTest::WaitUntilNothingIsLeft() {
  std::string left;
  ASSERT_TRUE(Eventually([&] { return (left = WhatIsLeft()).empty(); })) << left;
  EXPECT_EQ(Accounts(), "");
}

std::string HostileTest::WhatIsLeft() {
  const std::uint64_t sessions = Stat("sessions");
  if (sessions != 2) return std::to_string(sessions) + " sessions, expected 2";
  observer_.Ask("list");
  for (const Reply& row : observer_.rows()) {
    if (Get(row, "lock").starts_with("hostile")) return Line(row);
  }
  const std::size_t descriptors = gauge_.Read(world_.daemon).descriptors;
  if (descriptors != descriptors_) {
    return std::to_string(descriptors) + " descriptors, expected " + std::to_string(descriptors_);
  }
  for (std::size_t i = 0; i < world_.nodes.size(); ++i) {
    const std::string keys = world_.nodes[i].Command({"KEYS", "hostile*"});
    if (!keys.empty()) return "keys on node " + std::to_string(i + 1) + ": " + keys.substr(0, 200);
  }
  return "";
}

// What was granted has ended in one of the ways there are, or is held.
std::string HostileTest::Accounts() {
  observer_.Ask("stats");
  std::map<std::string, std::uint64_t> stats;
  for (const Reply& row : observer_.rows()) stats[Get(row, "name")] = GetNumber(row, "value");
  const std::uint64_t ended = stats["unlocks"] + stats["session-ends"] + stats["lost"];
  if (stats["grants"] == ended + stats["holds"]) return "";
  return std::to_string(stats["grants"]) + " grants, but " + std::to_string(ended) + " ended and " +
         std::to_string(stats["holds"]) + " held";
}

void HostileTest::Note(const std::string& name, const SteadyClient::Figures& figures) {
  phases_.push_back({name, gauge_.Read(world_.daemon), figures});
}

void HostileTest::Report() const {
  std::printf("%-9s %9s %9s %5s   %-24s %-24s %s\n", "", "heap", "resident", "fds",
              "lock p50/p99/worst", "ping p50/p99/worst", "refused");
  for (const auto& [name, usage, figures] : phases_) {
    // The name again: clang 14 does not let a lambda have one of a structured binding.
    const auto latency = [&name = name](const Latency& l, const std::string& what) {
      const std::string text = std::to_string(Microseconds(l.median)) + "/" +
                               std::to_string(Microseconds(l.p99)) + "/" +
                               std::to_string(Microseconds(l.worst));
      RecordProperty(name + ", " + what + " us", text);
      return text;
    };
    std::printf("%-9s %8zuk %8zuk %5zu   %-24s %-24s %zu of %zu\n", name.c_str(), usage.heap / 1024,
                usage.resident / 1024, usage.descriptors, latency(figures.lock, "lock").c_str(),
                latency(figures.ping, "ping").c_str(), figures.refused, figures.lock.count);
    RecordProperty(name + ", heap", std::to_string(usage.heap));
    RecordProperty(name + ", resident", std::to_string(usage.resident));
    RecordProperty(name + ", descriptors", std::to_string(usage.descriptors));
  }
}

}  // namespace redlockd::test
