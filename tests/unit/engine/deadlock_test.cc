// Tasks that wait for each other on one host (rule W1).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/engine/engine_fixture.h"

namespace redlockd::engine {
namespace {

class Deadlock : public EngineFixture {
 protected:
  Deadlock() { Start(); }

  static TaskId TaskOf(SessionId session) { return {session, 0}; }
  RequestId Ask(SessionId session, const std::string& name, std::optional<Duration> wait = {}) {
    return Ask(session, name, TaskOf(session), wait);
  }
  RequestId Ask(SessionId session, const std::string& name, TaskId task,
                std::optional<Duration> wait = {}) {
    return Lock(session, {.name = name, .wait = wait, .task = task});
  }
  RequestId AskAll(SessionId session, const std::vector<std::string>& names,
                   std::optional<Duration> wait = {}) {
    return Lock(session, {.name = names.front(),
                          .wait = wait,
                          .task = TaskOf(session),
                          .also = {names.begin() + 1, names.end()}});
  }
  void MustGet(SessionId session, const std::string& name) {
    ASSERT_TRUE(GrantOf(Ask(session, name))) << name;
  }
  void Release(SessionId session, const std::string& name) {
    Do(UnlockRequested{.session = session, .request = 100'000 + ++unlocks_, .name = name});
  }
  void Cancel(SessionId session, const std::string& name, RequestId request) {
    Do(CancelRequested{
        .session = session, .request = 100'000 + ++unlocks_, .target = request, .name = name});
  }
  // "b 2 a 1": the request waits for b, which 2 holds, which waits for a, which 1 holds.
  std::string CycleOf(RequestId request) const {
    std::string text;
    const auto failed = FailureOf(request);
    if (!failed || failed->failure != Failure::kDeadlock) return "no deadlock";
    for (const InCycle& wait : failed->cycle) {
      text += (text.empty() ? "" : " ") + wait.lock + " " + std::to_string(wait.holder.session);
    }
    return text;
  }

  const SessionId one_ = Open(), two_ = Open(), three_ = Open();
  RequestId unlocks_ = 0;
};

TEST_F(Deadlock, TheRequestThatClosesACycleIsRefused) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  const auto first = Ask(one_, "b");
  const auto last = Ask(two_, "a");
  EXPECT_FALSE(Answered(first));
  EXPECT_EQ(CycleOf(last), "a 1 b 2");
  EXPECT_EQ(FailureOf(last)->name, "a");
  EXPECT_EQ(engine_->WaitCount(), 1u);
  // It may let go now, and then the other gets on.
  Release(two_, "b");
  EXPECT_TRUE(GrantOf(first));
  MustGet(two_, "c");
  EXPECT_FALSE(Answered(Ask(two_, "a")));
}

TEST_F(Deadlock, ThreeInACycle) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  MustGet(three_, "c");
  Ask(one_, "b");
  Ask(three_, "a");
  EXPECT_EQ(CycleOf(Ask(two_, "c")), "c 3 a 1 b 2");
}

TEST_F(Deadlock, AWaitThatWouldEndByItselfCountsLikeAnyOther) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  Ask(one_, "b", 1h);
  EXPECT_EQ(CycleOf(Ask(two_, "a", 1h)), "a 1 b 2");
}

// It does not wait for the holder.
TEST_F(Deadlock, ATryIsBusyAndClosesNoCycle) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  Ask(one_, "b");
  EXPECT_EQ(WhyFailed(Ask(two_, "a", 0ns)), Failure::kBusy);
}

TEST_F(Deadlock, WhoStandsInLineAfterOneOfACycleWaits) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  Ask(one_, "b");
  EXPECT_FALSE(Answered(Ask(three_, "a")));
  EXPECT_FALSE(Answered(Ask(three_, "b")));
  EXPECT_EQ(CycleOf(Ask(two_, "a")), "a 1 b 2");
}

// Nobody knows that what it holds stays until it has what it waits for.
TEST_F(Deadlock, RequestsWithoutATaskWait) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  Ask(one_, "b");
  const auto last = Ask(two_, "a", TaskId());
  Pass(1s);
  EXPECT_FALSE(Answered(last));
}

TEST_F(Deadlock, HoldsWithoutATaskAreInNoCycle) {
  ASSERT_TRUE(GrantOf(Ask(one_, "a", TaskId())));
  MustGet(two_, "b");
  Ask(one_, "b");
  EXPECT_FALSE(Answered(Ask(two_, "a")));
}

// As clients do that have an owner for each hold: the task is what they have in common.
TEST_F(Deadlock, OwnersOfOneTaskAreOne) {
  const auto owner = [this](SessionId id) {
    Do(SessionOpened{.session = id, .uid = 1000, .pid = 0, .within = one_});
    return id;
  };
  const SessionId first = owner(101), second = owner(102), third = owner(103), fourth = owner(104);
  const TaskId five{one_, 5}, six{one_, 6};
  ASSERT_TRUE(GrantOf(Ask(first, "a", five)));
  ASSERT_TRUE(GrantOf(Ask(second, "b", six)));
  EXPECT_FALSE(Answered(Ask(third, "b", five)));
  const auto last = Ask(fourth, "a", six);
  EXPECT_EQ(CycleOf(last), "a 1 b 1");
  EXPECT_EQ(FailureOf(last)->cycle.back().holder, six);
}

