#include "tests/unit/engine/engine_fixture.h"

// Several locks at once, all or none: rules G1-G6.
namespace redlockd::engine {
namespace {

using Names = std::vector<std::string>;

class Sets : public EngineFixture {
 protected:
  Sets() {
    Start();
    a_ = Open();
    b_ = Open();
    c_ = Open();
  }
  void WithLinger(Duration linger) {
    linger_.usual = linger;
    Make(3);
    Start();
    for (SessionId* session : {&a_, &b_, &c_}) *session = Open();
  }
  RequestId LockAll(SessionId session, const Names& names, std::optional<Duration> wait = {},
                    Duration min_hold = 0ns) {
    return EngineFixture::LockAll(session, names, {.wait = wait, .min_hold = min_hold});
  }
  RequestId UnlockOne(SessionId session, const std::string& name) {
    const RequestId request = ++last_;
    Do(UnlockRequested{.session = session, .request = request, .name = name});
    return request;
  }
  void HoldUntilTheTenureIsOver(const std::string& lock) {
    do {
      MustHold(a_, {.name = lock});
      Pass(18ms);
      UnlockOne(a_, lock);
    } while (Keys(lock) > 0);
  }
  // "y: busy"
  std::string FailedWith(RequestId request) const {
    const auto failed = FailureOf(request);
    if (!failed) return "";
    const std::map<Failure, std::string> words = {
        {Failure::kBusy, "busy"},           {Failure::kTimeout, "timeout"},
        {Failure::kDeadlock, "deadlock"},   {Failure::kLimit, "limit"},
        {Failure::kCancelled, "cancelled"}, {Failure::kDraining, "draining"},
        {Failure::kNoQuorum, "no quorum"},  {Failure::kNotHeld, "not held"},
        {Failure::kNoTurn, "no turn"},      {Failure::kLost, "lost"}};
    return failed->name + ": " + words.at(failed->failure);
  }
  void TakenElsewhere(const std::string& lock, const std::string& owner = "other:1:there") {
    for (auto& node : nodes_) node.Put(now_, lock, owner, 60s);
  }
  void FreeElsewhere(const std::string& lock) {
    for (auto& node : nodes_) node.Forget(lock);
  }
  std::size_t Keys(const std::string& lock) {
    return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](auto& node) {
      return node.OwnerOf(now_, lock).has_value();
    }));
  }
  Stamp MyStamp(const std::string& lock, NodeIndex node = 0) {
    return nodes_[node].WantOf(now_, lock, "me");
  }
  Names HeldBy(SessionId session) const {
    Names names;
    for (const HoldView& hold : Holds()) {
      if (hold.session == session) names.push_back(hold.name);
    }
    return names;
  }
  Names WaitsOf(SessionId session) const {
    Names names;
    for (const WaitView& wait : Waits()) {
      if (wait.session == session) names.push_back(wait.name);
    }
    return names;
  }
  // An answer to the claim that node was asked, with these fences.
  void VoteAll(NodeIndex node, const std::vector<Fence>& fences) {
    const Asked asked = Take<ClaimOp>(node);
    NodeAnswer answer = Said(asked, Verdict::kOk);
    for (const Fence fence : fences) {
      answer.names.push_back({.verdict = Verdict::kOk, .fence = fence});
    }
    answer.fence = fences.front();
    Do(answer);
  }
  // A refusal: each of the names is busy by that owner, or could be had where that is empty.
  void BusyAll(NodeIndex node, const std::vector<std::string>& owners) {
    const Asked asked = Take<ClaimOp>(node);
    NodeAnswer answer = Said(asked, Verdict::kBusy);
    for (std::size_t i = owners.size(); i-- > 0;) {
      if (owners[i].empty()) continue;
      answer.which = i;
      answer.text = owners[i];
      answer.left = 1s;
    }
    for (const std::string& owner : owners) {
      const Verdict verdict = owner.empty() ? Verdict::kTurn : Verdict::kBusy;
      answer.names.push_back({.verdict = verdict, .left = 1s, .text = owner});
    }
    Do(answer);
  }
  ClaimOp ClaimOf(NodeIndex node) const {
    for (const auto& asked : asked_) {
      const auto* claim = std::get_if<ClaimOp>(&asked.op);
      if (asked.node == node && claim) return *claim;
    }
    ADD_FAILURE() << "no claim for node " << node;
    return {};
  }
  NodeAnswer Said(const Asked& asked, Verdict verdict) {
    NodeAnswer answer;
    answer.node = asked.node;
    answer.ticket = asked.ticket;
    answer.verdict = verdict;
    answer.node_time = nodes_[asked.node].Clock(now_);
    return answer;
  }
  // The locks that a node was asked to release, by whose link, and whether it leaves their queues.
  Names ReleasesOf(NodeIndex node) {
    Names released;
    while (IsAsked<ReleaseOp>(node)) {
      const auto op = std::get<ReleaseOp>(Take<ReleaseOp>(node).op);
      released.push_back(op.lock + (op.link.empty() ? "" : " by " + op.link) +
                         (op.leave ? " leaves" : ""));
    }
    return released;
  }
  SessionId a_, b_, c_;
  RequestId last_ = 1000;
};

// --- one claim, one answer (rule G1) ------------------------------------------------------------

