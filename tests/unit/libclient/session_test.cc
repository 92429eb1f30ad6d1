// redlock::Session and redlock::Hold over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <redlock/redlock.hpp>
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
using testing::HasSubstr;

template <typename Call>
std::chrono::nanoseconds Duration(Call call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::steady_clock::now() - begin;
}

std::size_t CountThreads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

// What the callbacks of a hold were called with.
class Diary {
 public:
  HoldOptions Options() {
    HoldOptions options;
    options.on_jeopardy = [this](const Notice& notice) { Add("jeopardy", notice); };
    options.on_safe = [this](const Notice& notice) { Add("safe", notice); };
    options.on_draining = [this](const Notice& notice) { Add("draining", notice); };
    options.on_lost = [this](const Notice& notice) { Add("lost", notice); };
    return options;
  }
  // Whether `what` is there within 10 s.
  bool Has(const std::string& what, Notice* notice = nullptr) {
    std::unique_lock guard(mutex_);
    const auto find = [&] {
      return std::find_if(entries_.begin(), entries_.end(),
                          [&](const auto& entry) { return entry.first == what; });
    };
    if (!changed_.wait_for(guard, seconds(10), [&] { return find() != entries_.end(); }))
      return false;
    if (notice != nullptr) *notice = find()->second;
    return true;
  }
  std::vector<std::string> Words() {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> words;
    for (const auto& [word, notice] : entries_) words.push_back(word);
    return words;
  }

 private:
  void Add(const std::string& what, const Notice& notice) {
    const std::lock_guard guard(mutex_);
    entries_.emplace_back(what, notice);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, Notice>> entries_;
};

class SessionTest : public testing::Test {
 protected:
  FakeDaemon daemon_;
  Session session_{daemon_.path()};
};

TEST_F(SessionTest, AHoldIsMovedAndReleasedByItsEnd) {
  {
    Hold first = session_.lock("jobs", {.ttl = seconds(9), .note = "nightly"});
    EXPECT_EQ(first.name(), "jobs");
    EXPECT_EQ(first.fence(), 1U);
    EXPECT_TRUE(first.valid());
    EXPECT_GT(first.left(), seconds(5));
    Hold second = std::move(first);
    EXPECT_FALSE(first.valid());  // NOLINT: what a Hold is after a move is promised
    EXPECT_TRUE(second.valid());
    first = session_.lock("other");
    second = std::move(first);
    EXPECT_TRUE(Eventually([&] { return daemon_.received().size() == 3; }));
  }
  EXPECT_TRUE(Eventually([&] { return daemon_.received().size() == 4; }));
  EXPECT_EQ(daemon_.received().at(2), "unlock jobs fence=1 as=1");
  EXPECT_EQ(daemon_.received().at(3), "unlock other fence=2 as=2");
}

TEST_F(SessionTest, ReleaseSaysHowItWent) {
  Hold hold = session_.lock("jobs");
  hold.release();
  EXPECT_FALSE(hold.valid());
  EXPECT_FALSE(hold.stop_token().stop_requested());
  std::error_code error;
  hold.release(error);
  EXPECT_EQ(error, REDLOCK_ENOTHELD);

  hold = session_.lock("jobs");
  daemon_.Say("* LOST lock=jobs as=2 fence=2 reason=max-hold");
  EXPECT_TRUE(Eventually([&] { return !hold.valid(); }));
  try {
    hold.release();
    FAIL() << "released";
  } catch (const Error& lost) {
    EXPECT_EQ(lost.code(), REDLOCK_ELOST);
    EXPECT_THAT(lost.what(), HasSubstr("lock 'jobs': "));
    EXPECT_THAT(lost.what(), HasSubstr("max-hold"));
  }
}

TEST_F(SessionTest, OwnersOfOneNameExcludeEachOther) {
  std::optional<Hold> first = session_.lock("jobs");
  EXPECT_FALSE(session_.try_lock("jobs"));
  std::error_code error;
  EXPECT_FALSE(session_.try_lock_for("jobs", milliseconds(10), error));
  EXPECT_EQ(error, REDLOCK_ETIMEOUT);
  EXPECT_EQ(error, std::errc::timed_out);
  std::thread next([&] { EXPECT_EQ(session_.lock("jobs").fence(), 2U); });
  EXPECT_TRUE(daemon_.WaitForWaiters("jobs", 1));
  first.reset();
  next.join();
}

TEST_F(SessionTest, RefusesWhatTheDaemonCouldNotTake) {
  using namespace std::string_literals;
  for (const std::string& name : {""s, std::string(256, 'x'), "tenant\0one"s}) {
    std::error_code error;
    EXPECT_FALSE(session_.lock(name, error).valid());
    EXPECT_EQ(error, REDLOCK_EBADNAME);
  }
  try {
    (void)session_.lock("tenant\0one"s);
    ADD_FAILURE() << "taken";
  } catch (const Error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("lock 'tenant\\0one': "));
    EXPECT_THAT(refused.what(), HasSubstr("expected 1 to 255 bytes")) << "all of it";
  }
  std::error_code error;
  EXPECT_FALSE(session_.try_lock("jobs", error, {.ttl = seconds(-1)}));
  EXPECT_EQ(error, REDLOCK_EINVAL);
  EXPECT_TRUE(daemon_.received().empty());
}

