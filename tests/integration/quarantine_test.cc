// Nodes that forget, and nodes that are not what was configured: rules D1-D8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

void ExpectNodeText(const Daemon& daemon, std::size_t node, const std::string& text) {
  Reply row;
  EXPECT_TRUE(Eventually([&] {
    row = daemon.NodeRow(node);
    return row.text.find(text) != std::string::npos;
  })) << "expected '"
      << text << "', found " << Line(row);
}

bool HasSet(Nodes& nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].Command({"HEXISTS", "redlockd:node", "set"}) != "1") return false;
  }
  return true;
}

TEST(Quarantine, NewNodesAreSilentUntilItHasPassed) {
  Nodes nodes(3);
  const Duration start = BootTime();
  // Long enough that a slow machine asks before it is over.
  Daemon daemon({.addresses = nodes.Addresses(), .max_ttl = "6s", .more = "quorum_wait: 20s\n"});
  LineClient client = daemon.Connect();
  Reply answer;
  EXPECT_TRUE(Eventually([&] {
    answer = client.Ask("trylock a");
    return answer.text.find("trust-empty") != std::string::npos;
  })) << Line(answer);
  EXPECT_EQ(Brief(answer), "ERR no-quorum");
  EXPECT_THAT(answer.text, HasSubstr("ready in "));
  EXPECT_EQ(Brief(client.Ask("lock a wait=forever")), "OK") << "a waiter outlasts it";
  EXPECT_GE(BootTime() - start, 6s);
}

TEST(Quarantine, TrustEmptyEndsIt) {
  Nodes nodes(3);
  // Long enough that a slow machine asks before it is over.
  Daemon daemon({.addresses = nodes.Addresses(), .max_ttl = "10s", .more = "quorum_wait: 100ms\n"});
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("lock a"), "ERR no-quorum");
  daemon.TrustEmpty();
  EXPECT_EQ(client.Brief("lock a"), "OK");
}

TEST(Quarantine, TrustEmptyIsRefusedWhereANodeIsNotNew) {
  World world(3);
  LineClient client = world.Connect();
  world.nodes[0].RestartEmpty();
  ASSERT_TRUE(Eventually([&] { return world.daemon.NodeIs(0, "quarantine"); }));
  const Reply refused = client.Ask("trust-empty");
  EXPECT_EQ(Brief(refused), "ERR denied") << Line(refused);
  EXPECT_EQ(Get(refused, "reason"), "in-use");
  EXPECT_TRUE(world.daemon.NodeIs(0, "quarantine"));
}

// All nodes lose their power under a live lease, and somebody does what a text once said.
TEST(Quarantine, TrustEmptyIsRefusedWhileLeasesMayLive) {
  World world(3);
  Daemon other(world.nodes.Addresses());
  other.WaitForNodes(3);
  LineClient holder = world.Connect();
  ASSERT_EQ(holder.Brief("lock a ttl=2s"), "OK");
  for (std::size_t i = 0; i < 3; ++i) world.nodes[i].RestartEmpty();
  LineClient client = other.Connect();
  Reply refused;
  EXPECT_TRUE(Eventually([&] {
    refused = client.Ask("trust-empty");
    return Brief(refused) == "ERR denied";
  })) << Line(refused);
  EXPECT_EQ(Get(refused, "reason"), "in-use");
  EXPECT_EQ(Brief(world.Connect().Ask("trust-empty")), "ERR denied");
  const Reply failed = client.Ask("trylock a");
  EXPECT_EQ(Brief(failed), "ERR no-quorum");
  EXPECT_THAT(failed.text, testing::Not(HasSubstr("trust-empty")));
}

TEST(Quarantine, AdoptIsRefusedWhereNothingDiffers) {
  World world(3);
  LineClient client = world.Connect();
  const Reply refused = client.Ask("adopt");
  EXPECT_EQ(Brief(refused), "ERR denied") << Line(refused);
  EXPECT_EQ(Get(refused, "reason"), "nothing-differs");
  EXPECT_EQ(client.Brief("trylock a"), "OK") << "nothing was changed";
}

