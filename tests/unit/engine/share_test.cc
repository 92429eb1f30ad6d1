#include <algorithm>

#include "daemon/engine/owner_value.h"
#include "tests/unit/engine/restart_fixture.h"

// Locks that are shared: rules F1, F6, F8-F10 on a host. share_test.cc of redis has what nodes do.
namespace redlockd::engine {
namespace {

class Share : public RestartTest {
 protected:
  Share() {
    for (SessionId* session : {&a_, &b_, &c_, &d_}) *session = Open();
  }
  RequestId Read(SessionId session, Wish wish = Wish()) {
    wish.mode = Mode::kShared;
    return Lock(session, wish);
  }
  RequestId TryRead(SessionId session) { return Read(session, {.wait = 0ns}); }
  Granted MustRead(SessionId session, const Wish& wish = Wish()) {
    const RequestId request = Read(session, wish);
    EXPECT_TRUE(GrantOf(request)) << "session " << session;
    return GrantOf(request).value_or(Granted{});
  }
  // How many of the nodes say that attempt `n` of this host shares the lock.
  std::size_t Shares(int attempt) {
    std::size_t count = 0;
    for (auto& node : nodes_) {
      count += node.IsShared(now_, "x", "me:" + std::to_string(attempt) + ":here");
    }
    return count;
  }
  std::size_t Owners() { return KeysOf(std::string(kSharedValue)); }
  // Another daemon shares the lock, or wants it for itself, on all nodes.
  void OtherShares() {
    for (auto& node : nodes_) {
      node.Run(now_, timing_, node.Info().run_id,
               ShareOp{.lock = "x",
                       .owner = "other:1:there",
                       .ttl = 3s,
                       .proposal = 0,
                       .queueing = Queueing::kIgnore});
    }
  }
  void OtherWants() {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      nodes_[i].PutWant(now_, "x", "other", 1, 60s);
      Do(NodeHint{.node = i, .kind = NodeHint::Kind::kWanted, .lock = "x"});
    }
  }
  SessionId a_, b_, c_, d_;
};

// --- from nodes to holds ------------------------------------------------------------------------

TEST_F(Share, AReaderIsAMemberOnTheNodes) {
  const Granted granted = MustRead(a_);
  EXPECT_EQ(granted.mode, Mode::kShared);
  EXPECT_EQ(Owners(), 3u);
  EXPECT_EQ(Shares(1), 3u);
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].mode, Mode::kShared);
  Unlock(a_);
  EXPECT_EQ(Owners(), 0u);
}

TEST_F(Share, ItSharesTheLockWithOtherHosts) {
  OtherShares();
  MustRead(a_);
  EXPECT_EQ(Shares(1), 3u);
  const RequestId writer = Try(b_);
  EXPECT_EQ(WhyFailed(writer), Failure::kBusy);
  Unlock(a_);
  EXPECT_EQ(Owners(), 3u) << "the other still has it";
  const RequestId again = Try(b_);
  Pass(1s);
  EXPECT_EQ(WhyFailed(again), Failure::kBusy) << "it is held elsewhere";
}

TEST_F(Share, NobodyReadsWhatAnotherHostHasForItself) {
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 3s);
  const RequestId reader = TryRead(a_);
  Pass(1s);
  EXPECT_EQ(WhyFailed(reader), Failure::kBusy);
}

TEST_F(Share, AReadersFenceIsTheLastWritersAndTheNextWritersIsGreater) {  // rule F8
  const Fence writer = MustHold(a_).fence;
  Unlock(a_);
  const Fence reader = MustRead(a_).fence;
  EXPECT_GE(reader, writer);
  EXPECT_EQ(MustRead(b_).fence, reader);
  Unlock(a_);
  Unlock(b_);
  EXPECT_GT(MustHold(a_).fence, reader);
}

TEST_F(Share, AFenceThatTooFewNodesHaveIsRaised) {  // rule F8
  AllByHand();
  const RequestId reader = Read(a_);
  for (const NodeIndex node : {0, 1}) {
    Answer(Take<ShareOp>(node), Verdict::kOk, node == 0 ? 10 : 20);
  }
  for (NodeIndex node = 0; node < 3; ++node) {
    const Asked asked = Take<RaiseOp>(node);
    EXPECT_EQ(std::get<RaiseOp>(asked.op).fence, 20);
    EXPECT_EQ(Answered(reader), node == 2);
    if (node < 2) Answer(asked, Verdict::kOk, 20);
  }
  ASSERT_TRUE(GrantOf(reader));
  EXPECT_EQ(GrantOf(reader)->fence, 20);
}