TEST_F(SessionTest, StopsTheHolderAMarginBeforeTheDeadline) {
  Diary diary;
  HoldOptions options = diary.Options();
  options.ttl = seconds(4);
  options.margin = seconds(2);
  const Hold hold = session_.lock("jobs", options);
  Clock::time_point stopped{};
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock guard(mutex);
  woken.wait_for(guard, hold.stop_token(), seconds(10), [] { return false; });
  stopped = Clock::now();
  EXPECT_FALSE(hold.valid());
  EXPECT_GE(stopped, hold.deadline() - seconds(2));
  EXPECT_LT(stopped, hold.deadline());
  EXPECT_TRUE(diary.Has("lost"));
  EXPECT_THAT(diary.Words(), testing::ElementsAre("jeopardy", "lost"));
}

TEST_F(SessionTest, CallsTheHoldersFunctions) {
  Diary diary;
  const Hold hold = session_.lock("jobs", diary.Options());
  const auto deadline = std::to_string((hold.deadline() + seconds(5)).time_since_epoch().count());
  daemon_.Say("* JEOPARDY lock=jobs as=1 fence=1 deadline=" + deadline +
              " left=9s :2 of 3 are gone");
  daemon_.Say("* SAFE lock=jobs as=1 fence=1 deadline=" + deadline + " left=9s");
  daemon_.Say("* DRAINING within=2s");
  Notice notice;
  EXPECT_TRUE(diary.Has("jeopardy", &notice));
  EXPECT_EQ(notice.name, "jobs");
  EXPECT_EQ(notice.fence, 1U);
  EXPECT_EQ(notice.reason, "2 of 3 are gone");
  EXPECT_TRUE(diary.Has("safe"));
  EXPECT_TRUE(diary.Has("draining", &notice));
  EXPECT_EQ(notice.within, seconds(2));
  EXPECT_TRUE(hold.valid());
}

TEST_F(SessionTest, ACallbackMayReleaseButNotLock) {
  std::error_code of_lock;
  std::error_code of_release = REDLOCK_EINVAL;
  std::atomic<bool> is_done{false};
  Hold hold;
  HoldOptions options;
  options.on_draining = [&](const Notice&) {
    static_cast<void>(session_.lock("other", of_lock));
    hold.release(of_release);
    is_done = true;
  };
  hold = session_.lock("jobs", options);
  daemon_.Say("* DRAINING within=2s");
  EXPECT_TRUE(Eventually([&] { return is_done.load(); }));
  EXPECT_EQ(of_lock, REDLOCK_EINVAL);
  EXPECT_FALSE(of_release);
  EXPECT_TRUE(Eventually([&] { return daemon_.received().back() == "unlock jobs fence=1 as=1"; }));
}