TEST_F(Sets, GetsAllAndIsAnsweredOnce) {
  const auto request = LockAll(a_, {"z", "x", "y"});
  const auto grant = GrantOf(request);
  ASSERT_TRUE(grant);
  EXPECT_EQ(GrantedTo(request), (Names{"z", "x", "y"})) << "in the order asked";
  EXPECT_EQ(HeldBy(a_), (Names{"x", "y", "z"}));
  for (const HoldView& hold : Holds()) EXPECT_EQ(hold.votes, 3u);
  EXPECT_TRUE(Waits().empty());
  EXPECT_EQ(engine_->counters().attempts, 1u);
  EXPECT_EQ(engine_->counters().grants, 3u);
  EXPECT_EQ(engine_->counters().one_round_grants, 1u);
  EXPECT_EQ(engine_->WaitCount(), 0u);
}

TEST_F(Sets, AsksEachNodeOnceForAllOfThem) {
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_EQ(Count<ClaimOp>(i), 1u);
    EXPECT_FALSE(IsAsked<AcquireOp>(i));
  }
  const ClaimOp claim = ClaimOf(0);
  ASSERT_EQ(claim.names.size(), 2u);
  EXPECT_EQ(claim.names[0].lock, "x");
  EXPECT_EQ(claim.names[1].lock, "y");
  EXPECT_EQ(claim.names[0].owner, "me:1:here") << "each has an owner value of its own (rule A1)";
  EXPECT_EQ(claim.names[1].owner, "me:2:here");
  EXPECT_EQ(claim.ttl, 3s);
  EXPECT_EQ(claim.queueing, Queueing::kIfRefused);
  EXPECT_EQ(WaitsOf(a_), (Names{"x", "y"}));
  EXPECT_EQ(engine_->WaitCount(), 1u) << "one request waits";

  const Time asked = now_;
  Pass(10ms);
  VoteAll(0, {7, 70});
  EXPECT_FALSE(Answered(request));
  VoteAll(2, {7, 70});
  const auto grant = GrantOf(request);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->fence, 7);
  EXPECT_EQ(grant->deadline, asked + Promise(3s)) << "counted from asking (rule C2)";
  EXPECT_EQ(grant->votes, 2u);
  EXPECT_EQ(grant->nodes, 3u);
  ASSERT_EQ(grant->also.size(), 1u);
  EXPECT_EQ(grant->also[0].fence, 70);
  EXPECT_EQ(grant->also[0].deadline, asked + Promise(3s));
  EXPECT_EQ(grant->also[0].ttl, 3s);
  EXPECT_EQ(grant->also[0].votes, 2u);
}

TEST_F(Sets, ALateAnswerCountsForEachOfThem) {  // rules A3, C2
  AllByHand();
  LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 70});
  VoteAll(1, {7, 70});
  VoteAll(2, {9, 90});
  for (const HoldView& hold : Holds()) EXPECT_EQ(hold.votes, 3u) << hold.name;
  EXPECT_EQ(Holds()[1].fence, 70);
}

TEST_F(Sets, ALateAnswerCountsForThoseThatAreHeldYet) {
  AllByHand();
  LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 70});
  VoteAll(1, {7, 70});
  UnlockOne(a_, "x");
  VoteAll(2, {7, 70});
  ASSERT_EQ(HeldBy(a_), (Names{"y"}));
  EXPECT_EQ(Holds()[0].votes, 3u);
}

TEST_F(Sets, WhereNodesTookNotAllItGetsNoneAndGivesAllBack) {  // rule C4
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 70});
  BusyAll(1, {"", "other:1:h"});
  BusyAll(2, {"", "other:1:h"});
  EXPECT_FALSE(Answered(request));
  EXPECT_TRUE(Holds().empty());
  EXPECT_EQ(ReleasesOf(0), (Names{"x", "y by x"})) << "after the claim, on its link";
  EXPECT_TRUE(ReleasesOf(1).empty()) << "it has none of them";
}

TEST_F(Sets, ANodeThatSaysNothingMayHaveAll) {
  AllByHand();
  LockAll(a_, {"x", "y"}, 0ns);
  const auto second = Take<ClaimOp>(1);
  Silence(Take<ClaimOp>(0), true);
  Answer(second, Verdict::kError, 0, 0ns, "ERR of the call");
  for (NodeIndex i = 0; i < 3; ++i) EXPECT_EQ(ReleasesOf(i), (Names{"x", "y by x"})) << i;
}

TEST_F(Sets, AVoteOfANodeThatHasNoneIsGivenBack) {  // rule A6
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  nodes_[1].clock_off = 1h;
  const Asked asked = Take<ClaimOp>(1);
  NodeAnswer answer = Said(asked, Verdict::kOk);
  answer.names = {{.verdict = Verdict::kOk, .fence = 7}, {.verdict = Verdict::kOk, .fence = 70}};
  Do(answer);
  EXPECT_EQ(ReleasesOf(1), (Names{"x", "y"}));
  VoteAll(0, {7, 70});
  EXPECT_FALSE(Answered(request));
  VoteAll(2, {7, 70});
  EXPECT_EQ(GrantedTo(request), (Names{"x", "y"}));
}

TEST_F(Sets, ConfirmsAllWhereOneFenceIsNotAgreedOn) {  // rule A4
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 20});
  VoteAll(2, {7, 10});
  EXPECT_FALSE(Answered(request));
  std::map<std::string, Fence> confirmed;
  std::vector<Asked> asked;
  for (const NodeIndex i : {0, 0, 1, 1}) {
    asked.push_back(Take<ConfirmOp>(i));
    const auto& op = std::get<ConfirmOp>(asked.back().op);
    confirmed[op.lock] = op.fence;
  }
  EXPECT_EQ(confirmed, (std::map<std::string, Fence>{{"x", 7}, {"y", 20}}));
  for (std::size_t i = 0; i < 3; ++i) {
    Answer(asked[i], Verdict::kOk);
    EXPECT_FALSE(Answered(request)) << i;
  }
  Answer(asked[3], Verdict::kOk);
  ASSERT_TRUE(GrantOf(request));
  EXPECT_EQ(GrantOf(request)->fence, 7);
  EXPECT_EQ(GrantOf(request)->also[0].fence, 20);
  EXPECT_EQ(engine_->counters().confirmed_grants, 1u);
}

