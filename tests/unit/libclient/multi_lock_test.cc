// Several locks at once: redlock::Session::lock_all() and redlock::MultiLock over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <redlock/redlock.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/wait.h"
#include "tests/unit/libclient/child.h"
#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using redlockd::test::Eventually;

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class MultiLockTest : public testing::Test {
 protected:
  // What is thrown, or 0.
  template <typename Call>
  static int CodeOf(Call call, std::string* text = nullptr) {
    try {
      call();
      return REDLOCK_OK;
    } catch (const Error& error) {
      if (text != nullptr) *text = error.what();
      return error.code();
    }
  }
  std::ptrdiff_t Count(const std::string& line) {
    const auto lines = daemon_.received();
    return std::count(lines.begin(), lines.end(), line);
  }

  FakeDaemon daemon_;
  Session session_{daemon_.path()};
};

TEST_F(MultiLockTest, AHoldHasTheFenceOfEachName) {
  using namespace std::string_literals;
  {
    const Hold hold = session_.lock_all({"b", "a name"}, {.ttl = seconds(9), .note = "nightly"});
    EXPECT_THAT(hold.names(), ElementsAre("b", "a name"));
    EXPECT_EQ(hold.name(), "b");
    EXPECT_EQ(hold.fence(), 1U);
    EXPECT_EQ(hold.fence("b"), 1U);
    EXPECT_EQ(hold.fence("a name"), 2U);
    EXPECT_EQ(hold.fence("c"), 0U);
    EXPECT_EQ(hold.fence("b\0zz"s), 0U);
    EXPECT_TRUE(hold.valid());
    EXPECT_GT(hold.left(), seconds(5));
  }
  EXPECT_TRUE(Eventually([&] { return daemon_.received().size() == 3; }));
  EXPECT_THAT(daemon_.received(),
              ElementsAre("lock b a%20name ttl=9s note=nightly events=renew as=1",
                          "unlock b fence=1 as=1", "unlock a%20name fence=2 as=1"));
}

TEST_F(MultiLockTest, TriesAndWaitsForAllOrNone) {
  Session other(daemon_.path());
  Hold holder = other.lock("b");
  EXPECT_FALSE(session_.try_lock_all({"a", "b"}));
  EXPECT_FALSE(session_.try_lock_all_for({"a", "b"}, milliseconds(20)));
  std::error_code error;
  EXPECT_FALSE(session_.try_lock_all({"a", "b"}, error));
  EXPECT_EQ(error, REDLOCK_EBUSY);
  std::stop_source stop;
  std::string text;
  std::thread waiting([&] {
    EXPECT_EQ(CodeOf(
                  [&] {
                    auto hold = session_.lock_all({"a", "b"}, stop.get_token());
                  },
                  &text),
              REDLOCK_ECANCELLED);
  });
  EXPECT_TRUE(daemon_.WaitForWaiters("b", 1));
  stop.request_stop();
  waiting.join();
  EXPECT_THAT(text, HasSubstr("locks 'a', 'b': cancelled"));
  EXPECT_TRUE(other.try_lock("a")) << "nothing of it was held";
  holder.release();
  EXPECT_TRUE(session_.try_lock_all_until({"a", "b"}, Clock::now() + seconds(10)));
}

TEST_F(MultiLockTest, SaysWhichNameIsTaken) {
  Session other(daemon_.path());
  const Hold holder = other.lock("b");
  redlock_session* session = redlock_session_new(daemon_.path().c_str());
  const std::array<const char*, 3> names{"a", "b", "c"};
  redlock_hold* hold = nullptr;
  ASSERT_EQ(redlock_hold_new_set(session, names.data(), 3, nullptr, &hold), REDLOCK_OK);
  EXPECT_EQ(redlock_hold_fence_of(hold, "a"), 0U);
  EXPECT_EQ(redlock_hold_deadline(hold), 0);
  EXPECT_EQ(redlock_hold_lock(hold, 0), REDLOCK_EBUSY);
  EXPECT_STREQ(redlock_hold_error_text(hold), "locks 'a', 'b', 'c': busy: 'b': held by pid 12");
  redlock_hold_free(hold);
  redlock_session_free(session);
}