TEST_F(Share, TheGreatestOfTheSmallestFencesNeedsNoRaiseWhereAMajorityHasIt) {
  AllByHand();
  const RequestId reader = Read(a_);
  Answer(Take<ShareOp>(0), Verdict::kOk, 10);
  Answer(Take<ShareOp>(1), Verdict::kOk, 10);
  ASSERT_TRUE(GrantOf(reader));
  EXPECT_EQ(GrantOf(reader)->fence, 10);
  EXPECT_FALSE(IsAsked<RaiseOp>(0));
}

TEST_F(Share, WhoIsGrantedItLeavesTheQueueAtOnce) {  // rule F6
  for (auto& node : nodes_) node.Put(now_, "x", "other:1:there", 100ms);
  const RequestId reader = Read(a_);
  EXPECT_NE(nodes_[0].WantOf(now_, "x", "me"), 0);
  Pass(500ms);
  ASSERT_TRUE(GrantOf(reader));
  for (auto& node : nodes_) EXPECT_EQ(node.WantOf(now_, "x", "me"), 0);
}

// --- several of this host -----------------------------------------------------------------------

TEST_F(Share, ReadersOfAHostShareOneLeaseAndAskNoNode) {  // rule F9
  const Granted first = MustRead(a_);
  Granted second;
  EXPECT_FALSE(AsksNodes([&] { second = MustRead(b_); }));
  EXPECT_EQ(second.fence, first.fence);
  EXPECT_EQ(second.deadline, first.deadline);
  EXPECT_EQ(Holds().size(), 2u);
  EXPECT_FALSE(AsksNodes([&] { Unlock(a_); }));
  EXPECT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Shares(1), 3u);
  Close(b_);
  EXPECT_EQ(Owners(), 0u);
}

TEST_F(Share, ATryJoinsToo) {
  MustRead(a_);
  EXPECT_TRUE(GrantOf(TryRead(b_)));
  EXPECT_EQ(WhyFailed(Try(c_)), Failure::kBusy);
}

TEST_F(Share, TheLeaseIsRenewedForAllOfThem) {
  MustRead(a_, {.renewed_events = true});
  MustRead(b_, {.renewed_events = true});
  Pass(5s);
  EXPECT_EQ(Holds().size(), 2u);
  EXPECT_TRUE(LastTold(a_, Notice::Kind::kRenewed));
  EXPECT_TRUE(LastTold(b_, Notice::Kind::kRenewed));
}

TEST_F(Share, ALongerTtlIsAskedForBeforeItsReaderJoins) {  // rule C10
  MustRead(a_, {.ttl = 1s});
  const RequestId longer = Read(b_, {.ttl = 3s});
  ASSERT_TRUE(GrantOf(longer));
  EXPECT_EQ(GrantOf(longer)->ttl, 3s);
  EXPECT_GE(GrantOf(longer)->deadline - now_, 1500ms);
}

TEST_F(Share, MaxHoldEndsOneHoldAlone) {
  MustRead(a_, {.max_hold = 500ms});
  MustRead(b_);
  Pass(600ms);
  EXPECT_EQ(LastTold(a_, Notice::Kind::kLost)->reason, LossReason::kMaxHold);
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].session, b_);
  Pass(5s);
  EXPECT_EQ(Holds().size(), 1u);
}

TEST_F(Share, WithoutNodesAllAreLost) {
  MustRead(a_);
  MustRead(b_);
  for (NodeIndex i = 0; i < 3; ++i) Down(i);
  Pass(4s);
  for (const SessionId session : {a_, b_}) {
    EXPECT_TRUE(LastTold(session, Notice::Kind::kJeopardy));
    EXPECT_TRUE(LastTold(session, Notice::Kind::kLost));
  }
  EXPECT_EQ(Holds().size(), 0u);
}

