// One daemon, five nodes, nothing wrong: taking, waiting, handing over, letting go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class LockTest : public testing::Test {
 protected:
  // Waits until so many are in line, so that the order of those who come next is certain.
  void WaitForWaiters(std::size_t count) {
    ASSERT_TRUE(Eventually([&] { return GetNumber(observer_.Ask("list"), "waits") == count; }));
  }

  World world_;
  LineClient observer_ = world_.Connect();
};

// What a client without CLOCK_BOOTTIME goes by.
TEST_F(LockTest, PingSaysTheDaemonsTimeAndLeftIsUntilTheDeadline) {
  LineClient client = world_.Connect();
  const Duration before = BootTime();
  const Duration now(GetNumber(client.Ask("ping"), "now"));
  EXPECT_GE(now, before);
  EXPECT_LE(now, BootTime());
  EXPECT_LE(Duration(GetNumber(client.hello(), "now")), now);

  for (const char* line : {"lock a", "check a"}) {
    const Duration sent = BootTime();
    const Reply reply = client.Ask(line);
    const Duration deadline(GetNumber(reply, "deadline"));
    const auto left = redlock::protocol::ParseDuration(Get(reply, "left"));
    ASSERT_TRUE(left) << Line(reply);
    EXPECT_LE(sent + *left, deadline) << "it may be relied on from before the request";
    EXPECT_GT(BootTime() + *left + 1ms, deadline);
    EXPECT_EQ(left->count() % 1'000'000, 0);
  }
}

TEST_F(LockTest, IsGrantedByTheNodes) {
  LineClient client = world_.Connect();
  const Duration before = BootTime();
  const Reply grant = client.Ask("lock a");
  const Duration deadline(GetNumber(grant, "deadline"));
  EXPECT_EQ(Brief(grant), "OK") << Line(grant);
  EXPECT_EQ(Get(grant, "lock"), "a");
  EXPECT_EQ(Get(grant, "ttl"), "2s");
  EXPECT_THAT(Get(grant, "votes"), MatchesRegex("[345]/5"));
  EXPECT_GT(deadline, BootTime());
  EXPECT_LT(deadline, before + 2s) << "the drift allowance belongs to the nodes, not to the holder";
  EXPECT_GT(GetNumber(grant, "fence"), 0u);
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 5; }));
  EXPECT_THAT(world_.nodes[0].Command({"GET", "a"}), MatchesRegex("[0-9a-f]{24,}:[0-9]+:.*"));
  EXPECT_LE(std::stoll(world_.nodes[0].Command({"PTTL", "a"})), 2000);

  EXPECT_EQ(client.Brief("unlock a"), "OK");
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; }));
}

TEST_F(LockTest, IsHandedOverInTheOrderOfAsking) {
  LineClient first = world_.Connect(), second = world_.Connect(), third = world_.Connect();
  std::uint64_t fence = GetNumber(first.Ask("lock a"), "fence");
  second.Send("lock a");
  WaitForWaiters(1);
  third.Send("lock a");
  WaitForWaiters(2);

  EXPECT_EQ(first.Brief("unlock a"), "OK");
  const Reply to_second = second.Answer();
  EXPECT_GT(GetNumber(to_second, "fence"), fence);
  fence = GetNumber(to_second, "fence");
  EXPECT_FALSE(third.HasAnswer());

  EXPECT_EQ(second.Brief("unlock a"), "OK");
  EXPECT_GT(GetNumber(third.Answer(), "fence"), fence);
}

TEST_F(LockTest, AWaitEnds) {
  LineClient holder = world_.Connect(), waiter = world_.Connect();
  holder.Ask("lock a");
  const Duration start = BootTime();
  const Reply answer = waiter.Ask("lock a wait=200ms");
  EXPECT_EQ(Brief(answer), "ERR timeout") << Line(answer);
  EXPECT_GE(BootTime() - start, 200ms);
  EXPECT_EQ(GetNumber(observer_.Ask("list"), "waits"), 0u);
  EXPECT_EQ(waiter.Brief("lock a wait=0"), "ERR busy");
  EXPECT_EQ(waiter.Brief("trylock a"), "ERR busy");
}

TEST_F(LockTest, IsKeptForLongerThanItsTtl) {
  LineClient holder = world_.Connect(), other = world_.Connect();
  const std::uint64_t end = GetNumber(holder.Ask("lock a ttl=600ms events=renew"), "deadline");
  Reply renewed;
  do {
    renewed = holder.Event("RENEWED");
  } while (GetNumber(renewed, "deadline") < end + Duration(1s).count());
  EXPECT_EQ(other.Brief("trylock a"), "ERR busy");
  EXPECT_EQ(holder.Brief("check a"), "OK");
  EXPECT_FALSE(holder.HasEvent("JEOPARDY"));
}

