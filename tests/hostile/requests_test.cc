// Requests in flight, by the thousand.
#include <deque>
#include <functional>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

using HostileRequests = HostileTest;

constexpr std::size_t kMany = 400;  // requests of one session

std::string Lines(std::size_t from, std::size_t to,
                  const std::function<std::string(const std::string&)>& line) {
  std::string lines;
  for (std::size_t i = from; i < to; ++i) lines += line(std::to_string(i)) + '\n';
  return lines;
}

std::string Locks(std::size_t from, std::size_t to) {
  return Lines(from, to, [](auto& i) { return "#t" + i + " lock hostile-" + i; });
}

// All its locks wait; every tag is used again; some are cancelled; then the session ends.
TEST_F(HostileRequests, TaggedRepeatedCancelled) {
  Withstand([&] {
    HostileClient holder(world_.daemon);
    holder.Say(Locks(0, kMany));
    EXPECT_EQ(holder.Hear(kMany).ok, kMany);
    std::deque<HostileClient> clients;
    for (std::size_t n = 0; n < Scaled(3); ++n) {
      HostileClient& client = clients.emplace_back(world_.daemon);
      client.Say(Locks(0, kMany));
      client.Say(Lines(0, kMany, [](auto& i) { return "#t" + i + " ping"; }));
      EXPECT_EQ(client.Hear(kMany).err, kMany);
      NotePeak();
      client.Say(Lines(0, kMany / 2, [](auto& i) { return "cancel t" + i; }));
      const auto [ok, err] = client.Hear(kMany);
      EXPECT_EQ(ok, kMany / 2);
      EXPECT_EQ(err, kMany / 2);
    }
  });
}

// More than the nodes can answer within a command timeout, at least at a greater scale (rule C12),
// again and again. All are answered; how many are granted is a matter of how fast the machine is.
TEST_F(HostileRequests, LocksAllAtOnce) {
  std::size_t last = 0;
  Withstand([&] {
    for (std::size_t round = 0; round < Scaled(1); ++round) {
      std::deque<HostileClient> clients;
      for (std::size_t n = 0; n < 3; ++n, last += kMany) {
        clients.emplace_back(world_.daemon).Say(Locks(last, last + kMany));
      }
      NotePeak();
      for (HostileClient& client : clients) client.Hear(kMany);
    }
  });
}

// Questions that may take long to answer where there is much to say.
TEST_F(HostileRequests, StatsShowsAndListsOfManyLocks) {
  const std::size_t sessions = Scaled(4);
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t n = 0; n < sessions; ++n) {
      clients.emplace_back(world_.daemon).Say(Locks(0, kMany));
    }
    EXPECT_TRUE(Eventually([&] { return Stat("waits") >= (sessions - 1) * kMany; }));
    const std::size_t questions = Scaled(20);
    std::deque<HostileClient> curious;
    for (std::size_t n = 0; n < 10; ++n) {
      curious.emplace_back(world_.daemon).Say(Lines(0, questions, [](auto& i) {
        return "#s" + i + " stats\n#n" + i + " show hostile-" + i;
      }));
    }
    for (HostileClient& client : curious) client.Hear(2 * questions);
    NotePeak();
    for (HostileClient& client : curious) client.Say("list\nlist\n");
    for (HostileClient& client : curious) EXPECT_EQ(client.Hear(2).ok, 2u);
  });
}

}  // namespace
}  // namespace redlockd::test
