// Plain Redlock clients on the same name and nodes: keys are respected both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

constexpr char kCompareAndDelete[] =
    "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) "
    "else return 0 end";

// What every Redlock library does, by redis-cli.
class PlainClient {
 public:
  explicit PlainClient(Nodes& nodes) : nodes_(nodes) {}

  // On how many of the nodes [first, last) it got the key.
  std::size_t Acquire(const std::string& key, std::size_t first, std::size_t last,
                      const std::string& px = "60000") {
    std::size_t acquired = 0;
    for (std::size_t i = first; i < last; ++i) {
      acquired += Cli(i, {"SET", key, kValue, "NX", "PX", px}) == "OK\n";
    }
    return acquired;
  }
  // On how many nodes it deleted the key.
  std::size_t Release(const std::string& key) {
    std::size_t deleted = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      deleted += Cli(i, {"EVAL", kCompareAndDelete, "1", key, kValue}) == "1\n";
    }
    return deleted;
  }

 private:
  static constexpr char kValue[] = "c0ffee0123456789";

  std::string Cli(std::size_t node, const std::vector<std::string>& args) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDIS_CLI, "-s", nodes_[node].SocketPath()};
    argv.insert(argv.end(), args.begin(), args.end());
    return RunProgram(std::move(argv)).output;
  }

  Nodes& nodes_;
};

class PlainRedlockTest : public testing::Test {
 protected:
  World world_{5};
  PlainClient plain_{world_.nodes};
  LineClient client_ = world_.Connect();
};

TEST_F(PlainRedlockTest, ItsLockKeepsUsOut) {
  ASSERT_EQ(plain_.Acquire("a", 0, 5), 5u);
  EXPECT_EQ(client_.Brief("trylock a"), "ERR busy");
  EXPECT_EQ(client_.Brief("lock a wait=200ms"), "ERR timeout");
  EXPECT_EQ(plain_.Release("a"), 5u) << "we have touched it";
}

TEST_F(PlainRedlockTest, ABareMajorityOfItKeepsUsOut) {
  ASSERT_EQ(plain_.Acquire("a", 2, 5), 3u);
  EXPECT_EQ(client_.Brief("trylock a"), "ERR busy");
  EXPECT_TRUE(Eventually([&] {
    return world_.nodes[0].Command({"EXISTS", "a"}) == "0" &&
           world_.nodes[1].Command({"EXISTS", "a"}) == "0";
  })) << "what our try got is rolled back";
}

TEST_F(PlainRedlockTest, AMinorityOfItDoesNot) {
  ASSERT_EQ(plain_.Acquire("a", 0, 2), 2u);
  const Reply grant = client_.Ask("trylock a");
  EXPECT_EQ(Brief(grant), "OK") << Line(grant);
  EXPECT_EQ(Get(grant, "votes"), "3/5");
}

TEST_F(PlainRedlockTest, AWaiterGetsItWhenItIsReleased) {
  ASSERT_EQ(plain_.Acquire("a", 0, 5), 5u);
  client_.Send("lock a");
  LineClient observer = world_.Connect();
  ASSERT_TRUE(Eventually([&] { return GetNumber(observer.Ask("list"), "waits") == 1; }));
  EXPECT_EQ(plain_.Release("a"), 5u);
  EXPECT_EQ(Brief(client_.Answer()), "OK");
}

TEST_F(PlainRedlockTest, AWaiterGetsItWhenItExpires) {
  ASSERT_EQ(plain_.Acquire("a", 0, 5, "700"), 5u);
  const Duration start = BootTime();
  EXPECT_EQ(Brief(client_.Ask("lock a")), "OK");
  EXPECT_GE(BootTime() - start, 400ms) << "its key was there for most of 700ms";
}

TEST_F(PlainRedlockTest, OurLockKeepsItOut) {
  client_.Ask("lock a ttl=600ms events=renew");
  ASSERT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 5; }));
  EXPECT_EQ(plain_.Acquire("a", 0, 5), 0u);
  EXPECT_EQ(plain_.Release("a"), 0u) << "compared on the value";
  client_.Event("RENEWED");
  EXPECT_EQ(plain_.Acquire("a", 0, 5), 0u);
  client_.Ask("unlock a");
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; }));
  EXPECT_EQ(plain_.Acquire("a", 0, 5), 5u);
}

TEST_F(PlainRedlockTest, AKeyThatIsNoLockIsNeverTouched) {
  for (std::size_t i = 0; i < 5; ++i) world_.nodes[i].Command({"RPUSH", "a", "x"});
  const Reply answer = client_.Ask("lock a wait=300ms");
  EXPECT_EQ(answer.kind, Reply::Kind::kErr) << Line(answer);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(world_.nodes[i].Command({"LLEN", "a"}), "1");
  EXPECT_EQ(client_.Brief("lock b"), "OK") << "nothing else suffers from it";
}

}  // namespace
}  // namespace redlockd::test
