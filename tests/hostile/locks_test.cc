// More locks than anybody needs: names, holds, waits.
#include <deque>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

std::string Name(std::size_t i) { return "hostile-" + std::to_string(i); }

using HostileLocks = HostileTest;

// Taken and let go, and never used again.
TEST_F(HostileLocks, DistinctNames) {
  const std::size_t sessions = 10, names = Scaled(100);
  std::size_t last = 0;
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < sessions; ++i) {
      std::string lines;
      for (std::size_t n = 0; n < names; ++n) {
        const std::string name = Name(++last);
        lines.append("lock ").append(name).append("\nunlock ").append(name).append("\n");
      }
      clients.emplace_back(world_.daemon).Say(lines);
    }
    NotePeak();
    std::size_t ok = 0;
    for (HostileClient& client : clients) ok += client.Hear(2 * names).ok;
    EXPECT_GT(ok, 0u);
  });
}

class FewLocks : public HostileTest {
 protected:
  FewLocks() : HostileTest("locks_per_session: 100, locks_per_uid: 400") {}
};

TEST_F(FewLocks, AsManyAsMayBeHeld) {
  Withstand([&] {
    std::deque<HostileClient> clients;
    std::size_t ok = 0, err = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      std::string lines;
      for (std::size_t n = 0; n < 125; ++n) {
        lines += "#" + Name(n) + " lock " + Name(i * 125 + n) + " wait=5s\n";
      }
      clients.emplace_back(world_.daemon).Say(lines);
      const auto got = clients.back().Hear(125);
      ok += got.ok;
      err += got.err;
    }
    NotePeak();
    EXPECT_LE(ok, 400u);
    EXPECT_GE(err, 600u);
    EXPECT_LE(Stat("holds"), 400u + 2);
  });
}

// From many sessions, each but once, and from one that asks again and again.
TEST_F(HostileLocks, WaitsForOneName) {
  const std::size_t count = ScaledSessions(200);
  Withstand([&] {
    HostileClient holder(world_.daemon);
    holder.Say("lock hostile\n");
    EXPECT_EQ(holder.Hear(1).ok, 1u);
    std::deque<HostileClient> waiting;
    for (std::size_t i = 0; i < count; ++i) {
      waiting.emplace_back(world_.daemon)
          .Say("#w lock hostile note=" + std::string(200, 'n') + "\n");
    }
    HostileClient again(world_.daemon);
    for (std::size_t i = 0; i <= count; ++i) again.Say("#" + Name(i) + " lock hostile\n");
    EXPECT_EQ(again.Hear(count).err, count);
    EXPECT_TRUE(Eventually([&] { return Stat("waits") >= count + 1; }));
    NotePeak();
    // The line moves on, while those who stand in it go.
    holder.Say("unlock hostile\n");
    for (std::size_t i = 0; i < count / 2; ++i) waiting.pop_front();
  });
}

}  // namespace
}  // namespace redlockd::test
