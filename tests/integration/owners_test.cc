// Owners within a session: `as=`.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class OwnersTest : public testing::Test {
 protected:
  World world_{3, {.more = "limits: {locks_per_session: 8}\n"}};
  LineClient client_ = world_.Connect();
  LineClient other_ = world_.Connect();
};

TEST_F(OwnersTest, StandInOneLineWithEverybody) {
  EXPECT_EQ(client_.Brief("#1 lock a as=one"), "OK");
  client_.Send("#2 lock a as=two");
  client_.Send("#p ping");
  EXPECT_EQ(client_.Answer().tag, "p");
  other_.Send("#3 lock a");
  EXPECT_EQ(other_.Brief("#p ping"), "OK");
  client_.Send("#4 lock a as=four");
  client_.Send("#p ping");
  EXPECT_EQ(client_.Answer().tag, "p");

  client_.Send("#u unlock a as=one");
  EXPECT_EQ(client_.Answer().tag, "u");
  EXPECT_EQ(client_.Answer().tag, "2");
  EXPECT_EQ(client_.Brief("#u unlock a as=two"), "OK");
  EXPECT_EQ(Get(other_.Answer(), "lock"), "a");
  EXPECT_FALSE(client_.HasAnswer());
  EXPECT_EQ(other_.Brief("#u unlock a"), "OK");
  EXPECT_EQ(client_.Answer().tag, "4");
}

TEST_F(OwnersTest, ListAndShowNameThem) {
  client_.Ask("lock a as=one");
  client_.Send("#w lock a as=owner%20two");
  ASSERT_TRUE(Eventually([&] {
    client_.Ask("#l list");
    return client_.rows().size() == 2;
  }));
  EXPECT_EQ(Get(client_.rows()[0], "as"), "one");
  EXPECT_EQ(Get(client_.rows()[1], "as"), "owner two");
  other_.Ask("show a");
  EXPECT_EQ(Get(other_.rows().at(0), "as"), "one");
}

TEST_F(OwnersTest, OnlyTheHoldersOwnerLetsGo) {
  const std::string fence = Get(client_.Ask("lock a as=one"), "fence");
  EXPECT_EQ(client_.Brief("unlock a"), "ERR not-held");
  EXPECT_EQ(client_.Brief("unlock a as=two fence=" + fence), "ERR not-held");
  EXPECT_EQ(other_.Brief("unlock a as=one"), "ERR not-held") << "an owner of another session";
  EXPECT_EQ(client_.Brief("check a as=one"), "OK");
  EXPECT_EQ(client_.Brief("unlock a as=one"), "OK");
}

TEST_F(OwnersTest, EachHearsOfItsOwnLoss) {
  const std::string fence = Get(client_.Ask("lock a as=one max-hold=100ms"), "fence");
  const Reply lost = client_.Event("LOST");
  EXPECT_EQ(Get(lost, "as"), "one");
  EXPECT_EQ(Get(lost, "fence"), fence);
  EXPECT_EQ(client_.Brief("lock a as=two"), "OK");
  EXPECT_EQ(client_.Brief("unlock a as=two"), "OK");
  EXPECT_EQ(client_.Brief("unlock a as=one"), "ERR lost");
  EXPECT_EQ(client_.Brief("unlock a as=one"), "ERR not-held");
}

TEST_F(OwnersTest, TheLimitOfASessionIsForAllOfThem) {
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(client_.Brief("lock n" + std::to_string(i) + " as=o" + std::to_string(i)), "OK");
  }
  EXPECT_EQ(client_.Brief("lock more as=another"), "ERR limit");
  EXPECT_EQ(client_.Brief("lock more"), "ERR limit");
  EXPECT_EQ(client_.Brief("unlock n3 as=o3"), "OK");
  EXPECT_EQ(client_.Brief("lock more as=another"), "OK");
}

TEST_F(OwnersTest, AllAreReleasedWithTheSession) {
  client_.Ask("lock a as=one");
  client_.Ask("lock b as=two");
  client_.Ask("lock c");
  client_.Send("#w lock c as=one");
  client_.Close();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(other_.Brief("lock " + std::string(name)), "OK") << name;
  }
  EXPECT_EQ(world_.daemon.Stat("holds"), 3u);
  EXPECT_EQ(world_.daemon.Stat("waits"), 0u);
}

TEST_F(OwnersTest, AHalfCloseEndsTheWaitsOfAll) {
  other_.Ask("lock a");
  client_.Send("#1 lock a as=one");
  client_.Send("#2 lock a as=two");
  client_.HalfClose();
  EXPECT_EQ(Brief(client_.Answer()), "ERR cancelled");
  EXPECT_EQ(Brief(client_.Answer()), "ERR cancelled");
  EXPECT_TRUE(client_.Closed());
}

TEST_F(OwnersTest, AClientHearsOnceThatTheDaemonStops) {
  client_.Ask("lock a as=one");
  client_.Ask("lock b as=two");
  world_.daemon.process().Signal(SIGTERM);
  client_.Event("DRAINING");
  client_.Send("#a unlock a as=one");
  client_.Send("#b unlock b as=two");
  EXPECT_EQ(client_.Answer().tag, "a");
  EXPECT_FALSE(client_.HasEvent("DRAINING"));
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
