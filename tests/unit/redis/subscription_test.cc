// The connection on which a node tells a daemon things, against a scripted node and real ones.
#include "daemon/redis/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/redis_node.h"
#include "tests/support/wait.h"
#include "tests/unit/redis/fake_node.h"

namespace redlockd::redis {
namespace {

using engine::NodeHint;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kChannel = "redlockd:to:me";

// --- the connection -----------------------------------------------------------------------------

class SubscriptionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.instance = "me";
    options_.set.key_prefix = "app:";
  }

  NodeOptions& SetNode(const std::string& path) {
    NodeOptions& node = options_.nodes.emplace_back();
    node.address.path = path;
    node.connect_timeout = test::kPatience;
    return node;
  }
  void Start() {
    subscription_ = std::make_unique<Subscription>(
        Subscription::Parts{loop_, resolver_, options_, 0, callbacks_}, 1);
  }
  bool Until(const std::function<bool()>& condition) {
    return loop_.RunUntil(condition, test::kPatience);
  }
  bool UntilSubscribed(const test::RedisNode& server) {
    return Until([&] {
      return server.Command({"PUBSUB", "NUMSUB", kChannel}) == kChannel + "\n1";
    });
  }
  // What a scripted node says to SUBSCRIBE, and a message on that channel.
  static std::string Subscribed() {
    return "*3\r\n" + Bulk("subscribe") + Bulk(kChannel) + ":1\r\n";
  }
  static std::string Message(const std::string& text) {
    return "*3\r\n" + Bulk("message") + Bulk(kChannel) + Bulk(text);
  }
  // A node that answers well, for as long as it is asked less than `times`.
  void AnswerWell(FakeNode& fake, std::size_t times = 1000) {
    fake.answer = [&fake, times](const FakeNode::Argv& argv) -> std::string {
      if (argv[0] != "SUBSCRIBE") return FakeNode::Good(argv);
      return fake.Count("SUBSCRIBE") < times ? Subscribed() : "";
    };
  }

  event::Loop loop_;
  Options options_;
  Resolver resolver_{loop_};
  std::vector<std::string> heard_, notes_;
  std::vector<bool> subscribed_;  // what it said of that, in order
  const Callbacks callbacks_{
      .on_event =
          [this](const engine::Event& event) {
            if (const auto* subscribed = std::get_if<engine::NodeSubscribed>(&event)) {
              EXPECT_EQ(subscribed->node, 0u);
              subscribed_.push_back(subscribed->subscribed);
              EXPECT_EQ(subscription_->is_subscribed(), subscribed->subscribed);
              return;
            }
            ASSERT_TRUE(std::holds_alternative<NodeHint>(event)) << "it is no link";
            heard_.push_back(std::get<NodeHint>(event).lock);
          },
      .on_note = [this](engine::NodeIndex, const std::string& note) { notes_.push_back(note); }};
  std::unique_ptr<Subscription> subscription_;
};

TEST_F(SubscriptionTest, LogsInAndSubscribesAndHears) {
  FakeNode fake(loop_);
  AnswerWell(fake);
  NodeOptions& node = SetNode(fake.path());
  node.username = "redlock";
  node.password = "secret";
  node.database = 3;
  Start();
  ASSERT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == 1; }));
  EXPECT_THAT(fake.heard, ElementsAre(ElementsAre("AUTH", "redlock", "secret"),
                                      ElementsAre("SUBSCRIBE", kChannel)));
  const std::string two = Message("wanted app:a") + Message("free app:b");
  fake.Say(two.substr(0, 30));
  fake.Say(two.substr(30));
  ASSERT_TRUE(Until([&] { return heard_.size() == 2; }));
  EXPECT_THAT(heard_, ElementsAre("a", "b"));
}

TEST_F(SubscriptionTest, WhatAnybodyElsePublishesIsPassedOver) {
  FakeNode fake(loop_);
  AnswerWell(fake);
  SetNode(fake.path());
  Start();
  ASSERT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == 1; }));
  fake.Say(Message("hello") + Message("") + Message("free other:x") + Message("free app:x"));
  ASSERT_TRUE(Until([&] { return !heard_.empty(); }));
  EXPECT_THAT(heard_, ElementsAre("x"));
  EXPECT_EQ(fake.Count("SUBSCRIBE"), 1u);
}

TEST_F(SubscriptionTest, WhatIsNotExpectedEndsTheConnectionAndItIsMadeAgain) {
  FakeNode fake(loop_);
  AnswerWell(fake);
  SetNode(fake.path());
  Start();
  const std::string odd[] = {
      "HTTP/1.1 400 Bad Request\r\n",
      ":1\r\n",
      "*3\r\n" + Bulk("goodbye") + Bulk(kChannel) + Bulk("x"),
      "*2147483647\r\n",
      Message("free app:" + std::string(2'000, 'x')),
      "$100000\r\n" + std::string(10'000, 'x'),
  };
  std::size_t times = 1;
  for (const std::string& bytes : odd) {
    ASSERT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == times; })) << bytes.substr(0, 40);
    fake.Say(bytes);
    ++times;
  }
  EXPECT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == times; }));
  EXPECT_THAT(heard_, IsEmpty());
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(SubscriptionTest, ASlowNodeHasLongerForEachTry) {
  FakeNode fake(loop_);
  std::vector<std::chrono::steady_clock::time_point> asked;
  fake.answer = [&](const FakeNode::Argv&) {
    asked.push_back(std::chrono::steady_clock::now());
    return "";
  };
  SetNode(fake.path()).connect_timeout = std::chrono::milliseconds(50);
  Start();
  ASSERT_TRUE(Until([&] { return asked.size() == 4; }));
  // 50, 100 and 200 ms; 150 in all if it never had longer. The first may have been read late.
  EXPECT_GT(asked.at(3) - asked.at(0), std::chrono::milliseconds(250));
}

