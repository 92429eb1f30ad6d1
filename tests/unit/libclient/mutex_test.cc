// redlock::Mutex under the standard's locks, and what it does when a lease ends under its holder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <redlock/redlock.hpp>
#include <thread>
#include <vector>

#include "tests/support/wait.h"
#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using redlockd::test::Eventually;

using std::chrono::milliseconds;
using std::chrono::seconds;

// What on_lost was called with; waits for it.
class LossLog {
 public:
  void Add(const Notice& loss) {
    const std::lock_guard guard(mutex_);
    losses_.push_back(loss);
    changed_.notify_all();
  }
  // The count-th, or an empty one if it does not come within 10 s.
  Notice Wait(std::size_t count) {
    std::unique_lock guard(mutex_);
    changed_.wait_for(guard, seconds(10), [&] { return losses_.size() >= count; });
    return losses_.size() >= count ? losses_[count - 1] : Notice{};
  }
  std::size_t size() {
    const std::lock_guard guard(mutex_);
    return losses_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Notice> losses_;
};

TEST(Mutex, WorksUnderScopedLock) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  EXPECT_EQ(mutex.fence(), 0U);
  EXPECT_FALSE(mutex.valid());
  {
    const std::scoped_lock guard(mutex);
    EXPECT_EQ(mutex.fence(), 1U);
    EXPECT_TRUE(mutex.valid());
    EXPECT_GT(mutex.deadline(), Clock::now());
    EXPECT_FALSE(mutex.stop_token().stop_requested());
  }
  EXPECT_FALSE(mutex.valid());
  {
    const std::scoped_lock guard(mutex);
    EXPECT_EQ(mutex.fence(), 2U);
  }
  EXPECT_THAT(daemon.received(),
              testing::ElementsAre("lock jobs events=renew as=1", "unlock jobs fence=1 as=1",
                                   "lock jobs events=renew as=2", "unlock jobs fence=2 as=2"));
}

TEST(Mutex, SendsItsOptions) {
  FakeDaemon daemon;
  HoldOptions options;
  options.ttl = seconds(20);
  options.max_hold = std::chrono::hours(1);
  options.min_hold = std::chrono::minutes(5);
  options.note = "nightly run";
  Mutex mutex(Session(daemon.path()), "jobs", options);
  mutex.lock();
  mutex.unlock();
  EXPECT_EQ(daemon.received().at(0),
            "lock jobs ttl=20s max-hold=1h min-hold=5m note=nightly%20run events=renew as=1");
}

TEST(Mutex, WorksUnderUniqueLockInAllItsWays) {
  FakeDaemon daemon;
  const Session session(daemon.path());
  Mutex mutex(session, "jobs");
  Mutex other(session, "jobs");
  std::unique_lock first(mutex, std::try_to_lock);
  EXPECT_TRUE(first.owns_lock());
  std::thread([&] {
    EXPECT_FALSE(std::unique_lock(other, std::try_to_lock).owns_lock());
    EXPECT_FALSE(std::unique_lock(other, milliseconds(20)).owns_lock());
    EXPECT_FALSE(other.try_lock_until(std::chrono::system_clock::now() + milliseconds(20)));
    EXPECT_FALSE(other.try_lock_until(Clock::now() - seconds(1)));
  }).join();
  first.unlock();
  EXPECT_TRUE(std::unique_lock(other, std::chrono::hours(1)).owns_lock());
  first.lock();
  EXPECT_TRUE(mutex.valid());
  std::thread([&] { first.unlock(); }).join();
  EXPECT_TRUE(std::unique_lock(other, std::try_to_lock).owns_lock()) << "any thread may unlock";
}

// Two Mutexes of one name under one scoped_lock, as a transfer from an account to itself does it.
TEST(Mutex, AThreadThatWouldWaitForItselfHearsOfIt) {
  FakeDaemon daemon;
  const Session session(daemon.path());
  Mutex from(session, "account");
  Mutex to(session, "account");
  const auto expect_deadlock = [](auto call) {
    try {
      call();
      FAIL() << "locked";
    } catch (const Error& error) {
      EXPECT_EQ(error.error_code(), REDLOCK_EDEADLOCK);
      EXPECT_THAT(error.what(), testing::HasSubstr("lock 'account'"));
    }
  };
  expect_deadlock([&] { const std::scoped_lock both(from, to); });
  const std::scoped_lock one(from);
  expect_deadlock([&] { from.lock(); });
  expect_deadlock([&] { to.lock(); });
  expect_deadlock([&] { static_cast<void>(to.try_lock()); });
}

// The next thread often gets the std::thread::id of the one that has ended.
TEST(Mutex, AThreadIsNotTakenForOneThatHasEnded) {
  FakeDaemon daemon;
  const Session session(daemon.path());
  Mutex mutex(session, "jobs");
  Mutex other(session, "jobs");
  std::thread([&] { mutex.lock(); }).join();
  std::thread([&] {
    EXPECT_FALSE(mutex.try_lock());
    EXPECT_FALSE(other.try_lock());
  }).join();
  mutex.unlock();
}

