// A minority of nodes may do anything: one and two of five.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

struct OneFault {
  std::string name;
  std::function<void(RedisNode&)> happen;
  std::function<void(RedisNode&)> mend;
};

// For the names of the tests.
void PrintTo(const OneFault& fault, std::ostream* out) { *out << fault.name; }

const OneFault kFaults[] = {
    {"Refuses", [](RedisNode& n) { n.Kill(); }, [](RedisNode& n) { n.Start(); }},
    {"Hangs", [](RedisNode& n) { n.Freeze(); }, [](RedisNode& n) { n.Thaw(); }},
    {"RestartsEmpty", [](RedisNode& n) { n.RestartEmpty(); }, [](RedisNode&) {}},
    {"IsFlushed", [](RedisNode& n) { n.Command({"FLUSHALL"}); }, [](RedisNode&) {}},
    {"ClockJumpsAhead", [](RedisNode& n) { n.ShiftClock(1h); },
     [](RedisNode& n) { n.ShiftClock(0s); }},
    {"ClockJumpsBack", [](RedisNode& n) { n.ShiftClock(-1h); },
     [](RedisNode& n) { n.ShiftClock(0s); }},
    {"Evicts",
     [](RedisNode& n) {
       n.Command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
     },
     [](RedisNode& n) {
       n.Command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
     }},
    {"BecomesAReplica",
     [](RedisNode& n) {
       n.Command({"REPLICAOF", "127.0.0.1", "1"});
     },
     [](RedisNode& n) {
       n.Command({"REPLICAOF", "NO", "ONE"});
     }},
    {"DropsItsClients",
     [](RedisNode& n) {
       n.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
     },
     [](RedisNode&) {}},
    {"ForgetsItsScripts",
     [](RedisNode& n) {
       n.Command({"SCRIPT", "FLUSH"});
     },
     [](RedisNode&) {}},
    {"IsPaused",
     [](RedisNode& n) {
       n.Command({"CLIENT", "PAUSE", "1500", "ALL"});
     },
     [](RedisNode&) {}},
};

using Case = std::tuple<OneFault, std::size_t>;

class MinorityTest : public testing::TestWithParam<Case> {
 protected:
  MinorityTest() { daemon_.TrustEmpty(); }
  const OneFault& fault() { return std::get<0>(GetParam()); }
  void ToEach(const std::function<void(RedisNode&)>& act) {
    for (std::size_t i = 0; i < std::get<1>(GetParam()); ++i) act(nodes_[i]);
  }

  Nodes nodes_{5, {.shifted_clock = true}};
  Daemon daemon_{nodes_.Addresses()};
};

TEST_P(MinorityTest, IsNotNoticed) {
  LineClient holder = daemon_.Connect(), other = daemon_.Connect();
  const Reply grant = holder.Ask("lock held ttl=1s events=renew");
  // All five, not just a majority: a straggler that runs on a clock already wrong would store a
  // fence far ahead of the right one.
  ASSERT_TRUE(Eventually([&] { return nodes_.CountWith("held") == 5; }));
  ToEach(fault().happen);

  // New locks are taken and let go.
  for (int i = 0; i < 5; ++i) {
    const Reply taken = other.Ask("lock other wait=5s");
    ASSERT_EQ(Brief(taken), "OK") << Line(taken);
    ASSERT_EQ(other.Brief("unlock other sync"), "OK");
  }
  // The one that was held is kept, for longer than the nodes would without a renewal.
  const std::uint64_t end = GetNumber(grant, "deadline") + Duration(1s).count();
  while (GetNumber(holder.Event("RENEWED"), "deadline") < end) {
  }
  EXPECT_EQ(other.Brief("trylock held"), "ERR busy");
  EXPECT_FALSE(holder.HasEvent("LOST"));

  // It is handed over with a greater fence.
  other.Send("lock held");
  EXPECT_EQ(holder.Brief("unlock held"), "OK");
  const Reply next = other.Answer();
  EXPECT_EQ(Brief(next), "OK") << Line(next);
  EXPECT_GT(GetNumber(next, "fence"), GetNumber(grant, "fence"));
  EXPECT_EQ(other.Brief("unlock held"), "OK");

  // Mended, they all vote again, and what was let go in between is let go there too.
  ToEach(fault().mend);
  daemon_.WaitForNodes(5);
  EXPECT_TRUE(
      Eventually([&] { return nodes_.CountWith("held") + nodes_.CountWith("other") == 0; }));
  EXPECT_EQ(Get(other.Ask("lock held"), "lock"), "held");
  EXPECT_TRUE(Eventually([&] { return nodes_.CountWith("held") == 5; }));
}

INSTANTIATE_TEST_SUITE_P(, MinorityTest,
                         testing::Combine(testing::ValuesIn(kFaults), testing::Values(1u, 2u)),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::get<0>(info.param).name +
                                  std::to_string(std::get<1>(info.param));
                         });

// What `nodes` says of each kind of node that is no use.
class NodeTextTest : public testing::Test {
 protected:
  NodeTextTest() { daemon_.TrustEmpty(); }
  void ExpectText(std::size_t node, const std::string& state, const std::string& text) {
    Reply row;
    EXPECT_TRUE(Eventually([&] {
      row = daemon_.NodeRow(node);
      return Get(row, "state") == state && row.text.find(text) != std::string::npos;
    })) << "expected "
        << state << " and '" << text << "', found " << Line(row);
  }

  Nodes nodes_{5, {.shifted_clock = true}};
  Daemon daemon_{nodes_.Addresses()};
};

TEST_F(NodeTextTest, SaysWhy) {
  nodes_[0].Kill();
  nodes_[1].ShiftClock(-1h);
  nodes_[2].Command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  nodes_[3].Command({"REPLICAOF", "127.0.0.1", "1"});
  nodes_[4].Command({"FLUSHALL"});
  ExpectText(4, "quarantine", "new or restarted");  // first: it passes
  ExpectText(0, "down", "refused");
  ExpectText(1, "refused", "clock off by -3600s");
  ExpectText(2, "refused", "allkeys-lru");
  ExpectText(3, "refused", "replica");
}

// A clock that was wrong before the daemon came.
TEST(ClockOffFromTheStart, IsNoVote) {
  Nodes nodes(5, {.shifted_clock = true});
  nodes[0].ShiftClock(1h);
  nodes[1].ShiftClock(-1h);
  Daemon daemon(nodes.Addresses());
  LineClient client = daemon.Connect();
  ASSERT_TRUE(Eventually([&] { return client.Brief("trust-empty") == "OK"; }));
  daemon.WaitForNodes(3);
  EXPECT_EQ(daemon.NodeRow(0).text, "clock off by 3600s");
  EXPECT_EQ(daemon.NodeRow(1).text, "clock off by -3600s");
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const Reply grant = client.Ask("lock a");
    ASSERT_EQ(Brief(grant), "OK") << Line(grant);
    EXPECT_EQ(Get(grant, "votes"), "3/5");
    EXPECT_GT(GetNumber(grant, "fence"), last);
    last = GetNumber(grant, "fence");
    client.Ask("unlock a");
  }
}

}  // namespace
}  // namespace redlockd::test