// A test keeps a callback from returning with it.
class Gate {
 public:
  void Enter() {
    std::unique_lock guard(mutex_);
    is_entered_ = true;
    changed_.notify_all();
    changed_.wait(guard, [this] { return is_open_; });
  }
  bool WaitForEntry() {
    std::unique_lock guard(mutex_);
    return changed_.wait_for(guard, seconds(10), [this] { return is_entered_; });
  }
  void Open() {
    const std::lock_guard guard(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_entered_ = false;
  bool is_open_ = false;
};

// The callback waits for a mutex of the program, and the program has it while it calls the session.
TEST_F(SessionTest, BoundedCallsEndWhileACallbackWaitsForTheirCaller) {
  Gate gate;
  HoldOptions options;
  options.on_jeopardy = [&](const Notice&) { gate.Enter(); };
  Hold hold = session_.lock("jobs", options);
  Hold other = session_.lock("other");
  daemon_.Say("* JEOPARDY lock=jobs as=1 fence=1 :why");
  ASSERT_TRUE(gate.WaitForEntry());
  EXPECT_TRUE(session_.try_lock_for("free", seconds(2)));
  EXPECT_FALSE(session_.try_lock("other", {.answer_timeout = seconds(2)}));
  std::error_code error;
  other.release(error);
  EXPECT_FALSE(error);
  gate.Open();
}

// The thread is in a callback, and another caller's turn finds the deadline passed.
TEST_F(SessionTest, NothingIsLostWhileARenewalIsUnread) {
  Gate gate;
  HoldOptions options;
  options.ttl = seconds(3);
  options.margin = seconds(0);
  options.on_jeopardy = [&](const Notice&) { gate.Enter(); };
  Hold hold = session_.lock("jobs", options);
  daemon_.Say("* JEOPARDY lock=jobs as=1 fence=1 :why");
  ASSERT_TRUE(gate.WaitForEntry());
  const Clock::time_point first = hold.deadline();
  const auto later = std::to_string((first + seconds(60)).time_since_epoch().count());
  daemon_.Say("* RENEWED lock=jobs as=1 fence=1 deadline=" + later);
  std::this_thread::sleep_for(first - Clock::now() + milliseconds(10));
  std::error_code error;
  static_cast<void>(session_.try_lock("other", error));
  EXPECT_TRUE(hold.valid());
  hold.release(error);
  EXPECT_FALSE(error);
  gate.Open();
}

// Both hear of the drain in one turn: the second is released while the first one's callback runs.
TEST_F(SessionTest, NoCallbackIsCalledAfterTheRelease) {
  Gate gate;
  std::atomic<int> calls{0};
  std::optional<Session> session(std::in_place, daemon_.path());
  HoldOptions first;
  first.on_draining = [&](const Notice&) { gate.Enter(); };
  HoldOptions second;
  second.on_draining = [&](const Notice&) { ++calls; };
  std::optional<Hold> a = session->lock("a", first);
  std::optional<Hold> b = session->lock("b", second);
  std::optional<Hold> c = session->lock("c", second);
  daemon_.Say("* DRAINING within=2s");
  ASSERT_TRUE(gate.WaitForEntry());
  b->release();
  c.reset();
  gate.Open();
  a.reset();
  b.reset();
  session.reset();  // waits for the session's thread
  EXPECT_EQ(calls, 0);
}

TEST_F(SessionTest, AStopGivesUpAWait) {
  const Hold held = session_.lock("jobs");
  std::stop_source stop;
  std::error_code error;
  std::thread waiting(
      [&] { static_cast<void>(session_.lock("jobs", error, {}, stop.get_token())); });
  EXPECT_TRUE(daemon_.WaitForWaiters("jobs", 1));
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  EXPECT_THROW(static_cast<void>(session_.lock("jobs", stop.get_token())), Error);
  EXPECT_FALSE(session_.try_lock_for("jobs", seconds(10), {}, stop.get_token()));
  EXPECT_TRUE(daemon_.WaitForWaiters("jobs", 0));
}

// B3: whatever a daemon that hangs does, nobody waits for longer than was said.
TEST_F(SessionTest, ADaemonThatHangsKeepsNobody) {
  Hold held = session_.lock("held", {.ttl = seconds(60)});
  daemon_.Hang(true);
  std::error_code error;
  const auto bounded =
      Duration([&] { static_cast<void>(session_.try_lock_for("jobs", milliseconds(100), error)); });
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_GE(bounded, milliseconds(100));
  EXPECT_LT(bounded, milliseconds(110) + kSlack);
  const auto tried = Duration([&] {
    static_cast<void>(session_.try_lock("jobs", error, {.answer_timeout = milliseconds(50)}));
  });
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_LT(tried, milliseconds(50) + kSlack);
  std::stop_source stop;
  std::thread waiting(
      [&] { static_cast<void>(session_.lock("jobs", error, {}, stop.get_token())); });
  EXPECT_LT(Duration([&] { held.release(); }), milliseconds(250) + kSlack);
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);

  // All the grants that the daemon makes when it goes on are given back.
  daemon_.Hang(false);
  EXPECT_TRUE(Eventually([&] {
    const auto lines = daemon_.received();
    const auto count = [&](const std::string& beginning) {
      return std::count_if(lines.begin(), lines.end(),
                           [&](const std::string& line) { return line.starts_with(beginning); });
    };
    return count("lock jobs") >= 2 && count("cancel") == count("lock jobs") &&
           count("unlock held") == 1 && count("unlock jobs") >= 1;
  }));
  EXPECT_TRUE(session_.try_lock_for("jobs", seconds(10), {}));
}

TEST_F(SessionTest, AWaitGoesOnAfterTheDaemonWasGone) {
  const Hold held = session_.lock("jobs", {.ttl = seconds(60)});
  std::optional<Hold> got;
  std::thread waiting([&] { got = session_.lock("jobs"); });
  EXPECT_TRUE(daemon_.WaitForWaiters("jobs", 1));
  EXPECT_TRUE(held.valid());
  daemon_.Drop();
  waiting.join();
  EXPECT_TRUE(got->valid());
}

TEST_F(SessionTest, WaitsForADaemonThatComesLater) {
  const redlockd::test::TempDir directory;
  const std::string path = directory / "later";
  Session session(path);
  std::thread waiting([&] { EXPECT_TRUE(session.try_lock_for("jobs", seconds(20))); });
  std::filesystem::create_symlink(daemon_.path(), path);
  waiting.join();
  std::error_code error;
  Session nowhere("/nowhere/redlockd.sock");
  const auto tried = Duration([&] { static_cast<void>(nowhere.try_lock("jobs", error)); });
  EXPECT_EQ(error, REDLOCK_ECONNECT);
  EXPECT_LT(tried, kSlack);
}

// Of all that the standard library could throw there is only std::bad_alloc.
TEST_F(SessionTest, WithoutDescriptorsItFailsLikeOtherwise) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;  // of these 0 to 2 are open
  setrlimit(RLIMIT_NOFILE, &none);
  std::error_code no_thread;
  static_cast<void>(session_.try_lock("jobs", no_thread));
  int thrown = REDLOCK_OK;
  try {
    static_cast<void>(session_.lock("jobs"));
  } catch (const Error& error) {
    thrown = error.code();
  }
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(no_thread, REDLOCK_ENOMEM);
  EXPECT_EQ(thrown, REDLOCK_ENOMEM);
  EXPECT_TRUE(session_.lock("jobs").valid());
}

