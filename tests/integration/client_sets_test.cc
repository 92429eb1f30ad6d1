// redlock::Session::lock_all() and redlock::MultiLock on a real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <redlock/redlock.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/busy_session.h"
#include "tests/support/daemon.h"
#include "tests/support/wait.h"

namespace redlockd::test {
namespace {

using redlock::Hold;
using redlock::HoldOptions;
using redlock::MultiLock;
using redlock::Mutex;
using redlock::Notice;
using redlock::Session;

class ClientSetsTest : public testing::Test {
 protected:
  bool IsFree(const std::string& name) {
    if (other_.Brief("trylock " + name) != "OK") return false;
    EXPECT_EQ(other_.Brief("unlock " + name), "OK");
    return true;
  }
  bool HasNothing() { return world_.daemon.Stat("holds") == 0 && world_.daemon.Stat("waits") == 0; }

  World world_{3};
  Session session_{world_.daemon.socket()};
  LineClient other_ = world_.Connect();
};

TEST_F(ClientSetsTest, TakesAllOrNoneAndReleasesAll) {
  EXPECT_EQ(other_.Brief("lock b"), "OK");
  EXPECT_FALSE(session_.try_lock_all({"a", "b", "c"}));
  EXPECT_TRUE(IsFree("a"));
  std::optional<Hold> hold;
  std::thread waiting([&] { hold = session_.lock_all({"a", "b", "c"}); });
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 1; }));
  EXPECT_EQ(other_.Brief("unlock b"), "OK");
  waiting.join();
  EXPECT_TRUE(hold->valid());
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_FALSE(IsFree(name)) << name;
    EXPECT_EQ(
        other_.Brief("check " + std::string(name) + " fence=" + std::to_string(hold->fence(name))),
        "OK");
  }
  hold->check();
  hold->release();
  EXPECT_TRUE(HasNothing());
}

