#include <cstdint>
#include <set>
#include <string>

#include "tests/unit/engine/engine_fixture.h"

// Renewals of many leases at a time.
namespace redlockd::engine {
namespace {

class Renewals : public EngineFixture {
 protected:
  Renewals() {
    Start();
    session_ = Open();
  }
  void HoldMany(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      MustHold(session_, {.name = "lock" + std::to_string(i)});
    }
  }
  void AnswerAll(NodeIndex node) {
    while (IsAsked<RenewOp>(node)) AnswerAsObedient(Take<RenewOp>(node));
  }
  SessionId session_;
};

TEST_F(Renewals, EachLeaseIsAskedForByItself) {
  HoldMany(3);
  AllByHand();
  Pass(1s);
  std::set<std::string> locks;
  std::set<std::uint64_t> subjects;
  while (IsAsked<RenewOp>(0)) {
    const Asked renewal = Take<RenewOp>(0);
    locks.insert(std::get<RenewOp>(renewal.op).lock);
    subjects.insert(renewal.ticket.subject);
  }
  EXPECT_EQ(locks, (std::set<std::string>{"lock0", "lock1", "lock2"}));
  EXPECT_EQ(subjects.size(), 3u);
}

TEST_F(Renewals, OfACrowdMoveApart) {
  HoldMany(300);
  AllByHand();
  Pass(1s);
  for (NodeIndex i = 0; i < 3; ++i) AnswerAll(i);
  std::vector<std::size_t> leases;  // renewed at a time
  for (int step = 0; step < 100; ++step) {
    Pass(10ms);
    if (const std::size_t asked = Count<RenewOp>(0)) leases.push_back(asked);
    AnswerAll(0);
  }
  EXPECT_EQ(leases, (std::vector<std::size_t>{44, 64, 64, 64, 64}));
}

TEST_F(Renewals, LeasesThatWereTakenMillisecondsApartAreRenewedTogetherAndNoneTooLate) {
  MustHold(session_, {.name = "a"});
  Pass(4ms);
  MustHold(session_, {.name = "b"});
  Pass(1s - 4ms);
  const Time first = now_;
  for (const auto& hold : Holds()) {
    EXPECT_EQ(hold.deadline, first + Promise(3s)) << hold.name;
  }
}

TEST_F(Renewals, WhatANodeSaysOfOneLeaseIsNotOfTheOthers) {
  HoldMany(3);
  AllByHand();
  Pass(1s);
  const Time asked = now_;
  for (NodeIndex i = 0; i < 3; ++i) nodes_[i].Forget("lock1");
  for (NodeIndex i = 0; i < 3; ++i) AnswerAll(i);
  for (const auto& hold : Holds()) {
    EXPECT_EQ(hold.deadline == asked + Promise(3s), hold.name != "lock1") << hold.name;
  }
  const Asked heal = Take<AcquireOp>(0);
  EXPECT_EQ(std::get<AcquireOp>(heal.op).lock, "lock1");
  EXPECT_FALSE(IsAsked<AcquireOp>(0));
}

TEST_F(Renewals, EachLeaseWhoseRenewalsAreSilentIsInJeopardy) {
  HoldMany(2);
  AllByHand();
  Pass(1s);
  for (int lease = 0; lease < 2; ++lease) {
    for (NodeIndex i : {0, 1}) Silence(Take<RenewOp>(i), true);
    Silence(Take<RenewOp>(2));
  }
  EXPECT_EQ(Told(session_), (std::vector<Notice::Kind>(2, Notice::Kind::kJeopardy)));
}

TEST_F(Renewals, WhatWasLetGoMeanwhileStaysSo) {
  HoldMany(2);
  AllByHand();
  Pass(1s);
  Do(UnlockRequested{session_, 1000, "lock0", {}, false});
  for (NodeIndex i = 0; i < 3; ++i) AnswerAll(i);
  EXPECT_EQ(engine_->HoldCount(), 1u);
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_FALSE(IsAsked<AcquireOp>(i));
}

TEST_F(Renewals, OneThatIsDueWhenItsLockIsLetGoGoesOutBeforeTheRelease) {  // rule C4
  HoldMany(1);
  AllByHand();
  now_ += 1s;  // and the timer has not rung yet
  Do(UnlockRequested{session_, 1000, "lock0", {}, false});
  ASSERT_EQ(asked_.size(), 6u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(std::holds_alternative<RenewOp>(asked_[i].op));
    EXPECT_TRUE(std::holds_alternative<ReleaseOp>(asked_[3 + i].op));
  }
}

TEST_F(Renewals, OneThatIsDueWhenItsLeaseHasEndedIsNotAskedFor) {  // rule C5
  HoldMany(2);
  AllByHand();
  Jump(10s);
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_FALSE(IsAsked<RenewOp>(i));
    EXPECT_EQ(Count<ReleaseOp>(i), 2u);
  }
}

}  // namespace
}  // namespace redlockd::engine