TEST_F(Sets, AsksForAllAgainWhereOneCannotBeConfirmed) {  // rule A4
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  const auto owner = ClaimOf(0).names[1].owner;
  VoteAll(0, {7, 20});
  VoteAll(2, {7, 10});
  Take<ClaimOp>(1);
  for (const NodeIndex i : {0, 1, 2}) {
    for (int name = 0; name < 2; ++name) {
      const Asked asked = Take<ConfirmOp>(i);
      const bool is_first = std::get<ConfirmOp>(asked.op).lock == "x";
      if (i < 2) Answer(asked, is_first ? Verdict::kOk : Verdict::kPassed, 0);
    }
  }
  EXPECT_EQ(ClaimOf(0).names[1].owner, owner) << "with the same owner values";
  EXPECT_FALSE(IsAsked<ReleaseOp>(0));
  VoteAll(0, {30, 31});
  BusyAll(1, {"", "other:1:h"});
  EXPECT_FALSE(Answered(request));
  BusyAll(2, {"", "other:1:h"});
  EXPECT_EQ(ReleasesOf(0), (Names{"x", "y by x"}));
  EXPECT_EQ(ReleasesOf(2), (Names{"x"})) << "it may have that of the round before";
}

TEST_F(Sets, GrantsNothingThatIsNearlyOver) {  // rule C3
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"}, 0ns);
  Pass(2500ms);
  VoteAll(0, {7, 70});
  VoteAll(1, {7, 70});
  EXPECT_EQ(FailedWith(request), "x: no quorum");
  EXPECT_EQ(ReleasesOf(0), (Names{"x", "y by x"}));
}

TEST_F(Sets, AfterTheGrantEachIsALockLikeAnyOther) {  // rule G3
  const auto request = LockAll(a_, {"x", "y"});
  ASSERT_TRUE(GrantOf(request));
  const auto next = Lock(b_, {.name = "y"});
  UnlockOne(a_, "y");
  EXPECT_TRUE(GrantOf(next));
  EXPECT_EQ(HeldBy(a_), (Names{"x"}));
  Pass(10s);
  EXPECT_EQ(HeldBy(a_), (Names{"x"})) << "it is renewed";
  EXPECT_GT(engine_->counters().renewals, 0u);
  Close(a_);
  EXPECT_EQ(Keys("x"), 0u);
}

TEST_F(Sets, ItsKeyIsReleasedByTheLinkOfTheClaimThatMayBeUnderWay) {
  AllByHand();
  LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 70});
  VoteAll(1, {7, 70});
  UnlockOne(a_, "y");
  EXPECT_EQ(ReleasesOf(2), (Names{"y by x leaves"}));
}

// --- what it is refused for (rule G6) -----------------------------------------------------------

TEST_F(Sets, ATryNamesTheFirstThatIsHeldElsewhere) {
  TakenElsewhere("y", "a-plain-value");
  TakenElsewhere("z", "a-plain-value");
  EXPECT_EQ(FailedWith(LockAll(a_, {"x", "z", "y"}, 0ns)), "z: busy");
  EXPECT_EQ(Keys("x"), 0u);
  EXPECT_TRUE(WaitsOf(a_).empty());
}

TEST_F(Sets, ATryNamesTheFirstThatIsHeldHere) {
  AllByHand();
  Lock(b_, {.name = "y"});
  ForgetAsked();
  EXPECT_EQ(FailedWith(LockAll(a_, {"x", "y"}, 0ns)), "y: busy");
  EXPECT_FALSE(IsAsked<ClaimOp>(0));
  EXPECT_TRUE(WaitsOf(a_).empty());
}

TEST_F(Sets, ASessionDoesNotWaitForItself) {
  MustHold(a_, {.name = "y"});
  EXPECT_EQ(FailedWith(LockAll(a_, {"x", "y", "z"})), "y: deadlock");
  LockAll(b_, {"y", "z"});
  EXPECT_EQ(FailedWith(LockAll(b_, {"w", "z"})), "z: deadlock");
  EXPECT_EQ(WhyFailed(Lock(b_, {.name = "z"})), Failure::kDeadlock);
  EXPECT_TRUE(WaitsOf(a_).empty());
}

TEST_F(Sets, EachNameCountsAgainstTheLimits) {
  Make(3, false, {.locks_per_session = 3});
  Start();
  a_ = Open();
  MustHold(a_, {.name = "w"});
  const auto refused = LockAll(a_, {"x", "y", "z"});
  EXPECT_EQ(FailedWith(refused), "x: limit");
  EXPECT_EQ(FailureOf(refused)->text,
            "this session holds or waits for 1 locks and asks for 3 more, the limit is 3 for a "
            "session");
  EXPECT_TRUE(GrantOf(LockAll(a_, {"x", "y"})));
  EXPECT_EQ(WhyFailed(Lock(a_, {.name = "z"})), Failure::kLimit);
  EXPECT_TRUE(AnswerTo<Released>(UnlockAll(a_, {"x", "y"})));
  EXPECT_TRUE(GrantOf(LockAll(a_, {"x", "z"})));
}

