// What sessions hear of locks that they watch, and holders of those who wait, on real nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class WatchTest : public testing::Test {
 protected:
  // The next WATCH event, as "what reason" or "what by".
  static std::string Next(LineClient& watcher) {
    const Reply event = watcher.Event("WATCH");
    std::string text = Get(event, "what");
    for (const char* key : {"reason", "by"}) {
      if (const std::string* word = event.Find(key)) text += " " + *word;
    }
    return text;
  }

  World world_{3};
};

TEST_F(WatchTest, TheEndOfAKilledHolderNamesItsProcess) {
  LineClient watcher = world_.Connect();
  ASSERT_EQ(watcher.Brief("watch job"), "OK");
  Process holder({REDLOCKD_TEST_REDLOCK, "--socket", world_.daemon.socket(), "run", "-o", "job",
                  "--", "sleep", "100"});
  const Reply granted = watcher.Event("WATCH");
  EXPECT_EQ(Get(granted, "what"), "granted");
  EXPECT_EQ(GetNumber(granted, "pid"), static_cast<std::uint64_t>(holder.pid()));
  holder.Signal(SIGKILL);
  const Reply ended = watcher.Event("WATCH");
  EXPECT_EQ(Get(ended, "reason"), "closed");
  for (const char* key : {"pid", "uid", "fence"}) EXPECT_EQ(Get(ended, key), Get(granted, key));
  EXPECT_EQ(Next(watcher), "released");
}

TEST_F(WatchTest, AnotherHostThatWaitsIsHeardOf) {
  Daemon second(world_.nodes.Addresses());
  second.WaitForNodes(3);
  LineClient here = world_.Connect(), there = second.Connect();
  LineClient watcher = world_.Connect(), watcher_there = second.Connect();
  ASSERT_EQ(watcher.Brief("watch"), "OK");
  ASSERT_EQ(watcher_there.Brief("watch"), "OK");
  ASSERT_EQ(here.Brief("lock a events=wanted,renew ttl=1s"), "OK");
  EXPECT_EQ(Next(watcher), "granted");
  there.Send("lock a");
  EXPECT_EQ(Get(here.Event("WANTED"), "by"), "elsewhere");
  EXPECT_EQ(Next(watcher), "wanted elsewhere");
  ASSERT_EQ(here.Brief("unlock a"), "OK");
  EXPECT_EQ(Next(watcher), "ended unlock");
  EXPECT_EQ(Next(watcher), "released");
  EXPECT_EQ(Brief(there.Answer()), "OK");
  EXPECT_EQ(Next(watcher_there), "granted");
  EXPECT_FALSE(watcher.HasEvent("WATCH")) << "of another host's lock";
}

TEST_F(WatchTest, ALossAndWhatIsKept) {
  LineClient holder = world_.Connect(), watcher = world_.Connect();
  ASSERT_EQ(watcher.Brief("watch"), "OK");
  ASSERT_EQ(holder.Brief("lock a max-hold=300ms"), "OK");
  EXPECT_EQ(Next(watcher), "granted");
  EXPECT_EQ(Next(watcher), "ended max-hold");
  EXPECT_EQ(Next(watcher), "kept");
  EXPECT_EQ(Next(watcher), "released");
}

TEST_F(WatchTest, TheCommandFollowsUntilTheDaemonEnds) {
  Process watch({REDLOCKD_TEST_REDLOCK, "--socket", world_.daemon.socket(), "watch", "--json"});
  LineClient holder = world_.Connect();
  // It may not watch yet.
  std::string line;
  ASSERT_TRUE(Eventually([&] {
    holder.Ask("lock a");
    holder.Ask("unlock a sync");
    try {
      line = watch.ReadLine(std::chrono::milliseconds(20));
    } catch (const std::runtime_error&) {
    }
    return !line.empty();
  }));
  EXPECT_THAT(line, testing::HasSubstr(R"("lock":"a","what":)"));
  world_.daemon.Kill();
  EXPECT_THAT(watch.ReadToEnd(), testing::HasSubstr("redlock: the daemon closed the connection"));
  EXPECT_EQ(watch.Wait(), ExitCode(69));
}

}  // namespace
}  // namespace redlockd::test