TEST_F(Share, WhatWasAnnouncedToOneThatLetGoIsKeptForNobody) {
  MustRead(a_);
  MustRead(b_, {.max_hold = 500ms});
  const RequestId writer = Lock(c_);
  Unlock(a_);
  Pass(490ms);
  EXPECT_FALSE(Answered(writer));
  Pass(20ms);
  EXPECT_TRUE(GrantOf(writer)) << "with the deadline of b";
}

TEST_F(Share, WhatWasAnnouncedToOneThatIsThrownOutIsKept) {  // rule C9
  const Time deadline = MustRead(a_).deadline;
  MustRead(b_);
  Do(SessionDropped{a_});
  EXPECT_EQ(Holds().size(), 1u);
  Unlock(b_);
  EXPECT_EQ(Owners(), 3u);
  Pass(deadline - now_ - 1ms);
  EXPECT_EQ(Shares(1), 3u);
  Pass(100ms);
  EXPECT_EQ(Shares(1), 0u);
}

// --- readers and writers ------------------------------------------------------------------------

TEST_F(Share, AWriterWaitsForAllReadersAndNobodyPassesIt) {  // rule F10
  MustRead(a_);
  MustRead(b_);
  const RequestId writer = Lock(c_);
  const RequestId late = Read(d_);
  EXPECT_EQ(WhyFailed(TryRead(Open())), Failure::kBusy);
  Unlock(a_);
  EXPECT_FALSE(Answered(writer));
  Unlock(b_);
  ASSERT_TRUE(GrantOf(writer));
  EXPECT_FALSE(Answered(late));
  for (auto& node : nodes_) {
    EXPECT_TRUE(ParseOwnerValue(node.OwnerOf(now_, "x").value_or(""))) << "it is no member";
  }
  Unlock(c_);
  EXPECT_TRUE(GrantOf(late));
}

TEST_F(Share, ReadersThatWaitForAWriterComeInTogether) {
  MustHold(a_);
  const RequestId first = Read(b_), second = Read(c_);
  Unlock(a_);
  EXPECT_TRUE(GrantOf(first));
  EXPECT_TRUE(GrantOf(second));
  EXPECT_EQ(Holds().size(), 2u);
}

TEST_F(Share, WhatIsAskedForAReaderIsNotTheWritersAfterIt) {  // rule F10
  AllByHand();
  const RequestId reader = Read(a_);
  const RequestId writer = Lock(b_);
  Do(CancelRequested{.session = a_, .request = 1000, .target = reader, .name = "x"});
  EXPECT_TRUE(IsAsked<ReleaseOp>(0));
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  while (!asked_.empty()) {
    const Asked next = asked_.front();
    asked_.pop_front();
    AnswerAsObedient(next);
  }
  Pass(1s);
  ASSERT_TRUE(GrantOf(writer));
  EXPECT_EQ(Owners(), 0u);
}

TEST_F(Share, WantedElsewhereItAdmitsAFewMoreAndThenNobody) {  // rules E2, F10
  MustRead(a_, {.wanted_events = true});
  OtherWants();
  EXPECT_TRUE(LastTold(a_, Notice::Kind::kWanted));
  std::size_t joined = 0;
  for (int i = 0; i < 30; ++i) joined += GrantOf(TryRead(Open())).has_value();
  EXPECT_EQ(joined, Timing::kHandoffsWhileWanted);
  EXPECT_EQ(std::count_if(notices_.begin(), notices_.end(),
                          [this](const auto& each) {
                            return each.first == a_ && each.second.kind == Notice::Kind::kWanted;
                          }),
            1)
      << "it is advice, once for each hold";
}

TEST_F(Share, WhoWantedItAndIsGoneKeepsNoReaderOut) {
  MustRead(a_);
  Do(NodeHint{.node = 0, .kind = NodeHint::Kind::kWanted, .lock = "x"});
  Pass(10ms);
  EXPECT_EQ(WhyFailed(TryRead(b_)), Failure::kBusy);
  const RequestId reader = Read(b_);
  Pass(5s);  // it is renewed, and nobody is in the queue of any node
  EXPECT_TRUE(GrantOf(reader));
  EXPECT_TRUE(GrantOf(TryRead(c_)));
}