TEST_F(Sets, AWaitNamesWhatIsInItsWay) {
  MustHold(b_, {.name = "y"});
  const auto here = LockAll(a_, {"x", "y"}, 300ms);
  Pass(300ms - 1ns);
  EXPECT_FALSE(Answered(here));
  Pass(1ns);
  EXPECT_EQ(FailedWith(here), "y: timeout");
  EXPECT_TRUE(WaitsOf(a_).empty());
  TakenElsewhere("w");
  const auto elsewhere = LockAll(a_, {"x", "w"}, 300ms);
  Pass(300ms);
  EXPECT_EQ(FailedWith(elsewhere), "w: timeout");
  EXPECT_EQ(MyStamp("x"), 0) << "it has left the queues";
  EXPECT_EQ(MyStamp("w"), 0);
  EXPECT_TRUE(GrantOf(LockAll(a_, {"x", "z"}, 0ns)));
}

TEST_F(Sets, CancelEndsItOnce) {
  AllByHand();
  const auto request = LockAll(a_, {"x", "y"});
  VoteAll(0, {7, 70});
  Do(CancelRequested{a_, ++last_, request, "x"});
  EXPECT_TRUE(AnswerTo<WaitCancelled>(last_));
  EXPECT_EQ(FailedWith(request), "x: cancelled");
  EXPECT_EQ(ReleasesOf(0), (Names{"x", "y by x"})) << "it voted, and has no entry";
  EXPECT_EQ(ReleasesOf(1), (Names{"x", "y by x", "x leaves", "y by x leaves"}));
  EXPECT_TRUE(Waits().empty());
  VoteAll(1, {7, 70});
  EXPECT_TRUE(Holds().empty());
  Do(CancelRequested{a_, ++last_, request, "x"});
  EXPECT_EQ(WhyFailed(last_), Failure::kNoSuchWait);
}

// What is due happens first in a step: a wait may end, and whatever its session does then finds it answered.
TEST_F(Sets, WhatComesWithTheEndOfItsWaitFindsItOver) {
  ASSERT_TRUE(GrantOf(Lock(b_, {.name = "x"})));
  const auto cancelled = LockAll(a_, {"x", "y"}, 100ms);
  now_ += 100ms;
  Do(CancelRequested{a_, ++last_, cancelled, "x"});
  EXPECT_EQ(FailedWith(cancelled), "x: timeout");
  EXPECT_EQ(WhyFailed(last_), Failure::kNoSuchWait);
  const auto half_closed = LockAll(a_, {"x", "y"}, 100ms);
  now_ += 100ms;
  Do(SessionInputEnded{a_});
  EXPECT_EQ(FailedWith(half_closed), "x: timeout");
  const SessionId c = Open();
  LockAll(c, {"x", "y"}, 100ms);
  now_ += 100ms;
  Do(SessionClosed{c});
  EXPECT_TRUE(Waits().empty());
}

TEST_F(Sets, ASessionThatClosesLeavesAllLines) {
  AllByHand();
  LockAll(a_, {"x", "y"});
  const auto next = Lock(b_, {.name = "y"});
  VoteAll(0, {7, 70});
  Close(a_);
  EXPECT_TRUE(WaitsOf(a_).empty());
  EXPECT_EQ(ReleasesOf(1), (Names{"x", "y by x", "x leaves", "y by x leaves"}));
  for (const NodeIndex i : {0, 1}) Vote(i, 71);
  EXPECT_TRUE(GrantOf(next)) << "who is next asks for itself";
}

TEST_F(Sets, AHalfClosedSessionDoesNotWaitForAHolder) {
  MustHold(b_, {.name = "y"});
  const auto waits = LockAll(a_, {"x", "y"});
  Do(SessionInputEnded{a_});
  EXPECT_EQ(FailedWith(waits), "x: cancelled");
  EXPECT_EQ(FailedWith(LockAll(a_, {"z", "y"})), "z: cancelled");
  AllByHand();
  const auto asked = LockAll(a_, {"x", "z"});
  for (const NodeIndex i : {0, 1}) VoteAll(i, {7, 70});
  EXPECT_EQ(GrantedTo(asked), (Names{"x", "z"}));
}

TEST_F(Sets, ADrainRefusesIt) {
  AllByHand();
  const auto first = LockAll(a_, {"x", "y"});
  const auto second = LockAll(b_, {"y", "z"});
  VoteAll(0, {7, 70});
  Do(DrainRequested{now_ + 1s});
  EXPECT_EQ(FailedWith(first), "x: draining");
  EXPECT_EQ(FailedWith(second), "y: draining");
  EXPECT_EQ(ReleasesOf(0).size(), 2u);
  EXPECT_EQ(ReleasesOf(1).size(), 4u);
  EXPECT_EQ(FailedWith(LockAll(a_, {"x", "y"})), "x: draining");
  EXPECT_TRUE(Waits().empty());
}

TEST_F(Sets, WithoutAQuorumItLosesPatience) {
  for (NodeIndex i : {1, 2}) Down(i);
  const auto waits = LockAll(a_, {"x", "y"});
  const auto behind = LockAll(b_, {"y", "z"});
  const auto single = Lock(c_, {.name = "x"});
  EXPECT_EQ(FailedWith(LockAll(c_, {"w", "v"}, 0ns)), "w: no quorum");
  Pass(500ms - 1ns);
  EXPECT_FALSE(Answered(waits) || Answered(behind) || Answered(single));
  Pass(1ns);
  EXPECT_EQ(FailedWith(waits), "x: no quorum");
  EXPECT_EQ(FailedWith(behind), "y: no quorum") << "who waits for it does not wait longer";
  EXPECT_EQ(WhyFailed(single), Failure::kNoQuorum);
  EXPECT_TRUE(Waits().empty());
}

