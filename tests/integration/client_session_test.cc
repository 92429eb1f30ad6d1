// redlock::Session, Hold and Mutex against a daemon that hangs, dies, restarts and drains.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <redlock/redlock.hpp>
#include <thread>
#include <vector>

#include "tests/integration/busy_session.h"
#include "tests/support/daemon.h"
#include "tests/support/wait.h"

namespace redlockd::test {
namespace {

using redlock::Hold;
using redlock::HoldOptions;
using redlock::Mutex;
using redlock::Notice;
using redlock::Session;

// How late an answer may be on a machine that others use too. What does not keep its time at all
// takes 5 s or more.
constexpr Duration kSlack = 3s;

class ClientSessionTest : public testing::Test {
 protected:
  World world_{3, {.more = "drain_time: 300ms\n"}};
  Session session_{world_.daemon.socket()};
  LineClient other_ = world_.Connect();
};

TEST_F(ClientSessionTest, AThousandHeldMutexesAreOneSession) {
  std::vector<std::unique_ptr<Mutex>> mutexes;
  for (int i = 0; i < 1000; ++i) {
    mutexes.push_back(std::make_unique<Mutex>(session_, "m" + std::to_string(i)));
    mutexes.back()->lock();
  }
  EXPECT_EQ(world_.daemon.Stat("holds"), 1000u);
  EXPECT_EQ(world_.daemon.Stat("sessions"), 3u)
      << "this one, that of the test, and that which asks";
  mutexes.clear();
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("holds") == 0; }));
}

TEST_F(ClientSessionTest, OwnersStandInOneLineWithOtherSessions) {
  std::optional<Hold> first = session_.lock("a");
  std::atomic<bool> has_it{false};
  std::thread second([&] {
    Hold hold = session_.lock("a");
    has_it = true;
    hold.release();
  });
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 1; }));
  other_.Send("#o lock a");
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("waits") == 2; }));
  EXPECT_FALSE(has_it);
  first->release();
  second.join();
  EXPECT_EQ(other_.Answer().tag, "o");
  EXPECT_FALSE(session_.try_lock("a"));
}

std::string Field(const redlock::Fields& fields, const std::string& key) {
  for (const auto& [name, value] : fields) {
    if (name == key) return value;
  }
  return "";
}

TEST_F(ClientSessionTest, AsksThroughTheConnectionOfItsLocks) {
  Hold hold = session_.lock("a", {.note = "nightly", .answer_timeout = 10s});
  const auto rows = session_.query("list").rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(Field(rows[0], "lock"), "a");
  EXPECT_EQ(Field(rows[0], "note"), "nightly");
  EXPECT_EQ(session_.query("nodes").rows.size(), 3u);
  EXPECT_FALSE(session_.query("show", {{"", "a"}}).rows.empty());
  EXPECT_FALSE(session_.query("stats").rows.empty());
  EXPECT_FALSE(Field(session_.query("ping").answer, "now").empty());
  EXPECT_EQ(world_.daemon.Stat("sessions"), 3u)
      << "this one, that of the test, and that which asks";
  std::error_code error;
  EXPECT_TRUE(session_.query("show", error, {{"", "a"}, {"colour", "red"}}).rows.empty());
  EXPECT_EQ(error, REDLOCK_EUNKNOWNOPTION);

  const auto before = hold.deadline();
  hold.check();
  EXPECT_GE(hold.deadline(), before);
  world_.daemon.process().Freeze();
  const auto begin = BootTime();
  static_cast<void>(session_.query("list", error, {}, 100ms));
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_LT(BootTime() - begin, 100ms + kSlack);
  world_.daemon.process().Resume();
  hold.release();
}

// The daemon writes them to the page of the session, whose thread is busy here.
TEST_F(ClientSessionTest, AHoldFollowsRenewalsThatNobodyReads) {
  HoldOptions options;
  options.ttl = 1s;
  Hold hold = session_.lock("a", options);
  BusySession busy(session_, "b");
  EXPECT_FALSE(busy.hold().valid());
  const auto known = hold.deadline();
  EXPECT_TRUE(Eventually([&] { return hold.deadline() > known + 1s; }));
  EXPECT_TRUE(hold.valid());

  other_.Ask("break a fence=" + std::to_string(hold.fence()));
  EXPECT_FALSE(hold.valid()) << "nobody has read that either";
  busy.GoOn();
}