TEST_F(Deadlock, ATaskThatWouldWaitForItselfIsRefused) {
  Do(SessionOpened{.session = 101, .uid = 1000, .pid = 0, .within = one_});
  ASSERT_TRUE(GrantOf(Ask(one_, "a", TaskId{one_, 5})));
  EXPECT_EQ(CycleOf(Ask(101, "a", TaskId{one_, 5})), "a 1");
  EXPECT_FALSE(Answered(Ask(two_, "a")));
}

// The cycle is closed by the grant: until then 2 did not hold b. Its request for a is older.
TEST_F(Deadlock, AGrantToATaskThatWaitsMayCloseACycle) {
  MustGet(three_, "b");
  MustGet(one_, "a");
  const auto a = Ask(two_, "a");
  const auto b = Ask(two_, "b");
  const auto last = Ask(one_, "b");
  EXPECT_FALSE(Answered(last));
  Release(three_, "b");
  EXPECT_TRUE(GrantOf(b));
  EXPECT_EQ(CycleOf(last), "b 2 a 1");
  EXPECT_FALSE(Answered(a));
  Release(one_, "a");
  EXPECT_TRUE(GrantOf(a));
}

// Of two cycles that one grant closes each is cut.
TEST_F(Deadlock, AGrantMayCloseSeveralCycles) {
  const SessionId four = Open();
  MustGet(three_, "b");
  MustGet(one_, "a");
  MustGet(four, "d");
  Ask(two_, "a");
  Ask(two_, "d");
  Ask(two_, "b");
  const auto by_one = Ask(one_, "b");
  const auto by_four = Ask(four, "b");
  Release(three_, "b");
  EXPECT_EQ(CycleOf(by_one), "b 2 a 1");
  EXPECT_EQ(CycleOf(by_four), "b 2 d 4");
}

// The set waits for c, and asks for b with it (rule G1).
TEST_F(Deadlock, ARequestForSeveralIsRefusedAsAnyOther) {
  MustGet(one_, "a");
  MustGet(two_, "c");
  const auto first = Ask(two_, "a");
  const auto set = AskAll(one_, {"b", "c"});
  EXPECT_EQ(CycleOf(set), "c 2 a 1");
  EXPECT_EQ(FailureOf(set)->name, "c");
  EXPECT_EQ(engine_->WaitCount(), 1u);
  MustGet(three_, "b");
  Release(one_, "a");
  EXPECT_TRUE(GrantOf(first));
}

TEST_F(Deadlock, ARequestForSeveralIsWaitedForAsAnyOther) {
  MustGet(one_, "a");
  MustGet(two_, "c");
  const auto set = AskAll(one_, {"b", "c"});
  EXPECT_EQ(CycleOf(Ask(two_, "a")), "a 1 c 2");
  EXPECT_FALSE(Answered(set));
  Release(two_, "c");
  EXPECT_TRUE(GrantOf(set));
}

TEST_F(Deadlock, ATryOfSeveralClosesNoCycle) {
  MustGet(one_, "a");
  MustGet(two_, "c");
  Ask(two_, "a");
  EXPECT_EQ(FailureOf(AskAll(one_, {"b", "c"}, Duration(0)))->failure, Failure::kBusy);
}

// While it stands aside for who has c, its line of b passes it over (rule G5).
TEST_F(Deadlock, ARequestForSeveralThatComesBackMayCloseACycle) {
  MustGet(one_, "a");
  MustGet(two_, "c");
  const auto set = AskAll(one_, {"b", "c"});
  Pass(2s);
  MustGet(three_, "b");
  const auto last = Ask(three_, "a");
  EXPECT_FALSE(Answered(last));
  Release(two_, "c");
  EXPECT_EQ(CycleOf(last), "a 1 b 3") << "the youngest";
  EXPECT_FALSE(Answered(set));
  Release(three_, "b");
  EXPECT_TRUE(GrantOf(set));
}

TEST_F(Deadlock, WhatIsGivenUpIsInNoCycle) {
  MustGet(one_, "a");
  MustGet(two_, "b");
  const auto first = Ask(one_, "b");
  Cancel(one_, "b", first);
  EXPECT_EQ(WhyFailed(first), Failure::kCancelled);
  const auto last = Ask(two_, "a");
  EXPECT_FALSE(Answered(last));
  EXPECT_EQ(CycleOf(Ask(one_, "b")), "b 2 a 1");
  Close(two_);
  EXPECT_TRUE(GrantOf(Ask(one_, "b")));
}

}  // namespace
}  // namespace redlockd::engine
