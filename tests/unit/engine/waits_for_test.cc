#include "daemon/engine/waits_for.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

// Tests the class WaitsFor by itself; deadlock_test.cc has what becomes of locks in an engine.
namespace redlockd::engine {
namespace {

struct FakeLock final : WaitsFor::Lockable {
  explicit FakeLock(std::string text) : name_(std::move(text)) {}
  const std::string& name() const override { return name_; }
  void ForEachHolder(const Visit& visit) const override {
    for (const TaskId holder : holders) {
      if (!visit(holder)) return;
    }
  }

  const std::string name_;
  std::vector<TaskId> holders;
};

// Task n is the session n; its requests are numbered as they come.
class WaitsForTest : public ::testing::Test {
 protected:
  FakeLock& LockNamed(const std::string& name) {
    auto& lock = locks_[name];
    if (!lock) lock = std::make_unique<FakeLock>(name);
    return *lock;
  }
  void Hold(SessionId task, const std::string& lock) {
    LockNamed(lock).holders.push_back({task, 0});
  }
  void Wait(SessionId task, const std::string& lock) {
    waits_.emplace_back(all_, LockNamed(lock), TaskId{task, 0}, task, ++last_request_);
  }
  // "1+a 2+b 1-b": task 1 holds a, 2 holds b, 1 waits for b.
  void Tell(const std::string& text) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const SessionId task = std::stoul(word);
      const std::size_t at = word.find_first_of("+-");
      const std::string lock = word.substr(at + 1);
      word[at] == '+' ? Hold(task, lock) : Wait(task, lock);
    }
  }
  // "3: b 1 a 2": its youngest request is the third; it waits for b, which 1 holds, and so on.
  std::string CycleOf(SessionId task) const {
    const auto cycle = all_.CycleOf({task, 0});
    if (!cycle) return "";
    std::string text = std::to_string(cycle->request) + ":";
    for (const InCycle& wait : cycle->waits) {
      text += " " + wait.lock + " " + std::to_string(wait.holder.session);
    }
    EXPECT_EQ(cycle->session, cycle->waits.back().holder.session) << "it is not closed";
    return text;
  }

  WaitsFor all_;
  std::map<std::string, std::unique_ptr<FakeLock>> locks_;
  std::deque<WaitsFor::Wait> waits_;
  RequestId last_request_ = 0;
};

TEST_F(WaitsForTest, FindsTheCycleOfATask) {
  struct Row {
    const char* what;
    SessionId task;
    const char* cycle;
  };
  for (
      const Row& row : {
          Row{"", 1, ""},
          Row{"1-a", 1, ""},
          Row{"1+a", 1, ""},
          Row{"2+a 1-a", 1, ""},
          Row{"2+a 1-a", 2, ""},
          Row{"1+a 2+b 1-b 2-a", 1, "2: a 1 b 2"},
          Row{"1+a 2+b 1-b 2-a", 2, "2: a 1 b 2"},
          Row{"1+a 2+b 2-a 1-b", 2, "2: b 2 a 1"},
          // One who waits for somebody in the cycle is not in it.
          Row{"1+a 2+b 1-b 2-a 3-a", 3, ""},
          Row{"1+a 2+b 3+c 1-b 2-a 3-a", 3, ""},
          Row{"1+a 2+b 3+c 1-b 2-c 3-a", 2, "3: a 1 b 2 c 3"},
          Row{"1+a 2+b 3+c 4+d 1-b 2-c 3-d 4-a", 1, "4: a 1 b 2 c 3 d 4"},
          Row{"1+a 2+b 3+c 4+d 1-b 2-c 3-d", 1, ""},
          // By itself, under two owners.
          Row{"1+a 1-a", 1, "1: a 1"},
          // Several waits at a time: the first leads nowhere, the second is in a long cycle, the third in
          // a short one.
          Row{"1+a 2+b 3+c 1-x 1-b 2-c 3-a", 1, "4: a 1 b 2 c 3"},
          Row{"1+a 2+b 3+c 1-x 1-b 2-c 3-a 1-c", 1, "5: c 3 a 1"},
          // A lock that several hold: a wait for it leads to each.
          Row{"1+a 2+a 3+b 3-a 2-b", 3, "2: b 3 a 2"},
          Row{"1+a 2+a 3+b 3-a 2-b", 1, ""},
          Row{"1+a 2+a 3+b 3-a 1-b 2-b", 3, "2: b 3 a 1"},
          Row{"1+a 2+a 2-a", 2, "1: a 2"},
          // What does not come back to the task is walked once.
          Row{"2+b 3+c 1-b 2-c 3-b", 1, ""},
      }) {
    waits_.clear();
    locks_.clear();
    last_request_ = 0;
    Tell(row.what);
    EXPECT_EQ(CycleOf(row.task), row.cycle) << row.what;
  }
}

TEST_F(WaitsForTest, AWaitThatIsOverIsInNoCycle) {
  Tell("1+a 2+b 1-x 1-b 2-a");
  EXPECT_NE(CycleOf(1), "");
  waits_.pop_back();
  EXPECT_EQ(CycleOf(1), "");
  Tell("2-a");
  EXPECT_EQ(CycleOf(1), "4: a 1 b 2");
  LockNamed("a").holders.clear();
  EXPECT_EQ(CycleOf(1), "");
}

TEST_F(WaitsForTest, TasksOfASessionAreNotEachOther) {
  LockNamed("a").holders = {{1, 5}};
  LockNamed("b").holders = {{1, 6}};
  const WaitsFor::Wait five(all_, LockNamed("b"), {1, 5}, 11, 1);
  EXPECT_FALSE(all_.CycleOf({1, 5}));
  const WaitsFor::Wait other(all_, LockNamed("a"), {1, 7}, 12, 2);
  EXPECT_FALSE(all_.CycleOf({1, 5}));
  const WaitsFor::Wait six(all_, LockNamed("a"), {1, 6}, 13, 3);
  const auto cycle = all_.CycleOf({1, 5});
  ASSERT_TRUE(cycle);
  EXPECT_EQ(cycle->session, 13u);
  EXPECT_EQ(cycle->request, 3u);
}

// A ring of n tasks.
TEST_F(WaitsForTest, LooksAtABoundedNumberOfWaits) {
  for (const std::size_t n : {WaitsFor::kMostWaits, WaitsFor::kMostWaits + 1}) {
    waits_.clear();
    locks_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      Hold(i + 1, std::to_string(i));
      Wait(i + 1, std::to_string((i + 1) % n));
    }
    EXPECT_EQ(all_.CycleOf({1, 0}).has_value(), n <= WaitsFor::kMostWaits) << n;
  }
}

// One waits for a lock that n hold; only the last of them waits for the one.
TEST_F(WaitsForTest, LooksAtABoundedNumberOfHolders) {
  for (const std::size_t n : {WaitsFor::kMostWaits, WaitsFor::kMostWaits + 1}) {
    waits_.clear();
    locks_.clear();
    Hold(1, "own");
    Wait(1, "shared");
    for (std::size_t i = 0; i < n; ++i) Hold(i + 2, "shared");
    Wait(n + 1, "own");
    EXPECT_EQ(all_.CycleOf({1, 0}).has_value(), n <= WaitsFor::kMostWaits) << n;
  }
}

}  // namespace
}  // namespace redlockd::engine