TEST_F(Sets, OneAttemptAtTheGateIsOfAllItsNames) {  // rule C12
  Make(3, false, {}, 1);
  Start();
  for (SessionId* session : {&a_, &b_, &c_}) *session = Open();
  AllByHand();
  const auto first = LockAll(a_, {"x", "y"});
  const auto second = LockAll(b_, {"v", "w"});
  const auto a_try = LockAll(c_, {"t", "u"}, 0ns);
  EXPECT_EQ(ClaimOf(0).names[0].lock, "x");
  EXPECT_EQ(Count<ClaimOp>(0), 1u);
  Pass(500ms);
  EXPECT_EQ(FailedWith(a_try), "t: no turn");
  for (const NodeIndex i : {0, 1}) VoteAll(i, {7, 70});
  EXPECT_TRUE(GrantOf(first));
  EXPECT_EQ(ClaimOf(0).names[0].lock, "v");
  for (const NodeIndex i : {0, 1}) VoteAll(i, {7, 70});
  EXPECT_TRUE(GrantOf(second));
}

// --- lines (rule G2) ----------------------------------------------------------------------------

TEST_F(Sets, NobodyPassesASet) {
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  const auto single = Lock(c_, {.name = "x"});
  EXPECT_EQ(WhyFailed(Try(c_, "y")), Failure::kBusy);
  EXPECT_FALSE(Answered(single));
  EXPECT_EQ(Keys("x"), 0u) << "nothing is held for who waits";
  const auto waits = Waits();
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_EQ(waits[0].set, waits[2].set);
  EXPECT_NE(waits[0].set, 0u);
  EXPECT_EQ(waits[1].set, 0u);
  UnlockOne(a_, "y");
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
  EXPECT_FALSE(Answered(single));
  UnlockOne(b_, "x");
  EXPECT_TRUE(GrantOf(single));
}

TEST_F(Sets, OfTwoThatCrossTheFirstIsFirstInAllLines) {
  MustHold(a_, {.name = "x"});
  const auto first = LockAll(b_, {"x", "y"});
  const auto second = LockAll(c_, {"y", "x"});
  UnlockOne(a_, "x");
  EXPECT_EQ(GrantedTo(first), (Names{"x", "y"}));
  EXPECT_FALSE(Answered(second));
  UnlockOne(b_, "y");
  EXPECT_FALSE(Answered(second));
  EXPECT_EQ(Keys("y"), 0u);
  UnlockOne(b_, "x");
  EXPECT_EQ(GrantedTo(second), (Names{"y", "x"}));
}

TEST_F(Sets, ALeaseThatLingersIsLetGoForOneThatWaits) {
  WithLinger(10s);
  MustHold(a_, {.name = "x"});
  UnlockOne(a_, "x");
  ASSERT_EQ(Keys("x"), 3u);
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  EXPECT_EQ(Keys("x"), 0u);
  UnlockOne(a_, "y");
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
}

TEST_F(Sets, ALeaseIsNotTakenTogetherWithANewOne) {
  WithLinger(10s);
  MustHold(a_, {.name = "x"});
  UnlockOne(a_, "x");
  AllByHand();
  const auto set = LockAll(b_, {"x", "y"});
  EXPECT_EQ(ReleasesOf(0), (Names{"x"}));
  EXPECT_EQ(ClaimOf(0).names.size(), 2u);
  for (const NodeIndex i : {0, 1}) VoteAll(i, {nodes_[0].Clock(now_), 70});
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
}

TEST_F(Sets, LeasesThatAreAllHereAreHandedOnWithoutANode) {
  WithLinger(10s);
  const auto first = GrantOf(LockAll(a_, {"x", "y"}));
  ASSERT_TRUE(first);
  AllByHand();
  const auto next = LockAll(b_, {"y", "x"});
  EXPECT_TRUE(AnswerTo<Released>(UnlockAll(a_, {"x", "y"})));
  ASSERT_EQ(GrantedTo(next), (Names{"y", "x"}));
  EXPECT_EQ(GrantOf(next)->also[0].fence, first->fence + 1);
  EXPECT_EQ(GrantOf(next)->fence, first->also[0].fence + 1);
  UnlockAll(b_, {"x", "y"});
  const auto lingering = LockAll(c_, {"x", "y"}, 0ns);
  EXPECT_EQ(GrantOf(lingering)->fence, first->fence + 2);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(engine_->counters().handoffs, 4u);
}

TEST_F(Sets, OneThatIsLetGoAloneIsNotKeptForTheSet) {
  AllByHand();
  const auto first = LockAll(a_, {"x", "y"});
  for (NodeIndex i = 0; i < 3; ++i) VoteAll(i, {7, 70});
  ASSERT_TRUE(GrantOf(first));
  const auto next = LockAll(b_, {"x", "y"});
  UnlockOne(a_, "x");
  EXPECT_EQ(ReleasesOf(0), (Names{"x"}));
  EXPECT_FALSE(IsAsked<ClaimOp>(0));
  UnlockOne(a_, "y");
  EXPECT_EQ(ReleasesOf(0), (Names{"y by x"}));
  for (const NodeIndex i : {0, 1}) VoteAll(i, {8, 71});
  EXPECT_TRUE(GrantOf(next));
}

TEST_F(Sets, ACooldownOfOneHoldsItBack) {  // rule E1
  WithLinger(20ms);
  HoldUntilTheTenureIsOver("x");
  const auto waits = LockAll(b_, {"x", "y"});
  EXPECT_FALSE(Answered(waits));
  Pass(100ms);
  EXPECT_TRUE(GrantOf(waits));
}

