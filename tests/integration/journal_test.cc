// What the log says of the quorum, of locks that end against their holders' will, and of what
// administrators ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/acting_as.h"
#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class JournalTest : public testing::Test {
 protected:
  bool Says(const std::string& text) {
    return Eventually([&] { return world_.daemon.Log().find(text) != std::string::npos; });
  }
  std::string Me() {
    return " of uid " + std::to_string(getuid()) + ", pid " + std::to_string(getpid()) + " (";
  }

  World world_{3, {.more = "drain_time: 100ms\n"}};
};

TEST_F(JournalTest, TheQuorumIsLostAndBack) {
  EXPECT_THAT(world_.daemon.Log(), HasSubstr("there is a quorum: 2 of 3 nodes vote, 2 needed"));
  world_.nodes[0].Kill();
  world_.daemon.WaitForNodes(2);
  EXPECT_THAT(world_.daemon.Log(), Not(HasSubstr("the quorum is lost")));
  world_.nodes[1].Kill();
  EXPECT_TRUE(Says("the quorum is lost: 1 of 3 nodes vote, 2 needed; no lock can be taken"));
  const std::size_t said = world_.daemon.Log().size();
  world_.nodes[0].Start();
  EXPECT_TRUE(Eventually([&] {
    return world_.daemon.Log().find("there is a quorum: 2 of 3", said) != std::string::npos;
  }));
}

TEST_F(JournalTest, ADrainNamesWhatItEnds) {
  LineClient holder = world_.Connect();
  const std::string fence = Get(holder.Ask("lock a"), "fence");
  world_.daemon.Stop();
  const std::string log = world_.daemon.Log();
  EXPECT_THAT(log, HasSubstr("stopping: holders have 100ms to release their locks (1 held)"));
  EXPECT_THAT(log, HasSubstr("lock a (fence " + fence + ")" + Me()));
  EXPECT_THAT(log, HasSubstr(") was ended, as the daemon stops"));
}

TEST_F(JournalTest, MaxHoldIsALineAndAReleaseIsNone) {
  LineClient holder = world_.Connect();
  ASSERT_EQ(holder.Brief("lock b"), "OK");
  ASSERT_EQ(holder.Brief("unlock b"), "OK");
  ASSERT_EQ(holder.Brief("lock a max-hold=50ms"), "OK");
  holder.Event("LOST");
  EXPECT_TRUE(Says(") was ended at its max-hold"));
  EXPECT_THAT(world_.daemon.Log(), Not(HasSubstr("lock b")));
}

TEST_F(JournalTest, OfManyLinesAtOnceTheRestIsCounted) {
  LineClient holder = world_.Connect();
  constexpr int kMany = 400;  // twice as many lines, and all of them within seconds
  std::string lines;
  for (int i = 0; i < kMany; ++i) lines += "lock l" + std::to_string(i) + "\n";
  holder.SendBytes(lines);
  for (int i = 0; i < kMany; ++i) ASSERT_EQ(Brief(holder.Answer()), "OK");
  world_.nodes[0].Freeze();
  world_.nodes[1].Freeze();
  EXPECT_TRUE(Says(" more lines of locks within a second"));
  world_.nodes[0].Thaw();
  world_.nodes[1].Thaw();
}

TEST_F(JournalTest, AnAdministratorsActHasItsOutcome) {
  LineClient administrator = world_.Connect();
  EXPECT_EQ(Brief(administrator.Ask("break a fence=1")), "ERR not-held");
  EXPECT_TRUE(Says("break a requested by uid "));
  EXPECT_TRUE(Says("break a failed: "));
  ASSERT_EQ(administrator.Brief("lock a"), "OK");
  LineClient second = world_.Connect();
  second.Ask("list");
  EXPECT_EQ(second.Brief("break a fence=" + Get(second.rows().at(0), "fence")), "OK");
  EXPECT_TRUE(Says("break a done"));
}

TEST_F(JournalTest, ADenialIsALineAndThoseAfterItAreNone) {
  if (!ActingAs::Possible()) GTEST_SKIP() << "needs root: a client of another user";
  Daemon daemon({.addresses = world_.nodes.Addresses(), .more = "socket_mode: \"0666\"\n"});
  chmod(daemon.dir().path().c_str(), 0711);
  const auto connect = [&] {
    const ActingAs user(65533);
    return daemon.Connect();
  };
  LineClient stranger = connect();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stranger.Brief("break a fence=1"), "ERR denied");
  EXPECT_EQ(stranger.Brief("reload"), "ERR denied");
  const std::string line = "break a refused to uid 65533, pid ";
  ASSERT_TRUE(Eventually([&] { return daemon.Log().find(line) != std::string::npos; }));
  LineClient administrator = daemon.Connect();
  EXPECT_EQ(administrator.Brief("break a fence=1"), "ERR not-held");
  ASSERT_TRUE(Eventually([&] { return daemon.Log().find("break a failed") != std::string::npos; }));
  const std::string log = daemon.Log();
  EXPECT_EQ(log.find(" refused to ", log.find(line) + line.size()), std::string::npos);
}

}  // namespace
}  // namespace redlockd::test
