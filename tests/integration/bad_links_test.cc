// Links that are slow, cut, half dead: through proxies of the test's own.
#include <gtest/gtest.h>

#include <deque>

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

}  // namespace
}  // namespace redlockd::test