TEST_F(Sets, ATryIsLetThroughACooldown) {  // rule E1
  WithLinger(20ms);
  HoldUntilTheTenureIsOver("x");
  EXPECT_TRUE(GrantOf(LockAll(b_, {"x", "y"}, 0ns)));
}

TEST_F(Sets, ATryBehindItIsDecidedByWhatComesOfIt) {  // rule E10
  AllByHand();
  LockAll(a_, {"x", "y"});
  const auto a_try = Try(b_, "y");
  EXPECT_FALSE(Answered(a_try));
  for (const NodeIndex i : {0, 1}) VoteAll(i, {7, 70});
  EXPECT_EQ(WhyFailed(a_try), Failure::kBusy);
}

TEST_F(Sets, ATryBehindItAsksIfItLeaves) {  // rule E10
  AllByHand();
  LockAll(a_, {"x", "y"});
  const auto a_try = Try(b_, "y");
  Close(a_);
  for (const NodeIndex i : {0, 1}) Vote(i, 71);
  EXPECT_TRUE(GrantOf(a_try));
}

// --- the queue of the nodes (rule G4) -----------------------------------------------------------

TEST_F(Sets, HasOneStampInAllQueuesInAllRounds) {
  TakenElsewhere("y");
  LockAll(a_, {"x", "y"});
  const Stamp stamp = MyStamp("x");
  EXPECT_EQ(stamp, nodes_[0].Clock(now_));
  for (int rounds = 0; rounds < 6; ++rounds) {
    for (NodeIndex i = 0; i < 3; ++i) {
      EXPECT_EQ(MyStamp("x", i), stamp);
      EXPECT_EQ(MyStamp("y", i), stamp);
    }
    Pass(150ms);
  }
}

TEST_F(Sets, AStampComesAfterThoseSeenInAnyOfItsQueues) {  // rule E6.1
  const Stamp ahead = nodes_[0].Clock(now_) + 5'000'000;
  TakenElsewhere("y");
  for (auto& node : nodes_) node.PutWant(now_, "y", "other", ahead, 600ms);
  const auto first = LockAll(a_, {"x", "y"}, 50ms);
  Pass(60ms);
  EXPECT_EQ(FailedWith(first), "y: timeout");
  LockAll(a_, {"x", "y"});
  EXPECT_GT(MyStamp("x"), ahead);
  EXPECT_EQ(MyStamp("y"), MyStamp("x"));
}

TEST_F(Sets, StampsOfADaemonsSetsStrictlyIncrease) {
  TakenElsewhere("y");
  LockAll(a_, {"x", "y"});
  const Stamp first = MyStamp("x");
  Close(a_);
  EXPECT_EQ(MyStamp("x"), 0);
  LockAll(b_, {"z", "y"});
  EXPECT_GT(MyStamp("z"), first) << "at the very same time";
}

TEST_F(Sets, ItsEntriesLeaveWithTheLeases) {  // rule E6.3
  TakenElsewhere("y");
  const auto request = LockAll(a_, {"x", "y"});
  FreeElsewhere("y");
  Pass(150ms);
  ASSERT_TRUE(GrantOf(request));
  EXPECT_NE(MyStamp("x"), 0);
  UnlockOne(a_, "x");
  EXPECT_EQ(MyStamp("x"), 0);
  EXPECT_NE(MyStamp("y"), 0);
  UnlockOne(a_, "y");
  EXPECT_EQ(MyStamp("y"), 0);
}

TEST_F(Sets, ComesWhenItIsCalled) {  // rule E8.9
  TakenElsewhere("y");
  const auto request = LockAll(a_, {"x", "y"});
  Pass(10ms);
  FreeElsewhere("y");
  for (const NodeIndex i : {0, 1}) Do(NodeHint{i, NodeHint::Kind::kFree, "y"});
  EXPECT_TRUE(GrantOf(request));
}

TEST_F(Sets, ANodeThatIsBackIsCome) {  // rule E8.10
  Down(2);
  TakenElsewhere("y");
  const auto request = LockAll(a_, {"x", "y"});
  Pass(20s);
  Up(2);
  Pass(1s);
  EXPECT_NE(MyStamp("y", 2), 0);
  EXPECT_FALSE(Answered(request));
}

// --- standing aside (rule G5) -------------------------------------------------------------------

TEST_F(Sets, StandsAsideForAHoldThatLasts) {
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  const auto single = Lock(c_, {.name = "x"});
  Pass(1s - 1ns);
  EXPECT_FALSE(Answered(single));
  Pass(1ns);
  EXPECT_TRUE(GrantOf(single));
  EXPECT_EQ(WaitsOf(b_), (Names{"y"})) << "x's line passes it over";
  UnlockOne(c_, "x");
  UnlockOne(a_, "y");
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
}

TEST_F(Sets, ComesBackToItsPlaceAndWaitsForItsTurn) {
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  const auto single = Lock(c_, {.name = "x"});
  const SessionId d = Open();
  const auto later = Lock(d, {.name = "x"});
  Pass(1s);
  ASSERT_TRUE(GrantOf(single));
  UnlockOne(a_, "y");
  EXPECT_EQ(WaitsOf(b_), (Names{"x", "y"}));
  EXPECT_EQ(Waits()[0].session, b_) << "before who came later";
  EXPECT_EQ(Keys("y"), 0u) << "while it waits it has none";
  UnlockOne(c_, "x");
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
  EXPECT_FALSE(Answered(later));
}

