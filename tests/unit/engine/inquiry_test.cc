#include <gmock/gmock.h>

#include "daemon/engine/inquiries.h"
#include "daemon/engine/query_table.h"
#include "tests/unit/engine/engine_fixture.h"

// Who holds a lock that another daemon has (rule E11).
namespace redlockd::engine {
namespace {

// --- asking --------------------------------------------------------------------------------------

class Inquiry : public EngineFixture {
 protected:
  Inquiry() {
    Start();
    session_ = Open();
    for (NodeIndex i = 0; i < 3; ++i) {
      Do(NodeSubscribed{i, true});
      nodes_[i].Put(now_, "x", kOwner, 1min);
    }
    AllByHand();
  }
  void Show() { Do(ShowRequested{session_, 100, "x"}); }
  // The number of the question.
  InquiryNumber AnswerInspects() {
    InquiryNumber number = 0;
    for (NodeIndex i = 0; i < 3; ++i) {
      const Asked asked = Take<InspectOp>(i);
      number = std::get<InspectOp>(asked.op).inquiry;
      AnswerAsObedient(asked);
    }
    return number;
  }
  void Named(NodeIndex node, InquiryNumber number, std::int32_t pid = 12) {
    Do(HolderNamed{node, number, HolderFacts{.fence = 7, .pid = pid, .uid = 1, .note = "n"}});
  }
  // The process that the answer to `show` names by way of that node; 0: none.
  std::int32_t PidBy(NodeIndex node) {
    const auto shown = AnswerTo<Shown>(100);
    const auto& named = shown->nodes.at(node).named;
    return named && named->holder ? named->holder->pid : 0;
  }