// Two pairs in opposite orders: std::scoped_lock must not deadlock, nor let two threads in.
TEST(Mutex, SeveralUnderOneScopedLock) {
  FakeDaemon daemon;
  const Session session(daemon.path());
  int inside = 0;
  int entries = 0;
  const auto work = [&](bool reversed) {
    Mutex a(session, "a");
    Mutex b(session, "b");
    for (int i = 0; i < 20; ++i) {
      const std::scoped_lock guard(reversed ? b : a, reversed ? a : b);
      EXPECT_EQ(++inside, 1);
      ++entries;
      --inside;
    }
  };
  std::thread one(work, false);
  std::thread two(work, true);
  one.join();
  two.join();
  EXPECT_EQ(entries, 40);
}

TEST(Mutex, ThreadsQueueLocally) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const std::scoped_lock guard(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 100);
  EXPECT_EQ(mutex.fence(), 100U);
  EXPECT_TRUE(daemon.WaitForSessions(1));
}

TEST(Mutex, AHeldOneIsBusyForAnotherThread) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  const std::scoped_lock guard(mutex);
  bool taken = true;
  std::thread([&] { taken = mutex.try_lock(); }).join();
  EXPECT_FALSE(taken);
  std::thread([&] { taken = mutex.try_lock_for(milliseconds(10)); }).join();
  EXPECT_FALSE(taken);
  EXPECT_EQ(daemon.received().size(), 1U) << "only one thread stands in the daemon's line";
}

TEST(Mutex, AStrayUnlockGivesNoTurnAway) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  std::error_code error;
  mutex.unlock(error);
  EXPECT_EQ(error, REDLOCK_ENOTHELD);
  mutex.lock();
  mutex.unlock();
  mutex.unlock(error);
  EXPECT_EQ(error, REDLOCK_ENOTHELD);
  const std::scoped_lock guard(mutex);
  std::thread([&] { EXPECT_FALSE(mutex.try_lock()); }).join();
}

TEST(Mutex, NobodyWaitsForAThreadThatWaits) {
  FakeDaemon daemon;
  Session session(daemon.path());
  const Hold holder = session.lock("jobs");
  Mutex mutex(session, "jobs");
  std::stop_source stop;
  int code = REDLOCK_OK;
  std::thread waiting([&] {
    try {
      mutex.lock(stop.get_token());
    } catch (const Error& error) {
      code = error.code();
    }
  });
  EXPECT_TRUE(daemon.WaitForWaiters("jobs", 1));
  EXPECT_FALSE(mutex.stop_token().stop_requested());
  EXPECT_FALSE(mutex.valid());
  EXPECT_EQ(mutex.fence(), 0U);
  EXPECT_FALSE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock_for(milliseconds(10)));
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(code, REDLOCK_ECANCELLED);
}

TEST(Mutex, LearnsOfRenewalsWhileNobodyCallsIt) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  const std::scoped_lock guard(mutex);
  const Clock::time_point later = mutex.deadline() + seconds(7);
  daemon.Say("* RENEWED lock=jobs fence=99 deadline=1");  // of another hold
  daemon.Say("* RENEWED lock=jobs fence=1 deadline=" +
             std::to_string(later.time_since_epoch().count()));
  EXPECT_TRUE(Eventually([&] { return mutex.deadline() == later; }));
  EXPECT_TRUE(mutex.valid());
}

TEST(Mutex, TellsOfLoss) {
  FakeDaemon daemon;
  LossLog log;
  HoldOptions options;
  options.on_lost = [&](const Notice& loss) { log.Add(loss); };
  Mutex mutex(Session(daemon.path()), "jobs", options);
  std::unique_lock guard(mutex);
  const std::stop_token stop = mutex.stop_token();
  daemon.Say("* LOST lock=jobs fence=1 reason=max-hold");
  const Notice loss = log.Wait(1);
  EXPECT_EQ(loss.name, "jobs");
  EXPECT_EQ(loss.fence, 1U);
  EXPECT_EQ(loss.reason, "max-hold");
  EXPECT_TRUE(stop.stop_requested());
  EXPECT_FALSE(mutex.valid());
  guard.unlock();

  guard.lock();
  EXPECT_TRUE(mutex.valid());
  EXPECT_FALSE(mutex.stop_token().stop_requested());
  guard.unlock();
  EXPECT_EQ(log.size(), 1U) << "letting go is no loss";
}

TEST(Mutex, TellsOfABreak) {
  FakeDaemon daemon;
  LossLog log;
  HoldOptions options;
  options.on_lost = [&](const Notice& loss) { log.Add(loss); };
  Mutex mutex(Session(daemon.path()), "jobs", options);
  const std::unique_lock guard(mutex);
  daemon.Say("* BROKEN lock=jobs fence=1 deadline=" + std::to_string(INT64_MAX));
  EXPECT_EQ(log.Wait(1).reason, "broken");
  EXPECT_FALSE(mutex.valid());
}

