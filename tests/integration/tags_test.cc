// Requests under tags, and many requests at once.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class TagsTest : public testing::Test {
 protected:
  TagsTest() { holder_.Ask("lock held"); }

  World world_{3};
  LineClient holder_ = world_.Connect();
  LineClient client_ = world_.Connect();
  LineClient observer_ = world_.Connect();
};

TEST_F(TagsTest, AnswersComeAsTheyAreFinished) {
  client_.Send("#w-1 lock held");
  client_.Send("#p_2 ping");
  const Reply pong = client_.Answer();
  EXPECT_EQ(pong.tag, "p_2");
  EXPECT_EQ(Brief(pong), "OK");
  holder_.Ask("unlock held");
  const Reply grant = client_.Answer();
  EXPECT_EQ(grant.tag, "w-1");
  EXPECT_EQ(Brief(grant), "OK");
}

TEST_F(TagsTest, RowsCarryTheTag) {
  client_.Send("#t list");
  EXPECT_EQ(client_.Answer().tag, "t");
  ASSERT_FALSE(client_.rows().empty());
  for (const Reply& row : client_.rows()) EXPECT_EQ(row.tag, "t");
}

TEST_F(TagsTest, UntaggedLinesWaitBehindAnUntaggedLock) {
  client_.Send("lock held");
  client_.Send("ping");
  client_.Send("#t ping");
  EXPECT_EQ(client_.Answer().tag, "t");
  EXPECT_FALSE(client_.HasAnswer());
  holder_.Ask("unlock held");
  EXPECT_EQ(Get(client_.Answer(), "lock"), "held");
  EXPECT_EQ(Brief(client_.Answer()), "OK");
}

TEST_F(TagsTest, ATagInUseIsRefused) {
  client_.Send("#t lock held");
  const Reply refused = client_.Ask("#t ping");
  EXPECT_EQ(Brief(refused), "ERR bad-request") << Line(refused);
  client_.Send("cancel t");
  EXPECT_EQ(Brief(client_.Answer()), "ERR cancelled");
  EXPECT_EQ(Brief(client_.Answer()), "OK");
  EXPECT_EQ(client_.Brief("#t ping"), "OK") << "free again once answered";
}

TEST_F(TagsTest, ACancelledWaitIsOver) {
  LineClient next = world_.Connect();
  client_.Send("#t lock held");
  ASSERT_TRUE(Eventually([&] { return GetNumber(holder_.Ask("list"), "waits") == 1; }));
  next.Send("lock held");
  ASSERT_TRUE(Eventually([&] { return GetNumber(holder_.Ask("list"), "waits") == 2; }));
  client_.Send("#c cancel t");
  const Reply wait = client_.Answer();
  EXPECT_EQ(Line(wait).substr(0, 16), "#t ERR cancelled");
  EXPECT_EQ(Line(client_.Answer()), "#c OK tag=t");
  EXPECT_EQ(client_.Brief("cancel t"), "ERR no-such-tag");
  holder_.Ask("unlock held");
  EXPECT_EQ(Brief(next.Answer()), "OK") << "the next in line gets it";
}

TEST_F(TagsTest, OnlyWaitsOfTheOwnSessionAreCancelled) {
  client_.Send("#t lock held");
  ASSERT_TRUE(Eventually([&] { return GetNumber(holder_.Ask("list"), "waits") == 1; }));
  EXPECT_EQ(holder_.Brief("cancel t"), "ERR no-such-tag");
  EXPECT_FALSE(client_.HasAnswer());
}

TEST_F(TagsTest, ASessionThatWaitsForItsOwnWaitIsTold) {
  client_.Send("#t lock held");
  EXPECT_EQ(client_.Brief("lock held"), "ERR deadlock");
  EXPECT_EQ(holder_.Brief("lock held"), "ERR deadlock");
}

// Whichever comes first at the daemon, the client can see from the answers who has the lock.
TEST_F(TagsTest, ACancelAndAGrantMayCross) {
  int granted = 0;
  int cancelled = 0;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    client_.Send("#w lock held");
    ASSERT_TRUE(Eventually([&] { return GetNumber(observer_.Ask("list"), "waits") == 1; }));
    if (round % 2 == 0) {
      holder_.Send("unlock held");
      client_.Send("#c cancel w");
    } else {
      client_.Send("#c cancel w");
      holder_.Send("unlock held");
    }
    ASSERT_EQ(Brief(holder_.Answer()), "OK");
    const Reply lock = client_.Answer();
    const Reply cancel = client_.Answer();
    ASSERT_EQ(lock.tag, "w") << Line(lock);
    ASSERT_EQ(cancel.tag, "c") << Line(cancel);
    const bool is_granted = Brief(lock) == "OK";
    ASSERT_EQ(Brief(lock), is_granted ? "OK" : "ERR cancelled");
    ASSERT_EQ(Brief(cancel), is_granted ? "ERR no-such-tag" : "OK");
    ASSERT_EQ(client_.Brief("check held"), is_granted ? "OK" : "ERR not-held");
    ++(is_granted ? granted : cancelled);
    if (is_granted) {
      ASSERT_EQ(client_.Brief("unlock held fence=" + Get(lock, "fence")), "OK");
    }
    ASSERT_EQ(holder_.Brief("lock held"), "OK");
  }
  std::printf("%d granted, %d cancelled\n", granted, cancelled);
  EXPECT_GT(granted, 0);
  EXPECT_GT(cancelled, 0);
}

TEST_F(TagsTest, MoreLinesThanAreReadAheadAreNotLost) {
  client_.Send("lock held");
  const int count = 1000;
  std::string pings;
  for (int i = 0; i < count; ++i) pings += "ping\n";
  client_.SendBytes(pings);
  EXPECT_FALSE(client_.HasAnswer());
  holder_.Ask("unlock held");
  EXPECT_EQ(Get(client_.Answer(), "lock"), "held");
  for (int i = 0; i < count; ++i) ASSERT_EQ(Brief(client_.Answer()), "OK") << "answer " << i;
}

TEST_F(TagsTest, ManyWaitsOfOneSession) {
  const int count = 100;
  for (int i = 0; i < count; ++i) {
    holder_.Ask("lock many-" + std::to_string(i));
    client_.Send("#t" + std::to_string(i) + " lock many-" + std::to_string(i));
  }
  for (int i = count - 1; i >= 0; --i) {
    holder_.Ask("unlock many-" + std::to_string(i));
    const Reply grant = client_.Answer();
    ASSERT_EQ(grant.tag, "t" + std::to_string(i)) << Line(grant);
  }
}

}  // namespace
}  // namespace redlockd::test