  const std::string kOwner = "other:7:there";
  SessionId session_;
};

TEST_F(Inquiry, TheAnswerToShowWaitsForIt) {
  Show();
  const InquiryNumber number = AnswerInspects();
  EXPECT_FALSE(Answered(100));
  Named(1, number);
  ASSERT_TRUE(Answered(100));
  EXPECT_EQ(PidBy(1), 12);
  EXPECT_EQ(PidBy(0), 0);
}

TEST_F(Inquiry, ItMayComeBeforeTheNodesAnswer) {
  Show();
  const Asked first = Take<InspectOp>(0);
  AnswerAsObedient(first);
  Named(0, std::get<InspectOp>(first.op).inquiry);
  EXPECT_FALSE(Answered(100)) << "who has the lock is not known yet";
  for (NodeIndex i : {1, 2}) AnswerAsObedient(Take<InspectOp>(i));
  ASSERT_TRUE(Answered(100));
  EXPECT_EQ(PidBy(0), 12);
}

TEST_F(Inquiry, NobodyHoldsItIsAnAnswerToo) {
  Show();
  Do(HolderNamed{2, AnswerInspects(), std::nullopt});
  ASSERT_TRUE(Answered(100));
}

TEST_F(Inquiry, WithoutAnAnswerShowIsAnsweredInTime) {
  Show();
  AnswerInspects();
  Pass(2 * timing_.command_timeout - 1ns);
  EXPECT_FALSE(Answered(100));
  Pass(1ns);
  ASSERT_TRUE(Answered(100));
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(PidBy(i), 0);
}

// A daemon that hangs answers none: what is asked of nodes meanwhile does not wait for it.
TEST_F(Inquiry, WhatWaitsForAWordHoldsUpNoOtherQuestion) {
  for (std::size_t i = 0; i < QueryTable::kAtATime; ++i) {
    const std::string name = "x" + std::to_string(i);
    for (auto& node : nodes_) node.Put(now_, name, kOwner, 1min);
    Do(ShowRequested{session_, 200 + i, name});
    AnswerInspects();
    EXPECT_FALSE(Answered(200 + i));
  }
  Do(BreakRequested{.session = session_, .request = 300, .name = "x0", .owner = kOwner});
  EXPECT_EQ(Count<BreakOp>(0), 1u);
}

TEST_F(Inquiry, OnlyTheAnswerToThisQuestionIsOne) {
  Show();
  const InquiryNumber number = AnswerInspects();
  for (const InquiryNumber other : {InquiryNumber{0}, InquiryNumber{1}, number - 1, number + 1}) {
    Named(0, other, 66);
  }
  EXPECT_FALSE(Answered(100));
  Named(0, number);
  EXPECT_EQ(PidBy(0), 12);
}

TEST_F(Inquiry, TheNumberOfEachQuestionIsAnother) {
  std::set<InquiryNumber> numbers;
  for (RequestId request = 1; request <= 3; ++request) {
    Do(ShowRequested{session_, request, "x"});
    const InquiryNumber number = AnswerInspects();
    numbers.insert(number);
    Named(0, number);
    EXPECT_GT(number, 1'000u) << "one that can be guessed";
  }
  EXPECT_EQ(numbers.size(), 3u);
}

TEST_F(Inquiry, TheFirstWordByWayOfANodeStands) {
  Show();
  const Asked first = Take<InspectOp>(0);
  AnswerAsObedient(first);
  const InquiryNumber number = std::get<InspectOp>(first.op).inquiry;
  Named(0, number, 12);
  Named(0, number, 13);
  for (NodeIndex i : {1, 2}) AnswerAsObedient(Take<InspectOp>(i));
  Named(1, number, 14);
  ASSERT_TRUE(Answered(100));
  EXPECT_EQ(PidBy(0), 12);
  EXPECT_EQ(PidBy(1), 0);
}

// It is about another lease.
TEST_F(Inquiry, TheWordOfAnotherOwnersDaemonIsNotWaitedForAndEndsNoWait) {
  nodes_[2].Put(now_, "x", "third:1:h", 1min);
  Show();
  const InquiryNumber number = AnswerInspects();
  Named(2, number);
  EXPECT_FALSE(Answered(100));
  Named(1, number);
  EXPECT_TRUE(Answered(100));
}

TEST_F(Inquiry, NothingIsWaitedForWhereNoAnswerCanCome) {
  for (auto& node : nodes_) node.hears_nothing.insert("other");  // its daemon is gone
  Show();
  AnswerInspects();
  EXPECT_TRUE(Answered(100));
}

TEST_F(Inquiry, NothingIsWaitedForWithoutHints) {
  for (NodeIndex i = 0; i < 3; ++i) Do(NodeSubscribed{i, false});
  Show();
  AnswerInspects();
  EXPECT_TRUE(Answered(100));
}

TEST_F(Inquiry, NothingIsWaitedForWithoutAMajority) {
  nodes_[1].Forget("x");
  nodes_[2].Put(now_, "x", "third:1:h", 1min);
  Show();
  AnswerInspects();
  EXPECT_TRUE(Answered(100));
}

TEST_F(Inquiry, OnesOwnHoldIsKnown) {
  for (NodeIndex i = 0; i < 3; ++i) {
    Obey(i);
    nodes_[i].Forget("x");
  }
  MustHold(session_);
  Show();
  ASSERT_TRUE(Answered(100));
  EXPECT_TRUE(AnswerTo<Shown>(100)->hold);
}

TEST_F(Inquiry, AnAnswerAfterTheEndIsNothing) {
  Show();
  const InquiryNumber number = AnswerInspects();
  Close(session_);
  Named(0, number);
  Named(0, number);
  Pass(1s);
  EXPECT_FALSE(Answered(100));
}

// --- answering -----------------------------------------------------------------------------------

class Inquired : public EngineFixture {
 protected:
  Inquired() {
    Start();
    session_ = Open();
    Do(LockRequested{
        .session = session_, .request = 900, .name = "x", .min_hold = 1s, .note = "nightly"});
    fence_ = GrantOf(900)->fence;
    AllByHand();
  }
  void Ask(AttemptNumber attempt, const std::string& lock = "x", NodeIndex node = 1) {
    Do(HolderAsked{node, 55, attempt, "them", lock});
  }

  SessionId session_;
  Fence fence_;
};

TEST_F(Inquired, TheHolderIsNamedByWayOfTheSameNode) {
  Pass(300ms);
  Ask(1);
  EXPECT_FALSE(IsAsked<NameHolderOp>(0));
  EXPECT_FALSE(IsAsked<NameHolderOp>(2));
  const auto op = std::get<NameHolderOp>(Take<NameHolderOp>(1).op);
  EXPECT_EQ(op.asker, "them");
  EXPECT_EQ(op.inquiry, 55u);
  EXPECT_EQ(
      op.holder,
      (HolderFacts{.fence = fence_, .held = 300ms, .pid = 1001, .uid = 1000, .note = "nightly"}));
}

TEST_F(Inquired, OfAnotherAttemptOrLockNothingIsSaid) {
  Ask(0);
  Ask(2);
  Ask(1, "y");
  EXPECT_FALSE(IsAsked<NameHolderOp>(1));
}

TEST_F(Inquired, WhatNobodyHoldsIsSaidToBeSo) {
  Unlock(session_);  // it is kept, by its min-hold
  Ask(1);
  EXPECT_FALSE(std::get<NameHolderOp>(Take<NameHolderOp>(1).op).holder);
}

TEST_F(Inquired, WhatWasLetGoIsNoMore) {
  Unlock(session_);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Pass(2s);
  AllByHand();
  Ask(1);
  EXPECT_FALSE(IsAsked<NameHolderOp>(1));
}

TEST_F(Inquired, OnlySomeASecondByWayOfANode) {
  for (int i = 0; i < 10 * Inquiries::kASecond; ++i) Ask(1);
  EXPECT_EQ(Count<NameHolderOp>(1), std::size_t{Inquiries::kASecond});
  Ask(1, "x", 2);
  EXPECT_TRUE(IsAsked<NameHolderOp>(2)) << "each node has its own";
  ForgetAsked();
  Pass(500ms);
  for (int i = 0; i < 10 * Inquiries::kASecond; ++i) Ask(1);
  EXPECT_EQ(Count<NameHolderOp>(1), std::size_t{Inquiries::kASecond / 2});
}

// Nothing follows from what a node says to it.
TEST_F(Inquired, TheNodesAnswerIsNoMatter) {
  Ask(1);
  Silence(Take<NameHolderOp>(1), true);
  Ask(1);
  Answer(Take<NameHolderOp>(1), Verdict::kError);
  EXPECT_EQ(Holds().size(), 1u);
}

}  // namespace
}  // namespace redlockd::engine
