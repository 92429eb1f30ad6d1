// Links that are slow, cut, half dead: through proxies of the test's own.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <deque>
#include <memory>
#include <sstream>

#include "tests/support/daemon.h"
#include "tests/support/tcp_proxy.h"

namespace redlockd::test {
namespace {

class BadLinksTest : public testing::Test {
 protected:
  BadLinksTest() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) proxies_.emplace_back(nodes_[i].port());
    std::vector<std::string> addresses;
    for (const TcpProxy& proxy : proxies_) addresses.push_back(proxy.Address());
    daemon_.emplace(DaemonOptions{.addresses = addresses, .max_ttl = "10s"});
    daemon_->TrustEmpty();
  }

  // Locks, keeps beyond the ttl, lets go, again and again.
  void ExpectService() {
    LineClient holder = daemon_->Connect(), client = daemon_->Connect();
    const Reply held = holder.Ask("lock held ttl=1s events=renew");
    ASSERT_EQ(Brief(held), "OK") << Line(held);
    for (int i = 0; i < 10; ++i) {
      const Reply grant = client.Ask("lock a");
      ASSERT_EQ(Brief(grant), "OK") << Line(grant);
      ASSERT_EQ(client.Brief("unlock a"), "OK");
    }
    while (GetNumber(holder.Event("RENEWED"), "deadline") <
           GetNumber(held, "deadline") + Duration(1s).count()) {
    }
    EXPECT_FALSE(holder.HasEvent("LOST"));
    EXPECT_EQ(holder.Brief("unlock held"), "OK");
  }
  // What is let go is gone from all nodes in the end, also from those that were away.
  void ExpectNothingLeft() {
    EXPECT_TRUE(Eventually([&] { return nodes_.CountWith("a") + nodes_.CountWith("held") == 0; }));
  }

  Nodes nodes_{5};
  std::deque<TcpProxy> proxies_;
  std::optional<Daemon> daemon_;
};

TEST_F(BadLinksTest, SlowerThanTheTimeoutTwoOfFive) {
  for (int i = 0; i < 2; ++i) proxies_[i].Delay(TcpProxy::kToClient, 250ms);
  ExpectService();
  ExpectNothingLeft();
}

TEST_F(BadLinksTest, AllSomewhatSlow) {
  for (TcpProxy& proxy : proxies_) proxy.Delay(TcpProxy::kToServer, 20ms);
  ExpectService();
  ExpectNothingLeft();
}

TEST_F(BadLinksTest, AnswersAreLost) {
  for (int i = 0; i < 2; ++i) proxies_[i].Lose(TcpProxy::kToClient, true);
  ExpectService();
  for (int i = 0; i < 2; ++i) proxies_[i].Lose(TcpProxy::kToClient, false);
  ExpectNothingLeft();
  daemon_->WaitForNodes(5);
}

TEST_F(BadLinksTest, CommandsAreLost) {
  for (int i = 0; i < 2; ++i) proxies_[i].Lose(TcpProxy::kToServer, true);
  ExpectService();
  for (int i = 0; i < 2; ++i) proxies_[i].Lose(TcpProxy::kToServer, false);
  daemon_->WaitForNodes(5);
}

TEST_F(BadLinksTest, BytesDrip) {
  for (int i = 0; i < 2; ++i) proxies_[i].Drip(TcpProxy::kToClient, 2ms);
  ExpectService();
  for (int i = 0; i < 2; ++i) proxies_[i].Drip(TcpProxy::kToClient, 0ms);
  ExpectNothingLeft();
}

TEST_F(BadLinksTest, AllCutAgainAndAgain) {
  LineClient client = daemon_->Connect();
  client.Ask("lock held ttl=2s");
  for (int i = 0; i < 5; ++i) {
    for (TcpProxy& proxy : proxies_) proxy.Cut();
    const Reply grant = client.Ask("lock a");
    ASSERT_EQ(Brief(grant), "OK") << Line(grant);
    ASSERT_EQ(client.Brief("unlock a"), "OK");
  }
  EXPECT_FALSE(client.HasEvent("LOST"));
  EXPECT_EQ(client.Brief("unlock held"), "OK");
  ExpectNothingLeft();
}

