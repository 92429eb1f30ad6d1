#include "tests/sim/store.h"

#include <gtest/gtest.h>

namespace redlockd::sim {
namespace {

constexpr engine::NodeTime kStart =
    1'700'000'000'123'999;  // the last microsecond of its millisecond
constexpr engine::NodeTime kMs = 1000;

class StoreTest : public ::testing::Test {
 protected:
  Reply Do(std::vector<std::string_view> argv) { return store_.Execute(now_, argv); }
  static Reply Texts(const std::vector<std::string>& texts) {
    Reply reply{.kind = Reply::Kind::kArray};
    for (const std::string& text : texts) reply.elements.push_back(Reply::String(text));
    return reply;
  }

  Store store_;
  engine::NodeTime now_ = kStart;
};

TEST_F(StoreTest, AKeyLivesThroughItsLastMillisecond) {
  EXPECT_EQ(Do({"SET", "key", "value", "PX", "5"}), Reply::Status("OK"));
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(5));
  now_ = kStart + 5 * kMs;
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(0));
  EXPECT_EQ(Do({"GET", "key"}), Reply::String("value"));
  now_ += 1;  // and a microsecond more is another millisecond
  EXPECT_EQ(store_.Get(now_, "key"), std::nullopt);
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(-2));
}

TEST_F(StoreTest, AnExpiredKeyIsBackWithTheClockUnlessItWasMet) {
  Do({"SET", "met", "1", "PX", "5"});
  Do({"SET", "unmet", "1", "PX", "5"});
  now_ = kStart + 10 * kMs;
  EXPECT_EQ(Do({"GET", "met"}), Reply{});
  EXPECT_TRUE(store_.Keys(now_).empty());
  now_ = kStart;
  EXPECT_EQ(Do({"GET", "met"}), Reply{});
  EXPECT_EQ(Do({"GET", "unmet"}), Reply::String("1"));
  store_.DropExpired(kStart + 10 * kMs);
  EXPECT_EQ(Do({"GET", "unmet"}), Reply{});
}

TEST_F(StoreTest, ACopyIsASnapshot) {
  Do({"SET", "key", "old"});
  const Store snapshot = store_;
  Do({"SET", "key", "new"});
  store_.Clear();
  EXPECT_EQ(snapshot.Get(now_, "key"), "old");
  EXPECT_EQ(store_.Get(now_, "key"), std::nullopt);
}

TEST_F(StoreTest, SetForgetsTheExpiryAndTheType) {
  Do({"SET", "key", "1", "px", "5"});
  Do({"set", "key", "2"});
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(-1));
  Do({"DEL", "key"});
  Do({"HSET", "key", "field", "1"});
  EXPECT_EQ(Do({"GET", "key"}).kind, Reply::Kind::kError);
  Do({"SET", "key", "3"});
  EXPECT_EQ(Do({"TYPE", "key"}), Reply::Status("string"));
}

TEST_F(StoreTest, AHashKeepsItsExpiryAndGoesWithItsLastField) {
  EXPECT_EQ(Do({"HSET", "key", "a", "1", "b", "2"}), Reply::Integer(2));
  EXPECT_EQ(Do({"PEXPIRE", "key", "5"}), Reply::Integer(1));
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(5));
  EXPECT_EQ(Do({"HMGET", "key", "a", "c"}).elements,
            (std::vector<Reply>{Reply::String("1"), Reply{}}));
  EXPECT_EQ(Do({"HGET", "key", "b"}), Reply::String("2"));
  EXPECT_EQ(Do({"HGET", "key", "c"}), Reply{});
  EXPECT_EQ(Do({"HGET", "none", "c"}), Reply{});
  EXPECT_EQ(Do({"HDEL", "key", "a", "b", "c"}), Reply::Integer(2));
  EXPECT_EQ(Do({"TYPE", "key"}), Reply::Status("none"));
}

TEST_F(StoreTest, AllOfAHashAreItsFieldsAndValues) {
  EXPECT_EQ(Do({"HGETALL", "key"}), Reply{.kind = Reply::Kind::kArray});
  Do({"HSET", "key", "b", "2", "a", "1"});
  EXPECT_EQ(Do({"HGETALL", "key"}).elements,
            (std::vector<Reply>{Reply::String("a"), Reply::String("1"), Reply::String("b"),
                                Reply::String("2")}));
  Do({"SET", "key", "text"});
  EXPECT_EQ(Do({"HGETALL", "key"}).kind, Reply::Kind::kError);
}

// --- sorted sets --------------------------------------------------------------------------------

TEST_F(StoreTest, ASortedSetIsInTheOrderOfScoresThenOfMembers) {
  EXPECT_EQ(Do({"ZADD", "key", "7", "c"}), Reply::Integer(1));
  EXPECT_EQ(Do({"ZADD", "key", "5", "b"}), Reply::Integer(1));
  EXPECT_EQ(Do({"ZADD", "key", "1763931234567890", "a"}), Reply::Integer(1));
  EXPECT_EQ(Do({"ZADD", "key", "5", "c"}), Reply::Integer(0)) << "it was there";
  EXPECT_EQ(Do({"TYPE", "key"}), Reply::Status("zset"));
  EXPECT_EQ(Do({"ZRANGE", "key", "0", "-1", "WITHSCORES"}),
            Texts({"b", "5", "c", "5", "a", "1763931234567890"}));
  EXPECT_EQ(Do({"ZRANGE", "key", "1", "1"}), Texts({"c"}));
  EXPECT_EQ(Do({"ZRANGE", "key", "3", "3"}), Texts({}));
  EXPECT_EQ(Do({"ZRANK", "key", "a"}), Reply::Integer(2));
  EXPECT_EQ(Do({"ZRANK", "key", "d"}), Reply{});
  EXPECT_EQ(Do({"ZSCORE", "key", "a"}), Reply::String("1763931234567890"));
  EXPECT_EQ(Do({"ZSCORE", "key", "d"}), Reply{});
  EXPECT_EQ(
      Do({"ZREVRANGEBYSCORE", "key", "1763931234567889", "-inf", "WITHSCORES", "LIMIT", "0", "1"}),
      Texts({"c", "5"}));
  EXPECT_EQ(Do({"ZREVRANGEBYSCORE", "key", "9e15", "-inf", "WITHSCORES", "LIMIT", "0", "2"}),
            Texts({"a", "1763931234567890", "c", "5"}));
}