TEST_F(Share, NobodyHearsOfAWantThatIsOver) {  // rule I5
  MustRead(a_, {.wanted_events = true});
  const RequestId writer = Lock(c_);
  EXPECT_TRUE(LastTold(a_, Notice::Kind::kWanted));
  Do(CancelRequested{.session = c_, .request = 1000, .target = writer, .name = "x"});
  MustRead(b_, {.wanted_events = true});
  EXPECT_FALSE(LastTold(b_, Notice::Kind::kWanted));
  Lock(d_);
  EXPECT_TRUE(LastTold(b_, Notice::Kind::kWanted)) << "now there is one again";
}

TEST_F(Share, AReaderThatMayJoinIsNoWant) {
  MustRead(a_, {.ttl = 1s, .wanted_events = true});
  AllByHand();
  const RequestId reader = Read(b_, {.ttl = 3s});
  EXPECT_FALSE(Answered(reader)) << "the lease is renewed first";
  EXPECT_FALSE(LastTold(a_, Notice::Kind::kWanted));
}

TEST_F(Share, WantedElsewhereItIsLetGoWithItsLastHold) {
  MustRead(a_);
  MustRead(b_);
  OtherWants();
  Pass(10ms);
  Unlock(a_);
  EXPECT_EQ(Owners(), 3u);
  const RequestId more = Read(c_);
  Unlock(b_);
  EXPECT_EQ(Owners(), 0u);
  EXPECT_FALSE(Answered(more)) << "it is the other's turn";
}

TEST_F(Share, ASharedLockIsNoPlainClients) {
  for (auto& node : nodes_) node.Put(now_, "x", std::string(kSharedValue), 100ms);
  const RequestId writer = Lock(a_);
  Pass(500ms);
  EXPECT_TRUE(GrantOf(writer));
}

TEST_F(Share, AWriterThatWaitsForAReaderThatWaitsForItIsInACycle) {  // rule W1
  const auto task = [](SessionId session) { return TaskId{session, 0}; };
  MustRead(a_, {.task = task(a_)});
  MustRead(b_, {.task = task(b_)});
  const RequestId other = Lock(c_, {.name = "y", .task = task(c_)});
  ASSERT_TRUE(GrantOf(other));
  const RequestId writer = Lock(c_, {.task = task(c_)});
  EXPECT_FALSE(Answered(writer));
  const RequestId reader = Lock(b_, {.name = "y", .task = task(b_)});
  EXPECT_EQ(WhyFailed(reader), Failure::kDeadlock) << "c waits for b, which shares x";
}

TEST_F(Share, AReaderThatMayNotJoinAnyMoreWaitsForTheHolders) {  // rule W1
  const auto task = [](SessionId session) { return TaskId{session, 0}; };
  MustHold(b_, {.name = "y", .task = task(b_)});
  MustRead(a_, {.ttl = 1s, .task = task(a_)});
  AllByHand();
  const RequestId reader = Read(b_, {.ttl = 3s, .task = task(b_)});
  const RequestId wait = Lock(a_, {.name = "y", .task = task(a_)});
  EXPECT_FALSE(Answered(reader));
  EXPECT_FALSE(Answered(wait)) << "the reader waits for nodes, not for a";
  OtherWants();
  Pass(10ms);
  Lock(d_);
  EXPECT_EQ(WhyFailed(reader), Failure::kDeadlock) << "now it waits for a, which holds x";
}

// --- from process to process --------------------------------------------------------------------

TEST_F(Share, AllHoldsGoOnInTheNextProcess) {  // rule H3
  const Fence fence = MustRead(a_).fence;
  MustRead(b_);
  const RequestId writer = Lock(c_);
  Restart();
  ASSERT_EQ(Holds().size(), 2u);
  EXPECT_EQ(Holds()[0].mode, Mode::kShared);
  EXPECT_EQ(Holds()[1].fence, fence);
  Pass(5s);
  EXPECT_EQ(Shares(1), 3u) << "it is renewed";
  Unlock(a_);
  EXPECT_FALSE(Answered(writer));
  Unlock(b_);
  EXPECT_TRUE(GrantOf(writer));
}

TEST_F(Share, OnceMoreMayJoinInTheNextProcess) {
  const Fence fence = MustRead(a_).fence;
  Restart();
  EXPECT_EQ(MustRead(b_).fence, fence);
  EXPECT_EQ(Holds().size(), 2u);
}

}  // namespace
}  // namespace redlockd::engine