TEST_F(LockTest, DeadlinesNeverMoveBack) {
  LineClient holder = world_.Connect();
  std::uint64_t last = GetNumber(holder.Ask("lock a ttl=600ms events=renew"), "deadline");
  for (int renewals = 0; renewals < 6; ++renewals) {
    const std::uint64_t next = GetNumber(holder.Event("RENEWED"), "deadline");
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST_F(LockTest, MaxHoldEndsIt) {
  LineClient holder = world_.Connect(), waiter = world_.Connect();
  const Duration start = BootTime();
  const Reply grant = holder.Ask("lock a max-hold=700ms");
  const Duration deadline(GetNumber(grant, "deadline"));
  EXPECT_LE(deadline, BootTime() + 700ms);
  waiter.Send("lock a");
  const Reply lost = holder.Event("LOST");
  EXPECT_EQ(Get(lost, "reason"), "max-hold");
  EXPECT_EQ(Get(lost, "fence"), Get(grant, "fence"));
  EXPECT_GT(GetNumber(waiter.Answer(), "fence"), GetNumber(grant, "fence"));
  EXPECT_GE(BootTime() - start, 700ms - 1ms) << "freed before the end that was announced";

  const Reply told = holder.Ask("unlock a");
  EXPECT_EQ(Brief(told), "ERR lost") << Line(told);
  EXPECT_EQ(Get(told, "reason"), "max-hold");
  EXPECT_EQ(holder.Brief("unlock a"), "ERR not-held") << "lost is said once";
}

TEST_F(LockTest, SyncUnlockIsAnsweredByTheNodes) {
  LineClient client = world_.Connect();
  client.Ask("lock a");
  EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  EXPECT_LE(world_.nodes.CountWith("a"), 2u);
}

TEST_F(LockTest, ManyLocksOfOneSession) {
  LineClient client = world_.Connect();
  const int count = 200;
  for (int i = 0; i < count; ++i) client.Send("lock many-" + std::to_string(i));
  for (int i = 0; i < count; ++i) {
    const Reply grant = client.Answer();
    ASSERT_EQ(Brief(grant), "OK") << Line(grant);
    ASSERT_EQ(Get(grant, "lock"), "many-" + std::to_string(i)) << "untagged answers keep order";
  }
  EXPECT_EQ(GetNumber(observer_.Ask("list"), "holds"), 200u);
  EXPECT_EQ(client.Brief("quit"), "OK");
  EXPECT_TRUE(client.Closed());
  EXPECT_TRUE(Eventually([&] { return GetNumber(observer_.Ask("list"), "holds") == 0; }));
}

TEST_F(LockTest, ListTellsWhoHoldsAndWaits) {
  LineClient holder = world_.Connect(), waiter = world_.Connect();
  holder.Ask("lock a%20b note=nightly%20run");
  waiter.Send("lock a%20b");
  WaitForWaiters(1);
  const Reply end = observer_.Ask("list");
  EXPECT_EQ(GetNumber(end, "holds"), 1u);
  const std::vector<Reply> rows = observer_.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(Get(rows[0], "lock"), "a b");
  EXPECT_EQ(Get(rows[0], "state"), "held");
  EXPECT_EQ(Get(rows[0], "pid"), std::to_string(getpid()));
  EXPECT_EQ(Get(rows[0], "uid"), std::to_string(geteuid()));
  EXPECT_EQ(Get(rows[0], "note"), "nightly run");
  EXPECT_EQ(Get(rows[1], "state"), "waiting");
  EXPECT_EQ(Get(rows[1], "place"), "1");
}

TEST_F(LockTest, ShowAsksTheNodes) {
  LineClient holder = world_.Connect();
  const std::string fence = Get(holder.Ask("lock a note=why"), "fence");
  ASSERT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 5; }));
  Reply end = observer_.Ask("show a");
  EXPECT_EQ(Get(end, "state"), "held") << Line(end);
  EXPECT_EQ(Get(end, "by"), "here");
  EXPECT_EQ(Get(end, "votes"), "5/5");
  ASSERT_EQ(observer_.rows().size(), 6u);
  EXPECT_EQ(Get(observer_.rows()[0], "place"), "here");
  EXPECT_EQ(Get(observer_.rows()[0], "fence"), fence);
  EXPECT_EQ(Get(observer_.rows()[1], "place"), "node");
  EXPECT_EQ(Get(observer_.rows()[1], "owner"), world_.nodes[0].Command({"GET", "a"}));

  holder.Ask("unlock a sync");
  EXPECT_TRUE(Eventually([&] { return Get(observer_.Ask("show a"), "state") == "free"; }));
}

TEST_F(LockTest, StatsCountWhatHappened) {
  LineClient client = world_.Connect();
  const std::uint64_t before = world_.daemon.Stat("grants");
  client.Ask("lock a");
  client.Ask("unlock a");
  client.Ask("lock b");
  EXPECT_EQ(world_.daemon.Stat("grants"), before + 2);
}

TEST_F(LockTest, NamesKeepTheirBytes) {
  LineClient client = world_.Connect();
  EXPECT_EQ(client.Brief("lock %00"), "ERR bad-request");
  const Reply grant = client.Ask("lock %23a%20%25%3d%ff%01");
  EXPECT_EQ(Get(grant, "lock"), "#a %=\xff\x01") << Line(grant);
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("#a %=\xff\x01") == 5; }));
}

TEST(KeyPrefix, StandsBeforeTheName) {
  World world(3, {.more = "key_prefix: \"locks:\"\n"});
  LineClient client = world.Connect();
  client.Ask("lock a");
  EXPECT_TRUE(Eventually([&] { return world.nodes.CountWith("locks:a") == 3; }));
}

TEST(OtherDatabase, IsWhereTheKeysAre) {
  World world(3, {.node_keys = {{"database", "3"}}});
  LineClient client = world.Connect();
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(world.nodes.CountWith("a"), 0u);
  EXPECT_THAT(world.nodes[0].Command({"INFO", "keyspace"}), HasSubstr("db3:"));
}

TEST(UnixSocketNodes, AreAsGoodAsTcp) {
  Nodes nodes(3);
  Daemon daemon({nodes[0].UnixAddress(), nodes[1].UnixAddress(), nodes[2].Address()});
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_TRUE(Eventually([&] { return nodes.CountWith("a") == 3; }));
}

}  // namespace
}  // namespace redlockd::test