TEST_F(StoreTest, ASortedSetKeepsItsExpiryAndGoesWithItsLastMember) {
  Do({"ZADD", "key", "1", "a"});
  Do({"PEXPIRE", "key", "5"});
  Do({"ZADD", "key", "2", "b"});
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(5));
  EXPECT_EQ(Do({"ZREM", "key", "a", "c"}), Reply::Integer(1));
  EXPECT_EQ(Do({"ZREM", "key", "b"}), Reply::Integer(1));
  EXPECT_EQ(Do({"TYPE", "key"}), Reply::Status("none"));
  EXPECT_EQ(Do({"ZRANK", "key", "a"}), Reply{});
  EXPECT_EQ(Do({"ZREM", "key", "a"}), Reply::Integer(0));
}

TEST_F(StoreTest, ZaddXxAddsNothing) {
  EXPECT_EQ(Do({"ZADD", "key", "XX", "1", "a"}), Reply::Integer(0));
  EXPECT_EQ(Do({"EXISTS", "key"}), Reply::Integer(0));
  Do({"ZADD", "key", "1", "a"});
  EXPECT_EQ(Do({"ZADD", "key", "xx", "2", "b"}), Reply::Integer(0));
  EXPECT_EQ(Do({"ZADD", "key", "XX", "2", "a"}), Reply::Integer(0));
  EXPECT_EQ(Do({"ZRANGE", "key", "0", "-1", "WITHSCORES"}), Texts({"a", "2"}));
}

TEST_F(StoreTest, RefusesWhatIsNoSortedSetAndWhatIsNoScore) {
  for (const std::string_view score : {"", "x", "nan", "-nan", "1x"}) {
    EXPECT_EQ(Do({"ZADD", "key", score, "a"}), Reply::Error("ERR value is not a valid float"));
  }
  EXPECT_EQ(Do({"ZADD", "key", "inf", "a"}), Reply::Integer(1));
  Do({"HSET", "key2", "field", "1"});
  const std::vector<std::vector<std::string_view>> commands = {
      {"ZADD", "key2", "1", "a"},
      {"ZADD", "key2", "XX", "1", "a"},
      {"ZREM", "key2", "a"},
      {"ZRANK", "key2", "a"},
      {"ZSCORE", "key2", "a"},
      {"ZRANGE", "key2", "0", "0"},
      {"ZREVRANGEBYSCORE", "key2", "1", "-inf", "WITHSCORES", "LIMIT", "0", "2"},
      {"GET", "key"},
      {"HGET", "key", "field"},
      {"HSET", "key", "field", "1"}};
  for (const auto& command : commands) {
    EXPECT_EQ(Do(command), Reply::Error("WRONGTYPE Operation against a key holding the wrong kind "
                                        "of value"))
        << command[0];
  }
}

// --- what is published --------------------------------------------------------------------------

TEST_F(StoreTest, KeepsWhatIsPublishedUntilItIsTakenAndSaysHowManyHearIt) {
  EXPECT_EQ(Do({"PUBLISH", "channel", "text"}), Reply::Integer(0));
  EXPECT_EQ(store_.TakePublished(), (std::vector<Store::Message>{{"channel", "text"}}));
  EXPECT_TRUE(store_.TakePublished().empty());
  store_.SetListeners([](std::string_view channel) { return channel == "channel" ? 2 : 0; });
  EXPECT_EQ(Do({"PUBLISH", "channel", "text"}), Reply::Integer(2));
  EXPECT_EQ(Do({"PUBLISH", "other", "text"}), Reply::Integer(0));
}

TEST_F(StoreTest, PexpireOfNothingDoesNothingAndIntoThePastDeletes) {
  EXPECT_EQ(Do({"PEXPIRE", "key", "5"}), Reply::Integer(0));
  EXPECT_TRUE(store_.Keys(now_).empty());
  Do({"SET", "key", "1"});
  EXPECT_EQ(Do({"PEXPIRE", "key", "0"}), Reply::Integer(1));
  EXPECT_EQ(Do({"GET", "key"}), Reply{});
}

TEST_F(StoreTest, RefusesWhatIsNoInteger) {
  const Reply refused = Reply::Error("ERR value is not an integer or out of range");
  for (const std::string_view text :
       {"", "-", "+5", "05", "-0", " 5", "5 ", "5.0", "1e3", "nan", "9223372036854775808"}) {
    EXPECT_EQ(Do({"SET", "key", "1", "PX", text}), refused) << text;
    EXPECT_EQ(Do({"PEXPIRE", "key", text}), refused) << text;
  }
  for (const std::string_view text : {"0", "-5", "9223372036854775807"}) {
    EXPECT_EQ(Do({"SET", "key", "1", "PX", text}),
              Reply::Error("ERR invalid expire time in 'set' command"))
        << text;
  }
  EXPECT_TRUE(store_.Keys(now_).empty());
}

}  // namespace
}  // namespace redlockd::sim