TEST_F(Sets, StandsAsideForOneHoldAfterAnother) {
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  Pass(900ms);
  const SessionId d = Open();
  const auto next = Lock(d, {.name = "y"});
  const auto single = Lock(c_, {.name = "x"});
  UnlockOne(a_, "y");
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"})) << "it was first";
  EXPECT_FALSE(Answered(next) || Answered(single));
}

TEST_F(Sets, StandsAsideForAnOwnerElsewhere) {
  TakenElsewhere("y");
  const auto set = LockAll(a_, {"x", "y"});
  const Stamp stamp = MyStamp("y");
  const auto single = Lock(b_, {.name = "x"});
  Pass(990ms);
  EXPECT_FALSE(Answered(single));
  EXPECT_EQ(MyStamp("x"), stamp);
  Pass(20ms);
  ASSERT_TRUE(GrantOf(single));
  for (int rounds = 0; rounds < 30; ++rounds) {
    Pass(100ms);
    EXPECT_EQ(MyStamp("y"), stamp) << "it stays in this queue";
    EXPECT_EQ(HeldBy(b_), (Names{"x"}));
  }
  FreeElsewhere("y");
  Pass(150ms);
  EXPECT_FALSE(Answered(set));
  EXPECT_EQ(WaitsOf(a_), (Names{"x", "y"})) << "it has come back";
  EXPECT_EQ(Keys("y"), 0u);
  UnlockOne(b_, "x");
  Pass(150ms);
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
}

TEST_F(Sets, WhileItStandsAsideItTakesNothing) {
  TakenElsewhere("y");
  LockAll(a_, {"x", "y"});
  Pass(1100ms);
  MustHold(b_, {.name = "x"});
  AllByHand();
  Pass(300ms);
  EXPECT_FALSE(IsAsked<ClaimOp>(0)) << "it would take x over (rule C8)";
  const Asked asked = Take<AcquireOp>(0);
  EXPECT_EQ(std::get<AcquireOp>(asked.op).lock, "y");
  EXPECT_EQ(std::get<AcquireOp>(asked.op).queueing, Queueing::kStand);
  EXPECT_EQ(std::get<AcquireOp>(asked.op).stamp, MyStamp("y"));
}

TEST_F(Sets, ComesBackWhenAnotherOwnerIsThere) {
  TakenElsewhere("y");
  LockAll(a_, {"x", "y"});
  const Stamp stamp = MyStamp("x");
  Pass(1100ms);
  ASSERT_EQ(MyStamp("x"), 0);
  TakenElsewhere("y", "other:2:there");
  Pass(150ms);
  EXPECT_EQ(MyStamp("x"), stamp) << "with the stamp that it had";
  Pass(1100ms);
  EXPECT_EQ(MyStamp("x"), 0);
}

TEST_F(Sets, DoesNotStandAsideForOwnersThatComeAndGo) {
  TakenElsewhere("y");
  const auto set = LockAll(a_, {"x", "y"});
  for (int owner = 2; owner < 8; ++owner) {
    for (int step = 0; step < 17; ++step) {
      Pass(50ms);
      ASSERT_NE(MyStamp("x"), 0) << "owner " << owner << ", step " << step;
    }
    TakenElsewhere("y", "other:" + std::to_string(owner) + ":there");
  }
  EXPECT_FALSE(Answered(set));
}

TEST_F(Sets, SeesAnOwnerThatLastsAfterOnesThatDoNot) {
  TakenElsewhere("y", "other:1:there");
  for (int owner = 2; owner < 14; ++owner) {
    TakenElsewhere("x", "other:" + std::to_string(owner) + ":there");
    if (owner == 2) LockAll(a_, {"x", "y", "z"});
    Pass(110ms);
  }
  EXPECT_EQ(MyStamp("z"), 0) << "x refuses first, and y's is there for more than a second";
  EXPECT_EQ(WaitsOf(a_), (Names{"y"}));
}

TEST_F(Sets, StandsAsideInALineThatDoesNotMove) {
  TakenElsewhere("y");
  Lock(a_, {.name = "y"});
  LockAll(b_, {"x", "y"});
  const auto single = Lock(c_, {.name = "x"});
  Pass(1s - 1ns);
  EXPECT_FALSE(Answered(single));
  Pass(1ns);
  EXPECT_TRUE(GrantOf(single));
}

TEST_F(Sets, OneThatStoodAsideLeavesNothingBehind) {
  TakenElsewhere("y");
  const auto cancelled = LockAll(a_, {"x", "y"});
  Pass(1100ms);
  Do(CancelRequested{a_, ++last_, cancelled, "x"});
  EXPECT_EQ(FailedWith(cancelled), "x: cancelled");
  EXPECT_EQ(MyStamp("y"), 0);
  const auto timed = LockAll(b_, {"x", "y"}, 1500ms);
  Pass(1500ms);
  EXPECT_EQ(FailedWith(timed), "y: timeout");
  LockAll(c_, {"x", "y"});
  Pass(1100ms);
  Close(c_);
  EXPECT_EQ(MyStamp("y"), 0);
  const auto drained = LockAll(a_, {"x", "y"});
  Pass(1100ms);
  Do(DrainRequested{now_ + 1s});
  EXPECT_EQ(FailedWith(drained), "x: draining");
  EXPECT_TRUE(Waits().empty());
  EXPECT_EQ(engine_->WaitCount(), 0u);
}