TEST_F(MultiLockTest, RefusesNamesThatCannotBeTakenTogether) {
  std::string text;
  EXPECT_EQ(CodeOf([&] { auto hold = session_.lock_all({}); }, &text), REDLOCK_EINVAL);
  EXPECT_THAT(text, HasSubstr("expected 1 to 16 names"));
  EXPECT_EQ(CodeOf([&] { auto hold = session_.lock_all({"a", "b", "a"}); }, &text), REDLOCK_EINVAL);
  EXPECT_THAT(text, HasSubstr("expected each name once"));
  EXPECT_EQ(CodeOf([&] { auto hold = session_.lock_all({"a", ""}); }), REDLOCK_EBADNAME);
  Names many;
  for (char c = 'a'; c < 'a' + 17; ++c) many.emplace_back(255, c);
  EXPECT_EQ(CodeOf([&] { auto hold = session_.lock_all(many); }), REDLOCK_EINVAL);
  many.pop_back();
  EXPECT_EQ(CodeOf([&] { auto hold = session_.lock_all(many); }), REDLOCK_ELINETOOLONG);

  redlock_session* session = redlock_session_new(daemon_.path().c_str());
  const std::array<const char*, 3> names{"a", "b", "a"};
  redlock_hold* hold = nullptr;
  EXPECT_EQ(redlock_hold_new_set(session, names.data(), 3, nullptr, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_hold_new_set(session, names.data(), 0, nullptr, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_hold_new_set(session, nullptr, 1, nullptr, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(hold, nullptr);
  redlock_session_free(session);
}

TEST_F(MultiLockTest, ALossOfOneIsALossOfAll) {
  std::atomic<int> losses{0};
  HoldOptions options;
  options.on_lost = [&](const Notice& notice) {
    EXPECT_EQ(notice.name, "b");
    EXPECT_EQ(notice.fence, 2U);
    EXPECT_EQ(notice.reason, "expired");
    ++losses;
  };
  Hold hold = session_.lock_all({"a", "b", "c"}, options);
  daemon_.Say("* LOST lock=b as=1 fence=2 reason=expired");
  EXPECT_TRUE(Eventually([&] { return losses == 1; }));
  EXPECT_FALSE(hold.valid());
  EXPECT_TRUE(hold.stop_token().stop_requested());
  EXPECT_EQ(Count("unlock a fence=1 as=1"), 0) << "the holder may still work under it";
  std::error_code error;
  hold.release(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
  EXPECT_TRUE(Eventually([&] { return Count("unlock c fence=3 as=1") == 1; }));
  EXPECT_EQ(Count("unlock a fence=1 as=1"), 1);
}

TEST_F(MultiLockTest, WhatIsLostIsLetGoOfByItsEnd) {
  {
    const Hold hold = session_.lock_all({"a", "b"});
    daemon_.Say("* LOST lock=b as=1 fence=2 reason=expired");
    EXPECT_TRUE(Eventually([&] { return !hold.valid(); }));
  }
  EXPECT_TRUE(Eventually([&] { return Count("unlock a fence=1 as=1") == 1; }));
}

TEST_F(MultiLockTest, AGrantThatCrossesTheCancelIsGivenBackWhole) {
  static_cast<void>(session_.query("deaf"));
  std::stop_source stop;
  std::thread waiting([&] {
    EXPECT_EQ(CodeOf([&] {
                auto hold = session_.lock_all({"a", "b"}, stop.get_token());
              }),
              REDLOCK_ECANCELLED);
  });
  EXPECT_TRUE(daemon_.WaitForWaiters("a", 1));
  stop.request_stop();
  waiting.join();
  EXPECT_TRUE(Eventually([&] { return Count("unlock b fence=2 as=1") == 1; }));
  EXPECT_EQ(Count("unlock a fence=1 as=1"), 1);
  EXPECT_TRUE(session_.try_lock_all_for({"b", "a"}, seconds(60)));
}

// Runs in a child, and returns how many of its expectations failed.
int InTheChild(Session& session, Hold& hold, MultiLock& lock) {
  int failures = 0;
  failures += hold.valid() || lock.valid() ? 1 : 0;
  std::error_code error;
  hold.release(error);
  failures += error == REDLOCK_EFORK ? 0 : 2;
  lock.unlock(error);
  failures += error == REDLOCK_ENOTHELD ? 0 : 4;
  failures += session.try_lock_all({"c", "b"}, error) ? 8 : 0;
  failures += error == REDLOCK_EBUSY ? 0 : 16;
  const auto own = session.try_lock_all_for({"c", "d"}, seconds(10), error);
  failures += own && own->valid() ? 0 : 32;
  { const Hold gone = std::move(hold); }
  return failures;
}

TEST_F(MultiLockTest, AChildHoldsNothingOfIt) {
  if (kWithThreadSanitizer) GTEST_SKIP() << "it lets no child of several threads start a thread";
  Hold hold = session_.lock_all({"a", "b"});
  MultiLock lock(session_, {"x", "y"});
  lock.lock();
  const pid_t child = fork();
  if (child == 0) _exit(InTheChild(session_, hold, lock));
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(hold.valid());
  EXPECT_TRUE(lock.valid());
  hold.release();
  lock.unlock();
  EXPECT_EQ(Count("unlock b fence=2 as=1"), 1);
}

TEST_F(MultiLockTest, WorksUnderTheStandardsLocks) {
  using namespace std::string_literals;
  MultiLock lock(session_, {"a", "b"});
  EXPECT_THAT(lock.names(), ElementsAre("a", "b"));
  EXPECT_EQ(lock.fence("a"), 0U);
  {
    const std::scoped_lock guard(lock);
    EXPECT_EQ(lock.fence("a"), 1U);
    EXPECT_EQ(lock.fence("b"), 2U);
    EXPECT_EQ(lock.fence("c"), 0U);
    EXPECT_EQ(lock.fence("a\0zz"s), 0U);
    EXPECT_TRUE(lock.valid());
    EXPECT_FALSE(lock.stop_token().stop_requested());
    std::thread([&] {
      EXPECT_FALSE(std::unique_lock(lock, std::try_to_lock).owns_lock());
      EXPECT_FALSE(std::unique_lock(lock, milliseconds(10)).owns_lock());
      EXPECT_FALSE(Mutex(session_, "b").try_lock());
    }).join();
  }
  EXPECT_FALSE(lock.valid());
  Mutex mutex(session_, "c");
  const std::scoped_lock guard(lock, mutex);
  EXPECT_GT(lock.fence("b"), 2U);
}

TEST_F(MultiLockTest, OppositeOrdersLeadToNoDeadlock) {
  int inside = 0;
  int entries = 0;
  const auto work = [&](const Names& names) {
    MultiLock lock(session_, names);
    for (int i = 0; i < 20; ++i) {
      const std::scoped_lock guard(lock);
      EXPECT_EQ(++inside, 1);
      ++entries;
      --inside;
    }
  };
  std::thread one(work, Names{"a", "b", "c"});
  std::thread two(work, Names{"c", "b", "d"});
  std::thread three(work, Names{"d", "c"});
  one.join();
  two.join();
  three.join();
  EXPECT_EQ(entries, 60);
}

TEST_F(MultiLockTest, AThreadThatHoldsOneOfThemIsToldThatItWouldWaitForItself) {
  Mutex mutex(session_, "b");
  MultiLock lock(session_, {"a", "b"});
  std::string text;
  mutex.lock();
  EXPECT_EQ(CodeOf([&] { lock.lock(); }, &text), REDLOCK_EDEADLOCK);
  EXPECT_THAT(text, HasSubstr("locks 'a', 'b': deadlock: this thread holds one of them already"));
  mutex.unlock();
  lock.lock();  // nothing is left of the first attempt
  EXPECT_EQ(CodeOf([&] { mutex.lock(); }), REDLOCK_EDEADLOCK);
  EXPECT_EQ(CodeOf([&] { lock.lock(); }), REDLOCK_EDEADLOCK);
  lock.unlock();
  mutex.lock();
}

TEST_F(MultiLockTest, AClientForOneThreadTakesSeveralToo) {
  Client client(daemon_.path());
  const std::vector<Grant> grants = client.lock_all({"a", "b"});
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(grants[1].fence, 2U);
  Client other(daemon_.path());
  EXPECT_FALSE(other.try_lock_all({"c", "b"}));
  EXPECT_TRUE(other.try_lock_all({"c", "d"}));
  EXPECT_EQ(CodeOf([&] { other.lock_all({"e", "e"}); }), REDLOCK_EINVAL);
  EXPECT_EQ(CodeOf([&] { other.unlock_all({"c", "a"}); }), REDLOCK_ENOTHELD);
  client.unlock_all({"a", "b"});
  other.unlock_all({"c", "d"}, true);
  EXPECT_THAT(daemon_.received(), Contains("unlock c d sync"));
}

// A daemon of before. The session goes on with it.
TEST(MultiLock, RefusesADaemonThatTakesOneAtATime) {
  FakeDaemon daemon("* HELLO redlockd 1 caps=exclusive,renew,owners line=4096 boot=fake");
  Session session(daemon.path());
  std::error_code error;
  auto none = session.lock_all({"a", "b"}, error);
  EXPECT_EQ(error, REDLOCK_EPROTOCOL);
  EXPECT_TRUE(session.lock_all({"a"}).valid()) << "one name needs nothing new";
}

}  // namespace
}  // namespace redlock::client
