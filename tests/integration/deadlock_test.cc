// Tasks that wait for each other on one host: one of them is told, and the others get on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <redlock/redlock.hpp>
#include <string>
#include <thread>

#include "tests/support/daemon.h"
#include "tests/support/wait.h"

namespace redlockd::test {
namespace {

using redlock::Mutex;
using redlock::Session;
using testing::HasSubstr;

class DeadlockTest : public testing::Test {
 protected:
  bool Waits(std::uint64_t count) {
    return Eventually([&] { return world_.daemon.Stat("waits") == count; });
  }

  World world_{3};
  LineClient one_ = world_.Connect();
  LineClient two_ = world_.Connect();
};

TEST_F(DeadlockTest, OfTwoSessionsTheLastToWaitIsTold) {
  EXPECT_EQ(one_.Brief("lock a"), "OK");
  EXPECT_EQ(two_.Brief("lock b"), "OK");
  one_.Send("lock b");
  ASSERT_TRUE(Waits(1));
  const Reply told = two_.Ask("lock a");
  EXPECT_EQ(Brief(told), "ERR deadlock");
  EXPECT_EQ(Get(told, "lock"), "a");
  EXPECT_EQ(told.text, "pid " + std::to_string(getpid()) +
                           " holds it, and waits for 'b', which this session holds");
  EXPECT_EQ(two_.Brief("unlock b"), "OK");
  EXPECT_EQ(Brief(one_.Answer()), "OK");
}

// Each thread of a program has a session, as one that uses the blocking calls does.
TEST_F(DeadlockTest, ClientsOfTheLibrary) {
  redlock::Client mine(world_.daemon.socket());
  redlock::Client theirs(world_.daemon.socket());
  mine.lock("a");
  theirs.lock("b");
  std::thread other([&] {
    theirs.lock("a");
    theirs.unlock("a");
    theirs.unlock("b");
  });
  ASSERT_TRUE(Waits(1));
  try {
    mine.lock("b");
    ADD_FAILURE() << "it has both";
  } catch (const redlock::Error& error) {
    EXPECT_EQ(error.error_code(), REDLOCK_EDEADLOCK);
    EXPECT_EQ(error.error_code(), std::errc::resource_deadlock_would_occur);
    EXPECT_THAT(error.what(), HasSubstr(" holds it, and waits for 'a', which this task holds"));
  }
  mine.unlock("a");
  other.join();
}

// Through one connection, or through two.
TEST_F(DeadlockTest, ThreadsWithMutexes) {
  const Session shared(world_.daemon.socket());
  for (const Session& session : {shared, Session(world_.daemon.socket())}) {
    Mutex a(shared, "a");
    Mutex b(shared, "b");
    a.lock();
    std::thread other([&] {
      Mutex to(session, "b");
      Mutex from(session, "a");
      to.lock();
      from.lock();
      from.unlock();
      to.unlock();
    });
    ASSERT_TRUE(Eventually([&] { return world_.daemon.Stat("holds") == 2; }));
    ASSERT_TRUE(Waits(1));
    try {
      b.lock();
      ADD_FAILURE() << "it has both";
    } catch (const redlock::Error& error) {
      EXPECT_EQ(error.error_code(), REDLOCK_EDEADLOCK);
    }
    a.unlock();
    other.join();
  }
}

// A hold belongs to no thread: another may release it.
TEST_F(DeadlockTest, HoldsOfASessionWait) {
  Session session(world_.daemon.socket());
  redlock::Hold a = session.lock("a");
  redlock::Hold b = session.lock("b");
  std::thread other([&] { session.lock("a").release(); });
  ASSERT_TRUE(Waits(1));
  std::thread releases([&] {
    ASSERT_TRUE(Waits(2));
    a.release();
    b.release();
  });
  session.lock("b").release();
  releases.join();
  other.join();
}

}  // namespace
}  // namespace redlockd::test
