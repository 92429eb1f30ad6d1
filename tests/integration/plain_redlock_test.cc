// Plain Redlock clients on the same name and nodes: keys are respected both ways, and who polls
// gets a turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/support/daemon.h"
#include "tests/support/relay.h"

namespace redlockd::test {
namespace {

constexpr char kCompareAndDelete[] =
    "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) "
    "else return 0 end";

// What every Redlock library does.
class PlainClient {
 public:
  explicit PlainClient(Nodes& nodes) : nodes_(nodes) {}

  // On how many of the nodes [first, last) it got the key.
  std::size_t Acquire(const std::string& key, std::size_t first, std::size_t last,
                      const std::string& px = "60000") {
    std::size_t acquired = 0;
    for (std::size_t i = first; i < last; ++i) {
      acquired += nodes_[i].Command({"SET", key, kValue, "NX", "PX", px}) == "OK";
    }
    return acquired;
  }
  // On how many nodes it deleted the key.
  std::size_t Release(const std::string& key) {
    std::size_t deleted = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      deleted += nodes_[i].Command({"EVAL", kCompareAndDelete, "1", key, kValue}) == "1";
    }
    return deleted;
  }

 private:
  static constexpr char kValue[] = "c0ffee0123456789";

  Nodes& nodes_;
};

class PlainRedlockTest : public testing::Test {
 protected:
  // Clients of the daemon want `a` without a break; after a tenure the plain one, that polls, finds
  // it free (rule E1).
  void ExpectATurnForWhoPolls(Relay::LetGo how) {
    Relay relay("a", how);
    relay.Join(world_.daemon, 3);
    ASSERT_TRUE(relay.Run([&] { return relay.grants().size() > 10; }));
    std::atomic<bool> got = false;
    {
      const std::jthread poller([&](const std::stop_token& over) {
        std::minstd_rand random(1);
        while (!over.stop_requested() && !got) got = PollOnce(random);
      });
      EXPECT_TRUE(relay.Run([&] { return got.load(); }, 20s)) << relay.grants().size() << " grants";
    }
    EXPECT_GE(plain_.Release("a"), 3u) << "it had a majority";
    const std::size_t before = relay.grants().size();
    EXPECT_TRUE(relay.Run([&] { return relay.grants().size() > before; })) << "they go on";
  }
  bool PollOnce(std::minstd_rand& random) {
    if (plain_.Acquire("a", 0, 5) >= 3) return true;
    plain_.Release("a");
    std::this_thread::sleep_for(std::uniform_int_distribution<>(5, 15)(random) * 1ms);
    return false;
  }

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

TEST_F(PlainRedlockTest, GetsATurnAmongClientsThatUnlock) {
  ExpectATurnForWhoPolls(Relay::LetGo::kUnlock);
}

TEST_F(PlainRedlockTest, GetsATurnAmongClientsThatClose) {
  ExpectATurnForWhoPolls(Relay::LetGo::kClose);
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