// M4.
TEST_F(SessionTest, AThousandHeldMutexesAreOneSessionAndOneThread) {
  const std::size_t before = CountThreads();
  const HoldOptions options{.ttl = std::chrono::minutes(10)};  // the stand-in does not renew
  std::vector<std::unique_ptr<Mutex>> mutexes;
  for (int i = 0; i < 1000; ++i) {
    mutexes.push_back(std::make_unique<Mutex>(session_, "m" + std::to_string(i), options));
    mutexes.back()->lock();
  }
  EXPECT_EQ(CountThreads(), before + 1);
  EXPECT_TRUE(daemon_.WaitForSessions(1));
  EXPECT_TRUE(
      std::all_of(mutexes.begin(), mutexes.end(), [](const auto& m) { return m->valid(); }));
}

TEST_F(SessionTest, TheSharedOneIsOneForEachPath) {
  Session one = Session::shared(daemon_.path());
  Session two = Session::shared(daemon_.path());
  const Hold held = one.lock("a");
  const Hold other = two.lock("b");
  EXPECT_TRUE(daemon_.WaitForSessions(1));
}

TEST_F(SessionTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  int inside = 0;
  int count = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const Hold hold = session_.lock("jobs");
        EXPECT_EQ(++inside, 1);
        ++count;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 400);
  EXPECT_TRUE(daemon_.WaitForSessions(1));
}

