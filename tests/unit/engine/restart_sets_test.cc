#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/engine/restart_fixture.h"

// Rules H for what takes more than one lock: sets (rules G), and what rules and users may ask for (rules C14, C19).
namespace redlockd::engine {
namespace {

using Names = std::vector<std::string>;

using RestartedSets = RestartTest;

TEST_F(RestartedSets, WhatItGotIsHeldOn) {
  const SessionId s = Open();
  ASSERT_EQ(GrantedTo(LockAll(s, {"x", "y"})), Names({"x", "y"}));
  Restart();
  Pass(10s);  // both are renewed
  EXPECT_TRUE(Told(s).empty());
  EXPECT_EQ(KeysOf("me:1:here", "x"), 3u);
  EXPECT_EQ(KeysOf("me:2:here", "y"), 3u);
  const auto released = AnswerTo<Released>(UnlockAll(s, {"x", "y"}, true));
  ASSERT_TRUE(released);
  EXPECT_EQ(released->also.size(), 1u);
  EXPECT_EQ(KeysOf("me:1:here", "x") + KeysOf("me:2:here", "y"), 0u);
}

// Rule H2: nobody reads what the nodes say to the claim.
TEST_F(RestartedSets, AClaimThatIsUnderWayIsRolledBackAndMadeAgain) {
  AllByHand();
  const RequestId all = LockAll(Open(), {"x", "y"});
  ASSERT_TRUE(IsAsked<ClaimOp>(0));
  for (NodeIndex i = 0; i < 3; ++i) {
    AnswerAsObedient(Take<ClaimOp>(i));  // it has the keys, and is granted
    Obey(i);
    if (i == 0) break;
  }
  ASSERT_FALSE(Answered(all));
  for (NodeIndex i = 1; i < 3; ++i) Obey(i);
  Restart();
  EXPECT_EQ(GrantedTo(all), Names({"x", "y"}));
  EXPECT_EQ(KeysOf("me:1:here", "x") + KeysOf("me:2:here", "y"), 0u);
  EXPECT_EQ(KeysOf("me:3:here", "x"), 3u);
  EXPECT_EQ(KeysOf("me:4:here", "y"), 3u);
}

// Rule H5: in each of its lines, those who came before it and after it.
TEST_F(RestartedSets, OneThatWaitsKeepsItsPlaceInAllLines) {
  const SessionId holder = Open(), before = Open(), set = Open(), after = Open();
  MustHold(holder, {.name = "x"});
  Pass(1ms);
  const RequestId first = Lock(before, {.name = "x"});
  Pass(1ms);
  const RequestId all = LockAll(set, {"y", "x"});
  Pass(1ms);
  const RequestId third = Lock(after, {.name = "x"});
  const RequestId fourth = Lock(Open(), {.name = "y"});
  Restart();
  EXPECT_FALSE(Answered(fourth));
  Close(holder);
  EXPECT_TRUE(GrantOf(first));
  EXPECT_FALSE(Answered(all));
  EXPECT_FALSE(Answered(fourth));
  Close(before);
  Pass(100ms);
  EXPECT_EQ(GrantedTo(all), Names({"y", "x"}));
  EXPECT_FALSE(Answered(third));
  EXPECT_FALSE(Answered(fourth));
  Close(set);
  Pass(100ms);
  EXPECT_TRUE(GrantOf(third));
  EXPECT_TRUE(GrantOf(fourth));
}

TEST_F(RestartedSets, ItsWaitEndsAtItsTime) {
  MustHold(Open(), {.name = "x"});
  const RequestId all = LockAll(Open(), {"x", "y"}, {.wait = 3s});
  Restart();
  Pass(2800ms);
  EXPECT_FALSE(Answered(all));
  Pass(150ms);
  EXPECT_EQ(WhyFailed(all), Failure::kTimeout);
  EXPECT_TRUE(Waits().empty());
}

// Rule G5. It comes back to its place, and stands aside anew.
TEST_F(RestartedSets, OneThatStoodAsideLetsOthersPassAgain) {
  MustHold(Open(), {.name = "x"});
  const SessionId set = Open();
  LockAll(set, {"x", "y"});
  Pass(timing_.tenure_max + 1s);
  const SessionId other = Open();
  ASSERT_TRUE(GrantOf(Lock(other, {.name = "y"})));
  Close(other);
  Restart();
  Pass(timing_.tenure_max + 1s);
  EXPECT_TRUE(GrantOf(Lock(Open(), {.name = "y"})));
  Close(set);
  EXPECT_TRUE(Waits().empty());
}

// Rule W1: also by a set that began to wait before.
TEST_F(RestartedSets, TheYoungestOfACycleIsRefused) {
  const SessionId a = Open(), b = Open();
  MustHold(a, {.name = "x", .task = {a, 0}});
  MustHold(b, {.name = "y", .task = {b, 0}});
  const RequestId all = LockAll(a, {"y", "z"}, {.task = {a, 0}});
  Restart();
  const RequestId young = Lock(b, {.name = "x", .task = {b, 0}});
  EXPECT_EQ(WhyFailed(young), Failure::kDeadlock);
  EXPECT_FALSE(Answered(all));
}

// Of three in a cycle that closes by a grant, the age counts that they had before.
TEST_F(RestartedSets, AWaitIsAsOldAsItWas) {
  const SessionId a = Open(), b = Open(), c = Open();
  MustHold(a, {.name = "x", .task = {a, 0}});
  MustHold(c, {.name = "y", .task = {c, 0}});
  const RequestId b_waits = Lock(b, {.name = "y", .task = {b, 0}});
  Pass(1ms);
  const RequestId set = LockAll(a, {"y", "z"}, {.task = {a, 0}});
  Pass(1ms);
  const RequestId youngest = Lock(b, {.name = "x", .task = {b, 0}});
  Restart();
  EXPECT_FALSE(Answered(set));
  Close(c);  // b has y, waits for x of a, who waits for y
  EXPECT_TRUE(GrantOf(b_waits));
  EXPECT_EQ(WhyFailed(youngest), Failure::kDeadlock);
  EXPECT_FALSE(Answered(set));
}

// Rule G3: one answer for all, whatever was known of each by then.
TEST_F(RestartedSets, AJointUnlockIsAnsweredOnce) {
  const SessionId s = Open();
  ASSERT_EQ(GrantedTo(LockAll(s, {"x", "y"})), Names({"x", "y"}));
  AllByHand();
  const RequestId unlock = UnlockAll(s, {"x", "y"}, true);
  for (NodeIndex i = 0; i < 3; ++i) {
    const Asked of_x = Take<ReleaseOp>(i);
    ASSERT_EQ(std::get<ReleaseOp>(of_x.op).lock, "x");
    AnswerAsObedient(of_x);
    Obey(i);
  }
  ASSERT_FALSE(Answered(unlock));
  Restart();
  const auto released = AnswerTo<Released>(unlock);
  ASSERT_TRUE(released);
  EXPECT_EQ(released->name, "x");
  ASSERT_EQ(released->also.size(), 1u);
  EXPECT_EQ(released->also[0].name, "y");
}

TEST_F(RestartedSets, AJointUnlockOfWhichNothingWasKnownIsAnsweredOnce) {
  const SessionId s = Open();
  ASSERT_EQ(GrantedTo(LockAll(s, {"x", "y"})), Names({"x", "y"}));
  AllByHand();
  const RequestId unlock = UnlockAll(s, {"x", "y"}, true);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  ASSERT_FALSE(Answered(unlock));
  Restart();
  const auto released = AnswerTo<Released>(unlock);
  ASSERT_TRUE(released);
  ASSERT_EQ(released->also.size(), 1u);
  EXPECT_EQ(Names({released->name, released->also[0].name}), Names({"x", "y"}));
}

TEST_F(RestartedSets, NumbersAndStampsGoOn) {
  MustHold(Open(), {.name = "x"});
  const auto number = [&](RequestId) { return Waits().back().set; };
  const auto before = number(LockAll(Open(), {"y", "x"}));
  Restart();
  EXPECT_EQ(number(0), before);
  EXPECT_GT(number(LockAll(Open(), {"z", "x"})), before);
  EXPECT_EQ(Save().last_set, before + 1);
}

// --- limits -------------------------------------------------------------------------------------

class RestartedLimits : public RestartedSets {
 protected:
  void With(const Limits& limits) {
    limits_ = limits;
    Make(3, false, limits);
    Start();
  }
};

// Rule C19: of holds, of waits, and of what is kept.
TEST_F(RestartedLimits, QuotasCountWhatGoesOn) {
  With({.quotas = {.locks = {{"q/", 3}}, .waits = {}, .new_names = {}}});
  MustHold(Open(), {.name = "q/a"});
  const SessionId dropped = Open();
  MustHold(dropped, {.name = "q/b"});
  Do(SessionDropped{dropped});
  Lock(Open(), {.name = "q/a"});
  ASSERT_EQ(WhyFailed(Lock(Open(), {.name = "q/c"})), Failure::kLimit);
  Restart();
  EXPECT_EQ(engine_->Quotas().at(0).used, 3u);
  EXPECT_EQ(WhyFailed(Lock(Open(), {.name = "q/c"})), Failure::kLimit);
}

TEST_F(RestartedLimits, ARestartGivesNobodyNewNames) {
  With({.new_names_per_uid = 1, .quotas = {.locks = {}, .waits = {}, .new_names = {{"q/", 1}}}});
  const SessionId s = Open(1000), other = Open(1001);
  for (int i = 0; i < 60; ++i) {
    Lock(s, {.name = "n" + std::to_string(i)});
    Lock(other, {.name = "q/" + std::to_string(i)});
  }
  ASSERT_EQ(WhyFailed(Lock(s, {.name = "more"})), Failure::kLimit);
  ASSERT_EQ(WhyFailed(Lock(Open(1002), {.name = "q/more"})), Failure::kLimit);
  Restart();
  EXPECT_EQ(WhyFailed(Lock(s, {.name = "more"})), Failure::kLimit);
  EXPECT_EQ(WhyFailed(Lock(Open(1003), {.name = "q/more"})), Failure::kLimit);
  EXPECT_FALSE(Answered(Lock(Open(1000), {.name = "n7"})))
      << "a name that was asked for is not new";
}

}  // namespace
}  // namespace redlockd::engine