// It never had a vote: what it is set to binds nobody.
TEST(Quarantine, ADaemonWithOtherTimesSettlesNothing) {
  World world(3);
  Daemon other({.addresses = world.nodes.Addresses(), .max_ttl = "24h"});
  ExpectNodeText(other, 0, "max_ttl");
  world.nodes[0].RestartEmpty();
  ASSERT_TRUE(Eventually([&] { return world.daemon.NodeIs(0, "quarantine"); }));
  world.daemon.WaitForNodes(3);
  EXPECT_EQ(world.nodes[0].Command({"HGET", "redlockd:node", "max_ttl"}), "2000000");
}

TEST(Quarantine, ADaemonWithAnotherPrefixGetsNoVotes) {
  World world(3);
  Daemon other({.addresses = world.nodes.Addresses(), .more = "key_prefix: \"other/\"\n"});
  ExpectNodeText(other, 0, "key_prefix is '' on the node, 'other/' here");
  EXPECT_EQ(Brief(other.Connect().Ask("trylock a")), "ERR no-quorum");
}

TEST(Quarantine, ARestoredSnapshotOfARunningNodeIsNoticed) {
  World world(3);
  world.nodes[1].Command({"HSET", "redlockd:node", "count", "0"});
  EXPECT_TRUE(Eventually([&] { return world.daemon.NodeIs(1, "quarantine"); }));
}

TEST(Quarantine, TrustEmptyNeedsAllNodes) {
  Nodes nodes(3);
  nodes[2].Freeze();
  Daemon daemon(nodes.Addresses());
  LineClient client = daemon.Connect();
  ASSERT_TRUE(Eventually([&] { return daemon.NodeIs(0, "quarantine"); }));
  ASSERT_TRUE(Eventually([&] { return daemon.NodeIs(1, "quarantine"); }));
  EXPECT_EQ(client.Brief("trust-empty"), "ERR no-quorum");
}

TEST(Quarantine, AdministratorsOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can connect as somebody else";
  Nodes nodes(3);
  Daemon daemon({.addresses = nodes.Addresses(), .more = "socket_mode: \"0666\"\n"});
  // Connects as nobody: the socket's credentials are those of that moment.
  const TempDir& dir = daemon.dir();
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(seteuid(65534), 0);
  std::optional<LineClient> nobody;
  try {
    nobody.emplace(daemon.Connect());
  } catch (const std::runtime_error& error) {
    ADD_FAILURE() << error.what();
  }
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(nobody);
  for (const char* verb : {"trust-empty", "adopt"}) {
    const Reply denied = nobody->Ask(verb);
    EXPECT_EQ(Brief(denied), "ERR denied") << Line(denied);
    EXPECT_EQ(Get(denied, "reason"), "not-admin");
  }
  daemon.TrustEmpty();

  // Notes are for one's own user and administrators.
  LineClient holder = daemon.Connect();
  holder.Ask("lock a note=secret");
  nobody->Ask("list");
  ASSERT_EQ(nobody->rows().size(), 1u);
  EXPECT_EQ(nobody->rows()[0].Find("note"), nullptr);
  nobody->Ask("lock b note=own");
  nobody->Ask("list");
  ASSERT_EQ(nobody->rows().size(), 2u);
  EXPECT_EQ(Get(nobody->rows()[1], "note"), "own");
  LineClient root = daemon.Connect();
  root.Ask("list");
  EXPECT_EQ(Get(root.rows().at(1), "note"), "own");
}

TEST(Quarantine, ADaemonWithOtherTimesGetsNoVotesUntilItsAreAdopted) {
  World world(3);
  Daemon other({.addresses = world.nodes.Addresses(), .max_ttl = "3s"});
  ExpectNodeText(other, 0, "max_ttl");
  LineClient client = other.Connect();
  const Reply refused = client.Ask("trylock a");
  EXPECT_EQ(Brief(refused), "ERR no-quorum");
  EXPECT_THAT(refused.text, HasSubstr("adopt"));
  EXPECT_EQ(world.Connect().Brief("trylock a"), "OK") << "the first is not disturbed";

  EXPECT_EQ(client.Brief("adopt"), "OK");
  const Duration adopted = BootTime();
  EXPECT_EQ(client.Brief("lock a wait=14s"), "OK");
  EXPECT_GE(BootTime() - adopted, 3s) << "old leases must be over first";
  ExpectNodeText(world.daemon, 0, "max_ttl");
  EXPECT_EQ(world.Connect().Brief("trylock b"), "ERR no-quorum");
}

