// Bytes that are no lines, or lines that say nothing.
#include <algorithm>
#include <deque>
#include <random>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

using HostileLines = HostileTest;

// Each is one byte short of a line that the daemon must keep whole.
TEST_F(HostileLines, HalfLinesNeverEnded) {
  const std::size_t count = ScaledSessions(300);
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.emplace_back(world_.daemon).Say("lock hostile-" + std::string(4000, 'x'));
    }
    NotePeak();
  });
  EXPECT_LE(PeakGrowth(), count * 16 * 1024);
}

TEST_F(HostileLines, BytesWithoutAnEnd) {
  const std::string bytes(1 << 20, 'x');
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < 10; ++i) clients.emplace_back(world_.daemon);
    for (std::size_t i = 0; i < Scaled(1); ++i) {
      for (HostileClient& client : clients) {
        client.Say(bytes);
        client.SayAll();
        NotePeak();
      }
    }
  });
  EXPECT_LE(PeakGrowth(), 10 * 64 * 1024u);
}

// A byte now and a byte then, of lines that mean something.
TEST_F(HostileLines, SlowDrip) {
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < 100; ++i) clients.emplace_back(world_.daemon);
    for (std::size_t n = 0; n < Scaled(1); ++n) {
      for (const char byte : std::string("#t lock hostile wait=0\n#t unlock hostile\n")) {
        for (HostileClient& client : clients) client.Say({&byte, 1});
        NotePeak();
      }
      for (HostileClient& client : clients) client.Hear(2);
    }
  });
}

TEST_F(HostileLines, Garbage) {
  std::mt19937 random(20241126);  // the same each time
  std::string garbage;
  for (int i = 0; i < 40'000; ++i) {
    garbage += i % 40 == 39 ? '\n' : static_cast<char>(random() & 0xff);
  }
  const auto lines = static_cast<std::size_t>(std::count(garbage.begin(), garbage.end(), '\n'));
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < Scaled(5); ++i) clients.emplace_back(world_.daemon).Say(garbage);
    NotePeak();
    for (HostileClient& client : clients) EXPECT_EQ(client.Hear(lines).ok, 0u);
  });
}

}  // namespace
}  // namespace redlockd::test
