#include "tests/support/tcp_proxy.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <memory>

#include "tests/support/redis_node.h"

namespace redlockd::test {
namespace {

// A PING to the node through the proxy.
class TcpProxyTest : public testing::Test {
 protected:
  void Connect() {
    const std::string address = proxy_.Address();
    const int port = std::stoi(address.substr(address.find(':') + 1));
    context_.reset(redisConnectWithTimeout("127.0.0.1", port, timeval{.tv_sec = 5, .tv_usec = 0}));
    ASSERT_EQ(context_->err, 0);
  }
  // Whether the answer came in time, and how long it took.
  bool Ping(Duration patience = kPatience) {
    const Duration start = BootTime();
    redisSetTimeout(context_.get(),
                    timeval{.tv_sec = patience / 1s, .tv_usec = patience % 1s / 1us});
    const auto reply = static_cast<redisReply*>(redisCommand(context_.get(), "PING"));
    took_ = BootTime() - start;
    if (reply != nullptr) freeReplyObject(reply);
    return reply != nullptr;
  }

  RedisNode node_;
  TcpProxy proxy_{node_.port()};
  std::unique_ptr<redisContext, decltype(&redisFree)> context_{nullptr, &redisFree};
  Duration took_{};
};

TEST_F(TcpProxyTest, ForwardsAsItIs) {
  Connect();
  EXPECT_TRUE(Ping());
  EXPECT_TRUE(Ping());
}

TEST_F(TcpProxyTest, DelaysEachWay) {
  Connect();
  proxy_.Delay(TcpProxy::kToServer, 60ms);
  EXPECT_TRUE(Ping());
  EXPECT_GE(took_, 60ms);
  proxy_.Delay(TcpProxy::kToClient, 60ms);
  EXPECT_TRUE(Ping());
  EXPECT_GE(took_, 120ms);
}

TEST_F(TcpProxyTest, DripsBytes) {
  Connect();
  proxy_.Drip(TcpProxy::kToClient, 10ms);
  EXPECT_TRUE(Ping());
  EXPECT_GE(took_, 60ms) << "+PONG CR LF is 7 bytes";
}

TEST_F(TcpProxyTest, PausesAndGoesOn) {
  Connect();
  proxy_.Pause(true);
  EXPECT_FALSE(Ping(50ms));
  Connect();
  proxy_.Pause(false);
  EXPECT_TRUE(Ping());
}

TEST_F(TcpProxyTest, LosesOneWay) {
  Connect();
  EXPECT_TRUE(Ping());
  proxy_.Lose(TcpProxy::kToClient, true);
  const std::string before = node_.Command({"INFO", "commandstats"});
  EXPECT_FALSE(Ping(50ms));
  EXPECT_TRUE(Eventually([&] {
    return node_.Command({"INFO", "commandstats"}).find("cmdstat_ping:calls=2") !=
           std::string::npos;
  })) << "the node did not get it: "
      << before;
}

TEST_F(TcpProxyTest, CutsWhatIsOpenAndTakesNewOnes) {
  Connect();
  EXPECT_TRUE(Ping());
  proxy_.Cut();
  EXPECT_FALSE(Ping());
  Connect();
  EXPECT_TRUE(Ping());
}

TEST_F(TcpProxyTest, ForgetsTheConnectionsThereAreAndTakesNewOnes) {
  Connect();
  EXPECT_TRUE(Ping());
  proxy_.Forget();
  EXPECT_FALSE(Ping(100ms));
  Connect();
  EXPECT_TRUE(Ping());
}

TEST_F(TcpProxyTest, LeadsNewConnectionsElsewhere) {
  RedisNode other;
  other.Command({"SET", "here", "1"});
  const auto is_there = [&] {
    Connect();
    const auto reply = static_cast<redisReply*>(redisCommand(context_.get(), "EXISTS here"));
    const bool there = reply->integer == 1;
    freeReplyObject(reply);
    return there;
  };
  EXPECT_FALSE(is_there());
  proxy_.LeadTo({node_.port(), other.port()});
  EXPECT_NE(is_there(), is_there());
  proxy_.LeadTo({other.port()});
  EXPECT_TRUE(is_there());
}

}  // namespace
}  // namespace redlockd::test