TEST_F(Sets, AnAttemptOfOthersIsRolledBackForOneThatComesBack) {
  MustHold(a_, {.name = "y"});
  const auto set = LockAll(b_, {"x", "y"});
  Pass(1s);
  AllByHand();
  const auto single = Lock(c_, {.name = "x"});
  Vote(0, nodes_[0].Clock(now_));
  UnlockOne(a_, "y");
  EXPECT_FALSE(Answered(single));
  const ClaimOp claim = ClaimOf(1);
  ASSERT_EQ(claim.names.size(), 2u);
  for (const NodeIndex i : {0, 1}) VoteAll(i, {nodes_[0].Clock(now_) + 1, nodes_[0].Clock(now_)});
  EXPECT_EQ(GrantedTo(set), (Names{"x", "y"}));
  EXPECT_FALSE(Answered(single));
}

TEST_F(Sets, OneThatComesBackIsBeforeWhoStandsBeforeTheGate) {
  Make(3, false, {}, 1);
  Start();
  for (SessionId* session : {&a_, &b_, &c_}) *session = Open();
  const SessionId d = Open();
  MustHold(a_, {.name = "y"});
  LockAll(b_, {"x", "y"});
  Pass(1s);
  AllByHand();
  Lock(c_, {.name = "w"});
  const auto at_gate = LockAll(d, {"x", "z"});
  UnlockOne(a_, "y");
  for (const NodeIndex i : {0, 1}) Vote(i, 7);
  EXPECT_EQ(ClaimOf(0).names[1].lock, "y");
  EXPECT_FALSE(Answered(at_gate));
}

// --- unlock (rule G3) ---------------------------------------------------------------------------

TEST_F(Sets, UnlockLetsAllGo) {
  LockAll(a_, {"x", "y"});
  MustHold(a_, {.name = "z"});
  const auto released = AnswerTo<Released>(UnlockAll(a_, {"z", "x", "y"}));
  ASSERT_TRUE(released);
  EXPECT_EQ(released->name, "z");
  ASSERT_EQ(released->also.size(), 2u);
  EXPECT_EQ(released->also[0].name, "x");
  EXPECT_EQ(released->also[1].name, "y");
  EXPECT_NE(released->also[1].fence, 0);
  EXPECT_TRUE(Holds().empty());
  EXPECT_EQ(Keys("x") + Keys("y") + Keys("z"), 0u);
}

TEST_F(Sets, UnlockLetsNoneGoUnlessAllAreHeld) {
  LockAll(a_, {"x", "y"});
  MustHold(b_, {.name = "z"});
  EXPECT_EQ(FailedWith(UnlockAll(a_, {"x", "z", "y"})), "z: not held");
  EXPECT_EQ(HeldBy(a_), (Names{"x", "y"}));
}

TEST_F(Sets, UnlockNamesTheOneThatWasLost) {
  LockAll(a_, {"x", "y"});
  Do(BreakRequested{.session = b_, .request = ++last_, .name = "y", .fence = Holds()[1].fence});
  EXPECT_EQ(FailedWith(UnlockAll(a_, {"x", "y"})), "y: lost");
  EXPECT_EQ(HeldBy(a_), (Names{"x"}));
}

TEST_F(Sets, ASyncUnlockWaitsForAMajorityOfEach) {
  LockAll(a_, {"x", "y"});
  AllByHand();
  const auto request = UnlockAll(a_, {"x", "y"}, true);
  std::vector<Asked> asked;
  for (const NodeIndex i : {0, 0, 1, 1}) asked.push_back(Take<ReleaseOp>(i));
  for (std::size_t i = 0; i < 3; ++i) {
    Answer(asked[i], Verdict::kOk);
    EXPECT_FALSE(Answered(request)) << i;
  }
  Answer(asked[3], Verdict::kOk);
  ASSERT_TRUE(AnswerTo<Released>(request));
  EXPECT_EQ(AnswerTo<Released>(request)->also.size(), 1u);
}

TEST_F(Sets, ASyncUnlockNamesTheFirstThatIsNotReleased) {
  LockAll(a_, {"x", "y"});
  AllByHand();
  const auto request = UnlockAll(a_, {"x", "y"}, true);
  for (NodeIndex i = 0; i < 3; ++i) {
    for (int name = 0; name < 2; ++name) {
      const Asked asked = Take<ReleaseOp>(i);
      if (std::get<ReleaseOp>(asked.op).lock == "x") {
        Answer(asked, Verdict::kOk);
      } else {
        Silence(asked);
      }
    }
  }
  EXPECT_EQ(FailedWith(request), "y: no quorum");
  ASSERT_EQ(FailureOf(request)->also.size(), 1u);
  EXPECT_EQ(FailureOf(request)->also[0].name, "x");
  EXPECT_NE(FailureOf(request)->also[0].fence, 0u) << "it is over as well";
}

TEST_F(Sets, MinHoldIsOfEachOfThem) {  // rule I2
  LockAll(a_, {"x", "y"}, {}, 2s);
  Pass(500ms);
  const auto released = AnswerTo<Released>(UnlockAll(a_, {"x", "y"}));
  ASSERT_TRUE(released);
  EXPECT_EQ(released->kept, 1500ms);
  EXPECT_EQ(released->also[0].kept, 1500ms);
  const auto next = LockAll(b_, {"y", "x"}, 0ns);
  EXPECT_EQ(FailedWith(next), "y: busy");
  const auto waits = LockAll(b_, {"y", "x"});
  Pass(1500ms);
  EXPECT_EQ(GrantedTo(waits), (Names{"y", "x"}));
}

using SetsDeathTest = Sets;

TEST_F(SetsDeathTest, NoNameTwice) { EXPECT_DEATH(LockAll(a_, {"x", "y", "x"}), "CHECK"); }

}  // namespace
}  // namespace redlockd::engine
