// Three of five nodes are lost: the holder is told in time, nobody gets anything, and it ends well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class MajorityTest : public testing::Test {
 protected:
  World world_{5, {.more = "quorum_wait: 400ms\n"}};
  LineClient holder_ = world_.Connect();
  LineClient other_ = world_.Connect();
};

TEST_F(MajorityTest, GoneMeansJeopardyThenLost) {
  const Reply grant = holder_.Ask("lock a ttl=1s events=renew");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Kill();
  EXPECT_EQ(Get(holder_.Event("JEOPARDY"), "lock"), "a");
  EXPECT_EQ(holder_.Brief("check a"), "OK") << "it is held until the deadline";
  const Reply lost = holder_.Event("LOST");  // in time: Timing.ALossIsToldBeforeTheDeadline
  EXPECT_EQ(Get(lost, "reason"), "expired");
  EXPECT_EQ(Get(lost, "fence"), Get(grant, "fence"));
  const Reply told = holder_.Ask("check a");
  EXPECT_EQ(Brief(told), "ERR lost") << Line(told);
  EXPECT_EQ(Get(told, "reason"), "expired");
  EXPECT_EQ(holder_.Brief("check a"), "ERR not-held");
  EXPECT_EQ(holder_.Brief("unlock a"), "ERR not-held");
}

TEST_F(MajorityTest, HungMeansTheSame) {
  const Reply grant = holder_.Ask("lock a ttl=1s events=renew");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  EXPECT_EQ(Get(holder_.Event("JEOPARDY"), "lock"), "a");
  EXPECT_EQ(Get(holder_.Event("LOST"), "fence"), Get(grant, "fence"));
  EXPECT_EQ(holder_.Brief("check a"), "ERR lost");
}

TEST_F(MajorityTest, OthersAreToldWhy) {
  for (int i = 0; i < 3; ++i) world_.nodes[i].Kill();
  world_.daemon.WaitForNodes(2);
  const Reply tried = other_.Ask("trylock b");
  EXPECT_EQ(Brief(tried), "ERR no-quorum") << Line(tried);
  EXPECT_THAT(tried.text, HasSubstr("2 of 5 nodes"));
  EXPECT_EQ(other_.Brief("lock b wait=100ms"), "ERR no-quorum");
  const Duration start = BootTime();
  EXPECT_EQ(other_.Brief("lock b wait=forever"), "ERR no-quorum");
  EXPECT_GE(BootTime() - start, 400ms) << "a waiter keeps its place for quorum_wait";
}

TEST_F(MajorityTest, HungNodesGiveTheSameAnswers) {
  for (int i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  EXPECT_EQ(other_.Brief("trylock b"), "ERR no-quorum");
  EXPECT_EQ(other_.Brief("lock b"), "ERR no-quorum");
  EXPECT_EQ(other_.Brief("ping"), "OK");
}

TEST_F(MajorityTest, BackInTimeMeansSafe) {
  const Reply grant = holder_.Ask("lock a ttl=2s");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  holder_.Event("JEOPARDY");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Thaw();
  EXPECT_EQ(Get(holder_.Event("SAFE"), "fence"), Get(grant, "fence"));
  EXPECT_EQ(Get(holder_.Ask("check a"), "fence"), Get(grant, "fence"));
  EXPECT_FALSE(holder_.HasEvent("LOST"));
}

TEST_F(MajorityTest, UnlockNeedsNoNodes) {
  holder_.Ask("lock a");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  EXPECT_EQ(holder_.Brief("unlock a"), "OK");
  EXPECT_EQ(holder_.Brief("check a"), "ERR not-held");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Thaw();
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; }));
}

TEST_F(MajorityTest, ASyncUnlockSaysThatTheyDidNotAnswer) {
  holder_.Ask("lock a");
  for (int i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  EXPECT_EQ(holder_.Brief("unlock a sync"), "ERR no-quorum");
  EXPECT_EQ(holder_.Brief("check a"), "ERR not-held") << "it is let go here";
}

TEST_F(MajorityTest, RestartedEmptyItIsInQuarantine) {
  holder_.Ask("lock a");
  const Duration restarted = BootTime();
  for (int i = 0; i < 3; ++i) world_.nodes[i].RestartEmpty();
  Reply answer;
  // Until the daemon has seen the new nodes they are just not there.
  EXPECT_TRUE(Eventually([&] {
    answer = other_.Ask("trylock a");
    return answer.text.find("new or restarted") != std::string::npos;
  })) << Line(answer);
  EXPECT_THAT(Brief(answer), AnyOf("ERR no-quorum", "ERR busy"));
  // Nobody gets it before the quarantine has passed, though three empty nodes would vote for all.
  while (Brief(answer = other_.Ask("lock a wait=1s")) != "OK") {
    ASSERT_LT(BootTime() - restarted, kPatience) << Line(answer);
  }
  EXPECT_GE(BootTime() - restarted, 3s);
}

TEST_F(MajorityTest, AllLostAndBack) {
  for (std::size_t i = 0; i < 5; ++i) world_.nodes[i].Freeze();
  EXPECT_EQ(other_.Brief("trylock b"), "ERR no-quorum");
  for (std::size_t i = 0; i < 5; ++i) world_.nodes[i].Thaw();
  world_.daemon.WaitForNodes(5);
  EXPECT_EQ(other_.Brief("lock b"), "OK");
}

}  // namespace
}  // namespace redlockd::test