TEST_F(BadLinksTest, AMajorityWhoseAnswersAreLost) {
  LineClient client = daemon_->Connect();
  for (int i = 0; i < 3; ++i) proxies_[i].Lose(TcpProxy::kToClient, true);
  EXPECT_EQ(client.Brief("trylock a"), "ERR no-quorum");
  for (int i = 0; i < 3; ++i) proxies_[i].Lose(TcpProxy::kToClient, false);
  EXPECT_EQ(Brief(client.Ask("lock a")), "OK");
  EXPECT_EQ(client.Brief("unlock a"), "OK");
  ExpectNothingLeft();
}

TEST_F(BadLinksTest, AReleaseHeldUpReachesTheNodeInTheEnd) {
  LineClient client = daemon_->Connect();
  client.Ask("lock a ttl=10s");  // longer than a slow machine takes to look
  ASSERT_TRUE(Eventually([&] { return nodes_.CountWith("a") == 5; }));
  proxies_[0].Pause(true);
  EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  EXPECT_TRUE(Eventually([&] { return nodes_.CountWith("a") == 1; }));
  EXPECT_EQ(client.Brief("lock a"), "OK") << "a key left behind on one node stops nobody";
  EXPECT_EQ(client.Brief("unlock a"), "OK");
  proxies_[0].Pause(false);
  ExpectNothingLeft();
}

// A middlebox that forgets connections tells neither side. That they are dead is found, and they
// are made again, though nobody asks for a lock.
TEST_F(BadLinksTest, ConnectionsThatANetworkForgotAreFoundBeforeALockNeedsThem) {
  std::vector<std::size_t> before;
  for (TcpProxy& proxy : proxies_) before.push_back(proxy.Accepted());
  for (TcpProxy& proxy : proxies_) proxy.Forget();
  for (std::size_t i = 0; i < proxies_.size(); ++i) {
    EXPECT_TRUE(Eventually([&] { return proxies_[i].Accepted() >= 2 * before[i]; }));
  }
  daemon_->WaitForNodes(5);
  LineClient client = daemon_->Connect();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(client.Brief("trylock job" + std::to_string(i)), "OK");
  }
}

class OneAddressTest : public BadLinksTest {
 protected:
  // Ends one of the daemon's connections for questions to node 0.
  void EndOneConnection() {
    std::istringstream list(nodes_[0].Command({"CLIENT", "LIST", "TYPE", "normal"}));
    for (std::string line; std::getline(list, line);) {
      if (line.find("cmd=client") != std::string::npos) continue;  // of this test
      const std::string id = line.substr(3, line.find(' ') - 3);
      ASSERT_EQ(nodes_[0].Command({"CLIENT", "KILL", "ID", id}), "1");
      return;
    }
    FAIL() << "the daemon has no connection";
  }
  bool Says(const std::string& text) {
    return daemon_->NodeRow(0).text.find(text) != std::string::npos;
  }
  RedisNode spare_;  // another server, with nothing on it
};

TEST_F(OneAddressTest, ANameThatLeadsElsewhereByNowIsNotedAndTheServerThatVotesIsKept) {
  proxies_[0].LeadTo({spare_.port()});
  EndOneConnection();
  EXPECT_TRUE(
      Eventually([&] { return Says("1 of 2 connections missing: the address leads to "); }));
  EXPECT_TRUE(daemon_->NodeIs(0, "up"));
  EXPECT_NE(daemon_->Log().find("the address leads to another server"), std::string::npos);
  ExpectService();
  EXPECT_EQ(spare_.Command({"DBSIZE"}), "0");
  proxies_[0].LeadTo({nodes_[0].port()});
  EXPECT_TRUE(Eventually([&] { return !Says("missing"); }));
  ExpectNothingLeft();
}

TEST_F(OneAddressTest, BehindABalancerOneServerIsTheNode) {
  proxies_[0].LeadTo({nodes_[0].port(), spare_.port()});
  for (int i = 0; i < 5; ++i) {
    EndOneConnection();
    ExpectService();
  }
  EXPECT_TRUE(Eventually([&] { return !Says("missing"); })) << "in turn it meets the same again";
  EXPECT_EQ(spare_.Command({"DBSIZE"}), "0");
  EXPECT_TRUE(daemon_->NodeIs(0, "up"));
}