TEST_F(SessionTest, EndsWithItsLastHold) {
  std::optional<Hold> hold;
  {
    Session session(daemon_.path());
    hold = session.lock("jobs");
  }
  EXPECT_TRUE(hold->valid());
  EXPECT_TRUE(daemon_.WaitForSessions(1));
  hold.reset();
  EXPECT_TRUE(daemon_.WaitForSessions(0));
}

// What the functions of a hold own dies with the hold, in the thread of the session, and may call
// the session.
TEST_F(SessionTest, ACallbackMayOwnAnotherHold) {
  auto owned = std::make_shared<Hold>(session_.lock("owned"));
  {
    HoldOptions options;
    options.on_lost = [owned = std::move(owned)](const Notice&) {};
    Hold hold = session_.lock("jobs", options);
    options = {};
  }
  EXPECT_TRUE(Eventually([&] {
    const auto lines = daemon_.received();
    return std::count(lines.begin(), lines.end(), "unlock owned fence=1 as=1") == 1;
  }));
  EXPECT_TRUE(session_.try_lock_for("owned", seconds(60)));
}

TEST_F(SessionTest, ACallbackMayOwnTheLastSession) {
  {
    auto session = std::make_shared<Session>(daemon_.path());
    HoldOptions options;
    options.on_lost = [session](const Notice&) {};
    const Hold hold = session->lock("jobs", options);
  }
  EXPECT_TRUE(Eventually([&] {
    const auto lines = daemon_.received();
    return std::count(lines.begin(), lines.end(), "unlock jobs fence=1 as=1") == 1;
  }));
  EXPECT_TRUE(daemon_.WaitForSessions(0));
}

