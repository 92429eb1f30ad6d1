// A lease that outlives its hold: it lingers for the next taker, or goes to the next in line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class PassingTest : public testing::Test {
 protected:
  // What each node has at the key, once all have the same.
  std::string OwnerOf(const std::string& key) {
    std::string owner;
    const bool same = Eventually([&] {
      owner = world_.nodes[0].Command({"GET", key});
      for (std::size_t i = 1; i < world_.nodes.size(); ++i) {
        if (world_.nodes[i].Command({"GET", key}) != owner) return false;
      }
      return owner != "(nil)";
    });
    if (!same) throw std::runtime_error("the nodes do not agree on " + key);
    return owner;
  }
  // Lets go and takes again, in one write; the new fence.
  std::uint64_t TakeAgain(LineClient& client, const std::string& lock) {
    client.SendBytes("unlock " + lock + "\nlock " + lock + '\n');
    EXPECT_EQ(Brief(client.Answer()), "OK");
    return GetNumber(client.Answer(), "fence");
  }

  // Times that do not run out on a slow machine.
  World world_{
      5, {.linger = "1s", .tenure_max = "1h", .more = "rules: [{prefix: cron/, linger: 0}]\n"}};
  const Daemon& daemon_ = world_.daemon;
};

TEST_F(PassingTest, WhoTakesItAgainGetsTheLeaseThatLingers) {
  LineClient client = world_.Connect();
  std::uint64_t fence = GetNumber(client.Ask("lock a"), "fence");
  const std::string owner = OwnerOf("a");
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t next = TakeAgain(client, "a");
    EXPECT_GT(next, fence);
    fence = next;
  }
  EXPECT_EQ(OwnerOf("a"), owner) << "asked of the nodes anew";
  EXPECT_EQ(daemon_.Stat("attempts"), 1u);
  EXPECT_EQ(daemon_.Stat("handoffs"), 3u);
  client.Ask("unlock a");
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; })) << "nobody came";
}

TEST_F(PassingTest, ARuleSaysThatItDoesNotLinger) {
  LineClient client = world_.Connect();
  const std::uint64_t fence = GetNumber(client.Ask("lock cron/daily"), "fence");
  const std::string owner = OwnerOf("cron/daily");
  EXPECT_GT(TakeAgain(client, "cron/daily"), fence);
  EXPECT_NE(OwnerOf("cron/daily"), owner);
  EXPECT_EQ(daemon_.Stat("attempts"), 2u);
  EXPECT_EQ(daemon_.Stat("handoffs"), 0u);
  client.Ask("unlock cron/daily");
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("cron/daily") == 0; }));
}

// Whether its holder unlocks it or dies.
TEST_F(PassingTest, TheLineGetsItFromHandToHand) {
  constexpr std::size_t kLine = 6;
  std::vector<LineClient> line;
  line.push_back(world_.Connect());
  std::uint64_t fence = GetNumber(line.front().Ask("lock a"), "fence");
  const std::string owner = OwnerOf("a");
  for (std::size_t waiters = 1; waiters <= kLine; ++waiters) {
    line.push_back(world_.Connect());
    line.back().Send("lock a");
    ASSERT_TRUE(Eventually([&] { return daemon_.Stat("waits") == waiters; }));
  }
  for (std::size_t i = 0; i < kLine; ++i) {
    EXPECT_FALSE(line[i + 1].HasAnswer()) << "before its turn";
    if (i % 2 == 0) {
      EXPECT_EQ(line[i].Brief("unlock a"), "OK");
    } else {
      line[i].Close();
    }
    const std::uint64_t next = GetNumber(line[i + 1].Answer(), "fence");
    EXPECT_GT(next, fence);
    fence = next;
  }
  EXPECT_EQ(OwnerOf("a"), owner) << "asked of the nodes anew";
  EXPECT_EQ(daemon_.Stat("attempts"), 1u);
  EXPECT_EQ(daemon_.Stat("handoffs"), kLine);
}

}  // namespace
}  // namespace redlockd::test
