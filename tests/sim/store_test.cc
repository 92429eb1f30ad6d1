#include "tests/sim/store.h"

#include <gtest/gtest.h>

namespace redlockd::sim {
namespace {

constexpr engine::NodeTime kNow = 1'700'000'000'123'999;  // the last microsecond of its millisecond
constexpr engine::NodeTime kMs = 1000;

class StoreTest : public ::testing::Test {
 protected:
  Reply Do(std::vector<std::string_view> argv) { return store_.Execute(now_, argv); }

  Store store_;
  engine::NodeTime now_ = kNow;
};

TEST_F(StoreTest, AKeyLivesThroughItsLastMillisecond) {
  EXPECT_EQ(Do({"SET", "key", "value", "PX", "5"}), Reply::Status("OK"));
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(5));
  now_ = kNow + 5 * kMs;
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(0));
  EXPECT_EQ(Do({"GET", "key"}), Reply::String("value"));
  now_ += 1;  // and a microsecond more is another millisecond
  EXPECT_EQ(store_.Get(now_, "key"), std::nullopt);
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(-2));
}

TEST_F(StoreTest, AnExpiredKeyIsBackWithTheClockUnlessItWasMet) {
  Do({"SET", "met", "1", "PX", "5"});
  Do({"SET", "unmet", "1", "PX", "5"});
  now_ = kNow + 10 * kMs;
  EXPECT_EQ(Do({"GET", "met"}), Reply{});
  EXPECT_TRUE(store_.Keys(now_).empty());
  now_ = kNow;
  EXPECT_EQ(Do({"GET", "met"}), Reply{});
  EXPECT_EQ(Do({"GET", "unmet"}), Reply::String("1"));
  store_.DropExpired(kNow + 10 * kMs);
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
  EXPECT_EQ(Do({"HLEN", "key"}), Reply::Integer(2));
  EXPECT_EQ(Do({"PTTL", "key"}), Reply::Integer(5));
  EXPECT_EQ(Do({"HMGET", "key", "a", "c"}).elements,
            (std::vector<Reply>{Reply::String("1"), Reply{}}));
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

TEST_F(StoreTest, KeepsWhatIsPublishedUntilItIsTaken) {
  EXPECT_EQ(Do({"PUBLISH", "channel", "text"}), Reply::Integer(0));
  EXPECT_EQ(store_.TakePublished(), (std::vector<Store::Message>{{"channel", "text"}}));
  EXPECT_TRUE(store_.TakePublished().empty());
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