// The C interface, where C++ cannot go.
TEST_F(SessionTest, CallsFromCAreChecked) {
  redlock_session* session = redlock_session_new(daemon_.path().c_str());
  redlock_hold* hold = nullptr;
  redlock_hold_options options = REDLOCK_HOLD_OPTIONS_INIT;
  int drops = 0;
  options.arg = &drops;
  options.drop_arg = [](void* count) { ++*static_cast<int*>(count); };
  EXPECT_EQ(redlock_hold_new(nullptr, "jobs", &options, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_hold_new(session, nullptr, &options, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_hold_new(session, "", &options, &hold), REDLOCK_EBADNAME);
  EXPECT_EQ(redlock_hold_new(session, "jobs", &options, nullptr), REDLOCK_EINVAL);
  options.flags = 0x80;
  EXPECT_EQ(redlock_hold_new(session, "jobs", &options, &hold), REDLOCK_EINVAL);
  options.flags = 0;
  options.size = 1;
  EXPECT_EQ(redlock_hold_new(session, "jobs", &options, &hold), REDLOCK_EINVAL);
  EXPECT_EQ(hold, nullptr);
  EXPECT_EQ(drops, 0);

  options.size = sizeof(options);
  ASSERT_EQ(redlock_hold_new(session, "jobs", &options, &hold), REDLOCK_OK);
  redlock_session_free(session);  // the hold keeps the session
  EXPECT_EQ(redlock_hold_unlock(hold), REDLOCK_ENOTHELD);
  EXPECT_EQ(redlock_hold_lock(hold, REDLOCK_FOREVER), REDLOCK_OK);
  EXPECT_STREQ(redlock_hold_error_text(hold), "");
  EXPECT_EQ(redlock_hold_lock(hold, 0), REDLOCK_EINVAL);
  EXPECT_STREQ(redlock_hold_error_text(hold), "lock 'jobs': invalid use: it was locked before");
  redlock_hold_cancel(hold);
  EXPECT_EQ(redlock_hold_valid(hold), 1);
  EXPECT_EQ(redlock_hold_unlock(hold), REDLOCK_OK);
  redlock_hold_free(hold);
  redlock_hold_free(nullptr);
  redlock_session_free(nullptr);
  EXPECT_EQ(redlock_hold_lock(nullptr, 0), REDLOCK_EINVAL);
  EXPECT_TRUE(Eventually([&] { return drops == 1; }));
}

struct UnlockWhenLost {
  redlock_hold* hold = nullptr;
  std::atomic<int> result{-1};

  static void Take(const redlock_event* event, void* self) {
    auto& unlock = *static_cast<UnlockWhenLost*>(self);
    if (event->type == REDLOCK_EVENT_LOST) unlock.result = redlock_hold_unlock(unlock.hold);
  }
};

// Returns how the lock went. The loss comes with the grant, and what hears of it releases the hold.
int LockWhatIsLostAtOnce() {
  FakeDaemon daemon;
  daemon.SayAfterGrants("* LOST lock=jobs fence=1 reason=drain");
  redlock_session* session = redlock_session_new(daemon.path().c_str());
  UnlockWhenLost unlock;
  redlock_hold_options options = REDLOCK_HOLD_OPTIONS_INIT;
  options.on_event = &UnlockWhenLost::Take;
  options.arg = &unlock;
  EXPECT_EQ(redlock_hold_new(session, "jobs", &options, &unlock.hold), REDLOCK_OK);
  const int error = redlock_hold_lock(unlock.hold, REDLOCK_FOREVER);
  EXPECT_TRUE(Eventually([&] { return unlock.result != -1; }));
  EXPECT_EQ(unlock.result, REDLOCK_ELOST);
  redlock_session_free(session);
  redlock_hold_free(unlock.hold);
  return error;
}

TEST_F(SessionTest, AHoldersFunctionWaitsForItsLocker) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(LockWhatIsLostAtOnce(), REDLOCK_OK);
}

// M2: runs in a child, and returns how many of its expectations failed.
int InTheChild(Session& session, Hold& hold) {
  int failures = 0;
  failures += hold.valid() ? 1 : 0;
  std::error_code error;
  hold.release(error);
  failures += error == REDLOCK_EFORK ? 0 : 2;
  const auto own = session.try_lock_for("of-the-child", seconds(10), error);
  failures += own && own->valid() ? 0 : 4;
  failures += session.try_lock("jobs", error) ? 8 : 0;
  failures += error == REDLOCK_EBUSY ? 0 : 16;
  { const Hold gone = std::move(hold); }
  return failures;
}

TEST_F(SessionTest, AChildHoldsNothingAndHasASessionOfItsOwn) {
  if (kWithThreadSanitizer) GTEST_SKIP() << "it lets no child of several threads start a thread";
  Hold hold = session_.lock("jobs");
  const pid_t child = fork();
  if (child == 0) _exit(InTheChild(session_, hold));
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(hold.valid());
  hold.release();
  const auto lines = daemon_.received();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "unlock jobs fence=1 as=1"), 1);
}

// The child's copy of the socket is closed: a lock ends with the process that took it.
TEST_F(SessionTest, AChildDoesNotKeepTheParentsSession) {
  std::optional<Session> session(std::in_place, daemon_.path());
  std::optional<Hold> hold = session->lock("jobs");
  const ChildThatWaits child;
  hold.reset();
  session.reset();
  EXPECT_TRUE(daemon_.WaitForSessions(0));
}

// It is so, too, while another thread ends the session and waits for a callback.
TEST_F(SessionTest, AChildDoesNotKeepASessionThatIsEnding) {
  Gate gate;
  std::optional<Session> session(std::in_place, daemon_.path());
  HoldOptions options;
  options.on_jeopardy = [&](const Notice&) { gate.Enter(); };
  std::optional<Hold> hold = session->lock("jobs", options);
  daemon_.Say("* JEOPARDY lock=jobs as=1 fence=1 :why");
  ASSERT_TRUE(gate.WaitForEntry());
  hold.reset();
  std::thread ending([&] { session.reset(); });
  std::this_thread::sleep_for(milliseconds(200));  // so that the destructor has begun
  const ChildThatWaits child;
  gate.Open();
  ending.join();
  EXPECT_TRUE(daemon_.WaitForSessions(0));
}

}  // namespace
}  // namespace redlock::client
