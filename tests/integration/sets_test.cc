// Several names at once, on one host and on two (rules G).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class SetsTest : public testing::Test {
 protected:
  SetsTest() { second_.WaitForNodes(3); }

  World world_{3};
  Daemon second_{world_.nodes.Addresses()};
};

TEST_F(SetsTest, AGrantIsOfAllAndTheNodesHaveEach) {
  LineClient client = world_.Connect();
  const Reply answer = client.Ask("lock a b c");
  ASSERT_EQ(Brief(answer), "OK") << Line(answer);
  EXPECT_EQ(GetNumber(answer, "names"), 3u);
  ASSERT_EQ(client.rows().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string lock(1, static_cast<char>('a' + i));
    EXPECT_EQ(Get(client.rows()[i], "lock"), lock);
    EXPECT_GT(GetNumber(client.rows()[i], "fence"), 0u);
  }
  LineClient other = second_.Connect();
  for (const char* lock : {"a", "b", "c"}) {
    EXPECT_EQ(other.Brief("trylock " + std::string(lock)), "ERR busy") << lock;
  }
  EXPECT_EQ(client.Brief("unlock a b c sync"), "OK");
  for (const char* lock : {"a", "b", "c"}) {
    EXPECT_EQ(other.Brief("trylock " + std::string(lock)), "OK") << lock;
  }
}

TEST_F(SetsTest, WhatIsRefusedLeavesTheOtherNamesFree) {
  LineClient holder = second_.Connect(), client = world_.Connect(), third = world_.Connect();
  ASSERT_EQ(holder.Brief("lock b"), "OK");
  const Reply busy = client.Ask("trylock a b c");
  EXPECT_EQ(Brief(busy), "ERR busy");
  EXPECT_EQ(Get(busy, "lock"), "b");
  EXPECT_EQ(third.Brief("lock a wait=10s"), "OK");
  EXPECT_EQ(holder.Brief("lock c wait=10s"), "OK");
}

TEST_F(SetsTest, AWaitIsServedWhenTheLastOfThemIsFree) {
  LineClient holder = second_.Connect(), client = world_.Connect();
  ASSERT_EQ(holder.Brief("lock b"), "OK");
  client.Send("lock a b");
  EXPECT_EQ(holder.Brief("ping"), "OK");
  EXPECT_EQ(holder.Brief("unlock b"), "OK");
  EXPECT_EQ(GetNumber(client.Answer(), "names"), 2u);
}

// Two hosts that ask in opposite orders, again and again: neither waits for the other in a circle.
TEST_F(SetsTest, OppositeOrdersDoNotBlockEachOther) {
  const auto take_turns = [](Daemon& daemon, const std::string& names) {
    LineClient client = daemon.Connect();
    for (int i = 0; i < 20; ++i) {
      const std::string got = client.Brief("lock " + names + " wait=30s");
      if (got != "OK") return got;
      if (client.Brief("unlock " + names) != "OK") return std::string("not unlocked");
    }
    return std::string("OK");
  };
  std::string there;
  std::thread other([&] { there = take_turns(second_, "b c a"); });
  const std::string here = take_turns(world_.daemon, "a b c");
  other.join();
  EXPECT_EQ(here, "OK");
  EXPECT_EQ(there, "OK");
}

TEST_F(SetsTest, ARunIsUnderAllOfThem) {
  std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK,
                                   "--socket",
                                   world_.daemon.socket(),
                                   "run",
                                   "--also",
                                   "b c",
                                   "a",
                                   "--",
                                   "sh",
                                   "-c",
                                   "echo $REDLOCK_NAMES; echo $REDLOCK_FENCES; read -r line"};
  Process run(argv, {.input = Process::Input::kPipe});
  EXPECT_EQ(run.ReadLine(), "a b%20c");
  EXPECT_THAT(run.ReadLine(), testing::MatchesRegex("[0-9]+ [0-9]+"));
  LineClient other = second_.Connect();
  EXPECT_EQ(other.Brief("trylock b%20c"), "ERR busy");
  run.CloseInput();
  EXPECT_EQ(other.Brief("lock b%20c a wait=20s"), "OK");
}

}  // namespace
}  // namespace redlockd::test