// Another daemon has the server for that node, and this one is led to an empty one: each would have
// a majority of its own where a partition comes as well (rule D10).
TEST_F(OneAddressTest, AServerThatAnotherDaemonDoesNotReachAsThatNodeIsNotCounted) {
  Daemon other(DaemonOptions{.addresses = nodes_.Addresses(), .max_ttl = "10s"});
  other.WaitForNodes(nodes_.size());
  proxies_[0].LeadTo({spare_.port()});
  proxies_[0].Cut();
  EXPECT_TRUE(Eventually([&] { return Says("is a different server for another daemon"); }))
      << Line(daemon_->NodeRow(0));
  EXPECT_TRUE(daemon_->NodeIs(0, "refused"));
  EXPECT_NE(daemon_->Log().find("is a different server for another daemon"), std::string::npos);
  EXPECT_TRUE(other.NodeIs(0, "up")) << "who has the node keeps it";
  LineClient client = daemon_->Connect();
  EXPECT_EQ(Brief(client.Ask("lock a")), "OK") << "by the others";
  proxies_[0].LeadTo({nodes_[0].port()});
  proxies_[0].Cut();
  EXPECT_TRUE(Eventually([&] { return daemon_->NodeIs(0, "up"); }));
}

// One name, two servers with the same port: the one that is met first is the node, on every link.
class SeveralAddresses : public testing::Test {
 protected:
  static constexpr char kName[] = "several.redlockd.test";

  static RedisNode::Options Second(std::uint16_t port) {
    return {.args = {"--bind", "127.0.0.2", "--port", std::to_string(port)}};
  }
  // Connections of the daemon, not of this test.
  static long ConnectionsTo(const RedisNode& node) {
    std::istringstream list(node.Command({"CLIENT", "LIST", "TYPE", "normal"}));
    long count = -1;
    for (std::string line; std::getline(list, line);) ++count;
    return count;
  }
  // A command that runs another where the name has both addresses; none if that can't be had.
  std::optional<std::vector<std::string>> Named() {
    WriteFile(dir_ / "hosts", "127.0.0.1 localhost\n127.0.0.1 " + std::string(kName) +
                                  "\n127.0.0.2 " + kName + "\n");
    const std::vector<std::string> within = {
        "unshare",     "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"",
        dir_ / "hosts"};
    std::vector<std::string> try_it = within;
    try_it.push_back("true");
    if (Process(try_it).Wait() != ExitCode(0)) return std::nullopt;
    return within;
  }

  TempDir dir_;
  RedisNode first_;
  RedisNode second_{Second(first_.port())};
  Nodes others_{2};
};

TEST_F(SeveralAddresses, OfANameAreNotTakenForOneNode) {
  const auto within = Named();
  if (!within) GTEST_SKIP() << "no mount namespace here";
  Daemon daemon({.addresses = {kName + (":" + std::to_string(first_.port())), others_[0].Address(),
                               others_[1].Address()},
                 .within = *within});
  daemon.TrustEmpty();
  RedisNode& used = first_.Command({"DBSIZE"}) == "0" ? second_ : first_;
  RedisNode& unused = &used == &first_ ? second_ : first_;
  EXPECT_EQ(ConnectionsTo(used), 2);
  EXPECT_EQ(ConnectionsTo(unused), 0);
  EXPECT_EQ(unused.Command({"DBSIZE"}), "0");

  used.Kill();
  EXPECT_TRUE(Eventually([&] {
    return daemon.NodeRow(0).text.find("new or restarted") != std::string::npos;
  })) << "the other is not the node until all that the first may have granted is over: "
      << Line(daemon.NodeRow(0));
  EXPECT_EQ(Brief(daemon.Connect().Ask("lock a")), "OK") << "by the others";
}

TEST_F(BadLinksTest, ANodeThatTakesNoMoreConnectionsSaysSoAndServesAllLocksByThoseItHas) {
  std::deque<std::unique_ptr<redisContext, decltype(&redisFree)>> others;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    // Room for the hints and one link; others are there first when the daemon comes again.
    nodes_[i].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    redisContext* admin = redisConnectUnix(nodes_[i].SocketPath().c_str());
    others.emplace_back(admin, &redisFree);
    freeReplyObject(redisCommand(admin, "CONFIG SET maxclients 3"));
    freeReplyObject(redisCommand(admin, "CLIENT KILL TYPE normal SKIPME yes"));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Reply row;
    EXPECT_TRUE(Eventually([&] {
      row = daemon_->NodeRow(i);
      return Get(row, "state") == "up" && row.text.rfind("1 of 2 connections missing: ", 0) == 0 &&
             row.text.find("max number of clients") != std::string::npos;
    })) << Line(row);
  }
  EXPECT_NE(daemon_->Log().find("1 of 2 connections missing"), std::string::npos);
  LineClient client = daemon_->Connect();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.Brief("trylock job" + std::to_string(i)), "OK");
  }
}

}  // namespace
}  // namespace redlockd::test