// A planned restart: the next process writes to the same page.
TEST(ReplacedDaemon, NothingEndsForASession) {
  const World world(3, {.ttl = "6s", .max_ttl = "6s"});
  Session session(world.daemon.socket());
  HoldOptions options;
  options.on_lost = [](const Notice&) { ADD_FAILURE() << "lost"; };
  Hold hold = session.lock("a", options);
  std::atomic<bool> has_it{false};
  std::thread waiter([&] {
    Hold next = session.lock("a");
    has_it = true;
    next.release();
  });
  EXPECT_TRUE(Eventually([&] { return world.daemon.Stat("waits") == 1; }));
  world.daemon.process().Signal(SIGUSR2);
  EXPECT_TRUE(Eventually([&] {
    return world.daemon.Log().find("goes on from the former process") != std::string::npos;
  }));
  const auto known = hold.deadline();
  EXPECT_TRUE(Eventually([&] { return hold.deadline() > known + 1s; }));
  EXPECT_TRUE(hold.valid());
  EXPECT_FALSE(has_it);
  hold.release();
  waiter.join();
  EXPECT_TRUE(has_it);
  const Hold broken = session.lock("b");
  world.Connect().Ask("break b fence=" + std::to_string(broken.fence()));
  EXPECT_TRUE(Eventually([&] { return !broken.valid(); }));
}

// The nodes are gone: an obedient holder has stopped before the deadline.
TEST_F(ClientSessionTest, AHolderHearsOfTroubleBeforeTheDeadline) {
  std::atomic<std::int64_t> in_jeopardy{0};
  HoldOptions options;
  options.on_jeopardy = [&](const Notice&) { in_jeopardy = redlock_now(); };
  const Hold hold = session_.lock("a", options);
  for (std::size_t i = 0; i < 3; ++i) world_.nodes[i].Freeze();
  EXPECT_TRUE(Eventually([&] { return hold.stop_token().stop_requested(); }));
  const auto stopped = redlock::Clock::now();
  EXPECT_FALSE(hold.valid());
  EXPECT_LT(stopped, hold.deadline());
  EXPECT_NE(in_jeopardy, 0);
  for (std::size_t i = 0; i < 3; ++i) world_.nodes[i].Thaw();
}

TEST_F(ClientSessionTest, ADaemonThatHangsKeepsNobodyAndGetsItsGrantsBack) {
  Hold held = session_.lock("held");
  world_.daemon.process().Freeze();
  const auto begin = BootTime();
  std::error_code error;
  EXPECT_FALSE(session_.try_lock_for("a", 100ms, error));
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_GE(BootTime() - begin, 100ms);
  EXPECT_LT(BootTime() - begin, 100ms + kSlack);
  const auto release = BootTime();
  held.release();
  EXPECT_LT(BootTime() - release, 250ms + kSlack);
  std::stop_source stop;
  std::thread waiting(
      [&] { EXPECT_THROW(auto hold = session_.lock("a", stop.get_token()), redlock::Error); });
  stop.request_stop();
  waiting.join();

  world_.daemon.process().Resume();
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("holds") == 0; }));
  EXPECT_EQ(other_.Brief("lock a wait=10s"), "OK");
}

TEST_F(ClientSessionTest, AHoldOutlivesADaemonThatIsKilledUntilItsDeadline) {
  std::atomic<int> losses{0};
  HoldOptions options;
  options.on_lost = [&](const Notice&) { ++losses; };
  Hold hold = session_.lock("a", options);
  std::optional<Hold> waited;
  std::thread waiting([&] { waited = session_.lock("b", {.connect_timeout = 60s}); });
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
  EXPECT_TRUE(session_.try_lock_for("a", kPatience));
}

TEST_F(ClientSessionTest, ADrainIsAnnouncedAndTheNextDaemonIsFound) {
  std::atomic<bool> drains{false};
  HoldOptions options;
  options.on_draining = [&](const Notice& notice) { drains = notice.within > 0s; };
  Hold hold = session_.lock("a", options);
  world_.daemon.process().Signal(SIGTERM);
  EXPECT_TRUE(Eventually([&] { return drains.load(); }));
  hold.release();
  EXPECT_EQ(world_.daemon.process().Wait(), ExitCode(0));
  world_.daemon.Start();
  EXPECT_TRUE(session_.try_lock_for("a", kPatience));
}

TEST_F(ClientSessionTest, AGrantThatCrossesACancelIsGivenBack) {
  for (int i = 0; i < 50; ++i) {
    std::stop_source stop;
    std::thread waiting([&] {
      std::error_code error;
      auto hold = session_.lock("a" + std::to_string(i), error, {}, stop.get_token());
    });
    std::thread stopping([&] { stop.request_stop(); });
    waiting.join();
    stopping.join();
  }
  EXPECT_TRUE(Eventually(
      [&] { return world_.daemon.Stat("holds") == 0 && world_.daemon.Stat("waits") == 0; }));
}

}  // namespace
}  // namespace redlockd::test