// By a break, which an administrator may do to one of them.
TEST_F(ClientSetsTest, ALossOfOneLeavesTheOthersToTheHolder) {
  std::atomic<bool> is_lost{false};
  HoldOptions options;
  options.on_lost = [&](const Notice& notice) {
    EXPECT_EQ(notice.name, "b");
    EXPECT_EQ(notice.reason, "broken");
    is_lost = true;
  };
  Hold hold = session_.lock_all({"a", "b", "c"}, options);
  EXPECT_EQ(other_.Brief("break b fence=" + std::to_string(hold.fence("b"))), "OK");
  EXPECT_TRUE(Eventually([&] { return is_lost.load(); }));
  EXPECT_FALSE(hold.valid());
  EXPECT_TRUE(hold.stop_token().stop_requested());
  EXPECT_FALSE(IsFree("a")) << "the holder may still work under it";
  EXPECT_FALSE(IsFree("c"));
  std::error_code error;
  hold.check(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
  hold.release(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
  EXPECT_TRUE(Eventually([&] { return HasNothing(); }));
  EXPECT_TRUE(session_.try_lock_all_for({"a", "b", "c"}, kPatience)) << "b, after its deadline";
}

TEST_F(ClientSetsTest, AllAreLostWithTheirMaxHold) {
  std::atomic<int> losses{0};
  HoldOptions options;
  options.max_hold = 300ms;
  options.on_lost = [&](const Notice&) { ++losses; };
  {
    const Hold hold = session_.lock_all({"a", "b"}, options);
    EXPECT_TRUE(Eventually([&] { return HasNothing(); }));
    EXPECT_TRUE(Eventually([&] { return losses == 1; }));
  }
  EXPECT_TRUE(session_.try_lock_all_for({"a", "b"}, kPatience));
  EXPECT_EQ(losses, 1);
}

// The daemon writes what becomes of each to the page of the session, whose thread is busy here.
TEST_F(ClientSetsTest, FollowsRenewalsAndLossesThatNobodyReads) {
  HoldOptions options;
  options.ttl = 1s;
  const Hold hold = session_.lock_all({"a", "b", "c"}, options);
  BusySession busy(session_, "z");
  const auto known = hold.deadline();
  EXPECT_TRUE(Eventually([&] { return hold.deadline() > known + 1s; })) << "each is renewed";
  EXPECT_TRUE(hold.valid());
  EXPECT_EQ(other_.Brief("break c fence=" + std::to_string(hold.fence("c"))), "OK");
  EXPECT_FALSE(hold.valid());
  busy.GoOn();
}

TEST_F(ClientSetsTest, AGrantThatCrossesACancelIsGivenBackWhole) {
  for (int i = 0; i < 50; ++i) {
    const std::string suffix = std::to_string(i);
    std::stop_source stop;
    std::thread waiting([&] {
      std::error_code error;
      auto hold = session_.lock_all({"a" + suffix, "b" + suffix}, error, {}, stop.get_token());
    });
    std::thread stopping([&] { stop.request_stop(); });
    waiting.join();
    stopping.join();
  }
  EXPECT_TRUE(Eventually([&] { return HasNothing(); }));
}

TEST_F(ClientSetsTest, OutlivesADaemonThatIsKilledUntilTheDeadline) {
  std::atomic<int> losses{0};
  HoldOptions options;
  options.on_lost = [&](const Notice&) { ++losses; };
  Hold hold = session_.lock_all({"a", "b"}, options);
  std::optional<Hold> waited;
  std::thread waiting([&] { waited = session_.lock_all({"c", "d"}, {.connect_timeout = 60s}); });
  world_.daemon.Kill();
  EXPECT_TRUE(hold.valid());
  world_.daemon.Start();
  waiting.join();
  EXPECT_TRUE(waited->valid());
  EXPECT_TRUE(Eventually([&] { return losses == 1; }));
  EXPECT_GE(redlock::Clock::now(), hold.deadline());
  std::error_code error;
  hold.release(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
  EXPECT_TRUE(session_.try_lock_all_for({"b", "a"}, kPatience));
}

// A thread has one of them and waits for others, of which another thread has one and waits for the first.
TEST_F(ClientSetsTest, ACycleThroughASetIsFound) {
  Mutex a(session_, "a");
  a.lock();
  std::atomic<int> deadlocks{0};
  const auto lock = [&](auto& lockable) {
    try {
      lockable.lock();
      lockable.unlock();
    } catch (const redlock::Error& error) {
      EXPECT_EQ(error.code(), REDLOCK_EDEADLOCK);
      ++deadlocks;
    }
  };
  std::thread other([&] {
    MultiLock both(session_, {"b", "c"});
    both.lock();
    Mutex again(session_, "a");
    lock(again);
    both.unlock();
  });
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 1; }));
  MultiLock set(session_, {"d", "c"});
  lock(set);
  a.unlock();
  other.join();
  EXPECT_EQ(deadlocks, 1);
  EXPECT_TRUE(Eventually([&] { return HasNothing(); }));
}

// In a child the session connects for itself, and what it takes ends with it.
TEST_F(ClientSetsTest, WhatAChildTakesEndsWithTheChild) {
  const Hold hold = session_.lock_all({"a", "b"});
  const pid_t child = fork();
  if (child == 0) {
    std::error_code error;
    const auto taken = session_.try_lock_all({"b", "c"}, error);
    const auto own = session_.lock_all({"c", "d"}, error);
    _exit(!hold.valid() && !taken && own.valid() && !error ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(hold.valid());
  EXPECT_TRUE(session_.try_lock_all_for({"d", "c"}, kPatience));
}

// Two hosts, and on each two threads, in all orders.
TEST_F(ClientSetsTest, HostsThatTakeThemInOppositeOrdersAllGetTheirTurns) {
  Daemon second{world_.nodes.Addresses()};
  second.WaitForNodes(3);
  Session there(second.socket());
  std::atomic<int> inside{0};
  std::atomic<int> entries{0};
  const auto work = [&](const Session& session, const redlock::Names& names) {
    MultiLock lock(session, names);
    for (int i = 0; i < 10; ++i) {
      const std::scoped_lock guard(lock);
      EXPECT_EQ(++inside, 1);
      ++entries;
      --inside;
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(work, session_, redlock::Names{"a", "b", "c"});
  threads.emplace_back(work, session_, redlock::Names{"c", "b"});
  threads.emplace_back(work, there, redlock::Names{"c", "a"});
  threads.emplace_back(work, there, redlock::Names{"b", "c"});
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entries, 40);
}

}  // namespace
}  // namespace redlockd::test