TEST_F(SubscriptionTest, ANodeThatIsSilentIsGivenUp) {
  FakeNode fake(loop_);
  AnswerWell(fake, 2);  // alive once, and not when it is asked again
  SetNode(fake.path());
  Start();
  ASSERT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == 2; })) << "it is not asked again";
  EXPECT_EQ(fake.connections(), 1u) << "an idle connection is kept";
  EXPECT_THAT(subscribed_, ElementsAre(true)) << "and said once";
  EXPECT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == 3; }));
}

TEST_F(SubscriptionTest, ANodeThatDoesNotAnswerIsTriedAgain) {
  FakeNode fake(loop_);
  fake.answer = [](const FakeNode::Argv&) { return ""; };
  SetNode(fake.path()).connect_timeout = std::chrono::milliseconds(20);
  Start();
  EXPECT_TRUE(Until([&] { return fake.Count("SUBSCRIBE") == 3; }));
  EXPECT_THAT(subscribed_, IsEmpty());
}

TEST_F(SubscriptionTest, AWrongPasswordIsForTheLinksToTell) {
  FakeNode fake(loop_);
  fake.answer = [](const FakeNode::Argv& argv) -> std::string {
    return argv[0] == "AUTH" ? "-WRONGPASS no\r\n" : "-NOAUTH Authentication required.\r\n";
  };
  SetNode(fake.path()).password = "wrong";
  Start();
  EXPECT_TRUE(Until([&] { return fake.Count("AUTH") == 3; }));
  EXPECT_THAT(notes_, IsEmpty());
}

// --- real nodes ---------------------------------------------------------------------------------

TEST_F(SubscriptionTest, ARestartedNodeIsListenedToAgain) {
  test::RedisNode server;
  SetNode(server.SocketPath());
  Start();
  ASSERT_TRUE(UntilSubscribed(server));
  server.Command({"PUBLISH", kChannel, "free app:before"});
  ASSERT_TRUE(Until([&] { return heard_.size() == 1; }));
  server.RestartEmpty();
  ASSERT_TRUE(UntilSubscribed(server));
  server.Command({"PUBLISH", kChannel, "free app:after"});
  ASSERT_TRUE(Until([&] { return heard_.size() == 2; }));
  EXPECT_THAT(heard_, ElementsAre("before", "after"));
  EXPECT_THAT(subscribed_, ElementsAre(true, false, true));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(SubscriptionTest, AnIdleConnectionIsKept) {
  test::RedisNode server;
  SetNode(server.SocketPath());
  Start();
  ASSERT_TRUE(UntilSubscribed(server));
  const std::string before = server.Command({"CLIENT", "LIST", "TYPE", "pubsub"});
  const std::string again = "cmdstat_subscribe:calls=3,";
  ASSERT_TRUE(Until([&] {
    return server.Command({"INFO", "commandstats"}).find(again) != std::string::npos;
  }));
  const std::string id = before.substr(0, before.find(' '));
  EXPECT_THAT(server.Command({"CLIENT", "LIST", "TYPE", "pubsub"}), HasSubstr(id + " "));
}

TEST_F(SubscriptionTest, ANodeThatRefusesTheChannelIsNoted) {
  test::RedisNode server;
  server.Command({"ACL", "SETUSER", "redlock", "on", ">secret", "+subscribe", "resetchannels"});
  NodeOptions& node = SetNode(server.SocketPath());
  node.username = "redlock";
  node.password = "secret";
  Start();
  ASSERT_TRUE(Until([&] { return !notes_.empty(); }));
  EXPECT_THAT(notes_[0], HasSubstr("SUBSCRIBE: NOPERM"));
}

TEST_F(SubscriptionTest, RightsThatAreTakenAwayAreNoted) {
  test::RedisNode server;
  server.Command(
      {"ACL", "SETUSER", "redlock", "on", ">secret", "+subscribe", "resetchannels", "&redlockd:*"});
  NodeOptions& node = SetNode(server.SocketPath());
  node.username = "redlock";
  node.password = "secret";
  Start();
  ASSERT_TRUE(UntilSubscribed(server));
  server.Command({"ACL", "SETUSER", "redlock", "-subscribe"});
  ASSERT_TRUE(Until([&] { return !notes_.empty(); }));
  EXPECT_THAT(notes_, SizeIs(1));
  EXPECT_THAT(notes_[0], HasSubstr("SUBSCRIBE: NOPERM"));
}

}  // namespace
}  // namespace redlockd::redis