// Nobody says anything: the timer does.
TEST(Mutex, IsLostAtItsDeadline) {
  FakeDaemon daemon;
  LossLog log;
  Clock::time_point reported;
  HoldOptions options;
  options.ttl = milliseconds(60);
  options.on_lost = [&](const Notice& loss) {
    reported = Clock::now();
    log.Add(loss);
  };
  Mutex mutex(Session(daemon.path()), "jobs", options);
  mutex.lock();
  EXPECT_EQ(log.Wait(1).reason, "expired");
  EXPECT_GE(reported, mutex.deadline());
  EXPECT_FALSE(mutex.valid());
  EXPECT_TRUE(mutex.stop_token().stop_requested());
  mutex.unlock();
}

TEST(Mutex, OutlivesItsDaemonUntilTheMarginAndComesBackWithIt) {
  FakeDaemon daemon;
  LossLog jeopardies;
  LossLog losses;
  HoldOptions options;
  options.ttl = seconds(4);
  options.on_jeopardy = [&](const Notice& notice) { jeopardies.Add(notice); };
  options.on_lost = [&](const Notice& notice) { losses.Add(notice); };
  Mutex mutex(Session(daemon.path()), "jobs", options);
  mutex.lock();
  daemon.Drop();
  EXPECT_EQ(jeopardies.Wait(1).reason, "the daemon closed the connection");
  EXPECT_EQ(losses.Wait(1).reason, "the daemon closed the connection");
  EXPECT_GE(Clock::now(), mutex.deadline());
  EXPECT_FALSE(mutex.valid());
  mutex.unlock();
  mutex.lock();
  EXPECT_TRUE(mutex.valid());
  mutex.unlock();
  daemon.Drop();  // while it is not held
  mutex.lock();
  EXPECT_EQ(mutex.fence(), 3U);
  mutex.unlock();
  EXPECT_EQ(losses.size(), 1U);
}

TEST(Mutex, ThrowsWhenThereIsNoDaemon) {
  HoldOptions options;
  options.connect_timeout = milliseconds(200);
  Mutex mutex(Session("/nowhere/redlockd.sock"), "jobs", options);
  for (int i = 0; i < 2; ++i) {  // and can be asked again
    try {
      mutex.lock();
      FAIL() << "locked";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), REDLOCK_ECONNECT);
      EXPECT_STREQ(error.what(),
                   "lock 'jobs': cannot connect to the daemon: /nowhere/redlockd.sock: No "
                   "such file or directory");
    }
  }
  EXPECT_THROW(static_cast<void>(mutex.try_lock()), Error);
}

TEST(Mutex, InAnotherProcessIsAnError) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  std::unique_lock guard(mutex);
  const std::size_t lines = daemon.received().size();
  const pid_t child = fork();
  if (child == 0) {
    int failures = 0;
    const auto refused = [&](auto call) {
      try {
        call();
        ++failures;
      } catch (const Error& error) {
        failures += error.code() == REDLOCK_EFORK ? 0 : 1;
      }
    };
    refused([&] { mutex.lock(); });
    refused([&] { static_cast<void>(mutex.try_lock()); });
    refused([&] { static_cast<void>(mutex.try_lock_for(seconds(1))); });
    guard.unlock();
    mutex.~Mutex();
    _exit(failures);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(mutex.valid());
  EXPECT_EQ(daemon.received().size(), lines);
  guard.unlock();
  EXPECT_EQ(daemon.received().back(), "unlock jobs fence=1 as=1");
}

TEST(Mutex, LetsGoWhenItIsDestroyed) {
  FakeDaemon daemon;
  {
    Mutex mutex(Session(daemon.path()), "jobs");
    mutex.lock();
  }
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

// --- What the program that has it notices

std::vector<std::string> Threads() {
  std::vector<std::string> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    threads.push_back(entry.path().filename());
  }
  return threads;
}

// A program that reads a signal by itself blocks it, perhaps after the first lock, and in all of
// its threads: the watcher must not be the one that is killed by it.
TEST(Mutex, TheWatchingThreadTakesNoSignal) {
  FakeDaemon daemon;
  Mutex mutex(Session(daemon.path()), "jobs");
  const std::vector<std::string> before = Threads();
  sigset_t mask_before;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
  const std::scoped_lock guard(mutex);
  sigset_t mask_after;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
    EXPECT_EQ(sigismember(&mask_after, signal), sigismember(&mask_before, signal));
  }
  std::size_t found = 0;
  for (const std::string& thread : Threads()) {
    if (std::count(before.begin(), before.end(), thread) > 0) continue;
    std::ifstream status("/proc/self/task/" + thread + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      ++found;
      const std::uint64_t blocked = std::stoull(line.substr(7), nullptr, 16);
      for (int signal = 1; signal < SIGRTMIN - 2; ++signal) {
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        EXPECT_NE(blocked & (std::uint64_t{1} << (signal - 1)), 0U) << signal;
      }
    }
  }
  EXPECT_EQ(found, 1U);
}

}  // namespace
}  // namespace redlock::client