TEST(Quarantine, ADaemonWithAnotherSetGrantsNothing) {
  World world(5);
  ASSERT_TRUE(Eventually([&] { return HasSet(world.nodes); }));
  Daemon part({world.nodes[0].Address(), world.nodes[1].Address(), world.nodes[2].Address()});
  ExpectNodeText(part, 0, "another set");
  LineClient client = part.Connect();
  const Reply refused = client.Ask("trylock a");
  EXPECT_EQ(Brief(refused), "ERR no-quorum");
  EXPECT_THAT(refused.text, HasSubstr("set"));
  EXPECT_EQ(world.Connect().Brief("trylock a"), "OK");
}

TEST(Quarantine, ANodeOfAnotherSetStopsTheDaemon) {
  World one(3), two(3);
  // The daemons have written down which nodes belong together.
  ASSERT_TRUE(Eventually([&] { return HasSet(one.nodes) && HasSet(two.nodes); }));
  Daemon mixed({one.nodes[0].Address(), one.nodes[1].Address(), two.nodes[2].Address()});
  LineClient client = mixed.Connect();
  ExpectNodeText(mixed, 2, "another set");
  EXPECT_EQ(client.Brief("trylock a"), "ERR no-quorum");
}

// Clocks that were an hour fast are set right: what was locked before can be locked again, and its
// fences go on growing.
TEST(Quarantine, ClocksThatAreSetBackKeepNoNameFromBeingLocked) {
  Nodes nodes(3, {.shifted_clock = true});
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].ShiftClock(1h);
  Daemon daemon(nodes.Addresses());
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  const Reply before = client.Ask("lock a");
  ASSERT_EQ(Brief(before), "OK") << Line(before);
  EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].ShiftClock(0s);
  Reply after;
  for (const char* lock : {"a", "a", "never-used"}) {
    EXPECT_TRUE(Eventually([&] {
      return Brief(after = client.Ask(std::string("lock ") + lock + " wait=10s")) == "OK";
    })) << Line(after);
    if (*lock == 'a') {
      EXPECT_GT(GetNumber(after, "fence"), GetNumber(before, "fence"));
    }
    EXPECT_EQ(client.Brief(std::string("unlock ") + lock + " sync"), "OK");
  }
}

// Two entries that are one server, which only shows when it is asked.
TEST(ListedTwice, OneServerHasOneVote) {
  Nodes nodes(4);
  Daemon daemon({nodes[0].Address(), nodes[1].Address(), nodes[2].Address(), nodes[3].Address(),
                 nodes[0].UnixAddress()});
  ExpectNodeText(daemon, 4, "same server as node 1");
  LineClient client = daemon.Connect();
  Reply grant;
  EXPECT_TRUE(Eventually([&] { return Brief(grant = client.Ask("lock a")) == "OK"; }))
      << Line(grant);
  EXPECT_THAT(Get(grant, "votes"), testing::AnyOf("3/5", "4/5"));
}

TEST(ListedTwice, IsNeverAMajority) {
  Nodes nodes(2);
  Daemon daemon(
      {nodes[0].Address(), nodes[1].Address(), nodes[1].UnixAddress(), nodes[0].UnixAddress()});
  ExpectNodeText(daemon, 2, "same server as node 2");
  ExpectNodeText(daemon, 3, "same server as node 1");
  LineClient client = daemon.Connect();
  const Reply answer = client.Ask("lock a wait=4s");
  EXPECT_EQ(Brief(answer), "ERR no-quorum") << Line(answer);
}

}  // namespace
}  // namespace redlockd::test
