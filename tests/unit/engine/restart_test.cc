#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/engine/state.h"
#include "tests/unit/engine/restart_fixture.h"

namespace redlockd::engine {
namespace {

using Kind = Notice::Kind;

TEST_F(RestartTest, AHoldGoesOnAndNobodyHearsOfIt) {
  const SessionId s = Open();
  const Granted grant = MustHold(s);
  Restart();
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].fence, grant.fence);
  EXPECT_EQ(Holds()[0].deadline, grant.deadline);
  EXPECT_TRUE(Told(s).empty());
  Pass(10s);  // it is renewed
  EXPECT_TRUE(Told(s).empty());
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
  EXPECT_TRUE(AnswerTo<Released>(Unlock(s, grant.fence)));
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

TEST_F(RestartTest, AttemptNumbersGoOn) {
  const SessionId s = Open();
  MustHold(s);
  Unlock(s);
  Restart();
  MustHold(s);
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
  EXPECT_EQ(KeysOf("me:2:here"), 3u);
}

TEST_F(RestartTest, FencesGrow) {
  const SessionId s = Open();
  const Fence before = MustHold(s).fence;
  Restart();
  Unlock(s);
  EXPECT_GT(MustHold(s).fence, before);
}

TEST_F(RestartTest, AnAttemptWhoseAnswersNobodyReadsIsReleased) {
  AllByHand();
  const SessionId s = Open();
  const RequestId request = Lock(s);
  ASSERT_TRUE(IsAsked<AcquireOp>(0));
  connects_ = false;
  Restart();
  for (NodeIndex i = 0; i < 3; ++i) {
    const Asked release = Take<ReleaseOp>(i);
    EXPECT_EQ(std::get<ReleaseOp>(release.op).owner, "me:1:here");
    EXPECT_FALSE(std::get<ReleaseOp>(release.op).leave);  // it waits on
  }
  EXPECT_FALSE(Answered(request));
  ASSERT_EQ(Waits().size(), 1u);
}

TEST_F(RestartTest, AWaitIsGrantedByTheNextProcess) {
  AllByHand();
  const SessionId s = Open();
  const RequestId request = Lock(s);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Restart();
  ASSERT_TRUE(GrantOf(request));
  EXPECT_EQ(KeysOf("me:2:here"), 3u);
}

TEST_F(RestartTest, ARenewalThatWasNotAnsweredIsNone) {
  const SessionId s = Open();
  const Granted grant = MustHold(s);
  AllByHand();
  Pass(1100ms);
  ASSERT_TRUE(IsAsked<RenewOp>(0));
  connects_ = false;
  Restart();
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].deadline, grant.deadline);
}

TEST_F(RestartTest, WhatWasDueMeanwhileIsDoneAtOnce) {
  const SessionId s = Open();
  MustHold(s);
  AllByHand();
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Restart(1200ms);
  EXPECT_EQ(Holds()[0].deadline, now_ + Promise(3s));
}

TEST_F(RestartTest, ADeadlineThatPassesMeanwhileIsALoss) {
  const SessionId s = Open();
  MustHold(s);
  Restart(4s);
  ASSERT_FALSE(Told(s).empty());
  EXPECT_EQ(Told(s).back(), Kind::kLost);
  EXPECT_TRUE(Holds().empty());
}

TEST_F(RestartTest, WithoutNodesAHoldLastsUntilItsDeadline) {
  const SessionId s = Open();
  const Granted grant = MustHold(s);
  connects_ = false;
  Restart();
  ASSERT_EQ(Holds().size(), 1u);
  EXPECT_EQ(Holds()[0].deadline, grant.deadline);
  Pass(grant.deadline - now_);
  EXPECT_EQ(Told(s).back(), Kind::kLost);
}

TEST_F(RestartTest, ALineKeepsItsOrder) {
  const SessionId holder = Open();
  MustHold(holder);
  const SessionId first = Open(), second = Open();
  const RequestId a = Lock(first), b = Lock(second);
  Restart();
  Unlock(holder);
  EXPECT_TRUE(GrantOf(a));
  EXPECT_FALSE(Answered(b));
  Close(first);
  EXPECT_TRUE(GrantOf(b));
}

TEST_F(RestartTest, AWaitEndsAtItsTime) {
  const SessionId holder = Open();
  MustHold(holder);
  const RequestId wait = Lock(Open(), {.wait = 1s});
  Restart();
  Pass(850ms);
  EXPECT_FALSE(Answered(wait));
  Pass(100ms);
  EXPECT_EQ(WhyFailed(wait), Failure::kTimeout);
}

TEST_F(RestartTest, AWaitEndsThatWasOverMeanwhile) {
  MustHold(Open());
  const RequestId wait = Lock(Open(), {.wait = 1s});
  Restart(1200ms);
  EXPECT_EQ(WhyFailed(wait), Failure::kTimeout);
}

TEST_F(RestartTest, MaxHoldCountsFromTheGrant) {
  const SessionId s = Open();
  const Granted grant = MustHold(s, {.max_hold = 5s});
  Pass(3s);
  Restart(1s);
  Pass(2s);
  EXPECT_LE(LastTold(s, Kind::kLost).value_or(Notice{}).deadline, grant.deadline + 5s);
  EXPECT_TRUE(Holds().empty());
  EXPECT_EQ(LastTold(s, Kind::kLost)->reason, LossReason::kMaxHold);
}

// Else one client could have a restart end the locks of all.
TEST_F(RestartTest, WhateverAClientMayAskForGoesOn) {
  const SessionId s = Open();
  MustHold(s, {.name = "x", .max_hold = std::chrono::hours(900'000), .min_hold = kMostMinHold});
  MustHold(s, {.name = "y", .ttl = timing_.MinTtl(), .max_hold = Duration::max()});
  MustHold(s, {.name = "z", .ttl = timing_.max_ttl, .max_hold = 1ns + timing_.max_ttl});
  const SessionId next = Open();
  const auto long_wait = Lock(next, {.name = "x", .wait = std::chrono::hours(900'000)});
  const auto endless = Lock(next, {.name = "y", .wait = Duration::max()});
  const auto set = Lock(next, {.name = "z", .wait = Duration::max(), .also = {"w"}});
  Restart();
  EXPECT_EQ(Holds().size(), 3u);
  for (const auto wait : {long_wait, endless, set}) EXPECT_FALSE(Answered(wait));
}

// Rule D6: the client may not have heard that its deadline moved back.
TEST_F(RestartTest, NobodyGetsItBeforeTheLastDeadlineThatWasAnnounced) {
  const SessionId s = Open();
  const Granted grant = MustHold(s);
  Pass(500ms);
  for (NodeIndex i = 0; i < 2; ++i) nodes_[i].clock_off += 50ms;
  const SessionId other = Open();
  for (NodeIndex i = 0; i < 2; ++i) Up(i);  // which shows the step
  ASSERT_FALSE(Told(s).empty());
  Restart();
  const RequestId wait = Lock(other);
  Pass(grant.deadline - now_ - 1ms);
  EXPECT_FALSE(Answered(wait));
}

// Rule C9.
TEST_F(RestartTest, WhatIsKeptStaysKeptUntilWhatWasAnnounced) {
  const SessionId dropped = Open();
  const Granted grant = MustHold(dropped);
  Do(SessionDropped{dropped});
  Restart();
  const RequestId other = Lock(Open());
  Pass(grant.deadline - now_ - 1ms);
  EXPECT_FALSE(Answered(other));
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
  Pass(10ms);
  EXPECT_TRUE(GrantOf(other));
}

TEST_F(RestartTest, MinHoldIsKept) {
  const SessionId s = Open();
  MustHold(s, {.min_hold = 20s});
  Unlock(s);
  Restart();
  const RequestId other = Lock(Open(), {.wait = 30s});
  Pass(15s);
  EXPECT_FALSE(Answered(other));
  Pass(10s);
  EXPECT_TRUE(GrantOf(other));
}

TEST_F(RestartTest, MinHoldThatIsNotPromisedYetIsAskedFor) {
  const SessionId s = Open();
  MustHold(s, {.min_hold = 20s});
  AllByHand();
  const RequestId unlock = Unlock(s, {}, true);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Restart();
  EXPECT_TRUE(AnswerTo<Released>(unlock));
  EXPECT_EQ(KeysOf("me:1:here"), 3u);
}

TEST_F(RestartTest, AReleaseIsOwedOn) {
  const SessionId s = Open();
  MustHold(s);
  AllByHand();
  const RequestId unlock = Unlock(s, {}, true);
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Restart();
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
  EXPECT_TRUE(AnswerTo<Released>(unlock));
}

// Nobody holds it: the next process need not know it.
TEST_F(RestartTest, WhatLingersIsReleased) {
  linger_ = {.usual = 1s, .by_prefix = {}};
  Make(3);
  Start();
  const SessionId s = Open();
  Do(WatchRequested{s, 900, "x"});
  MustHold(s);
  Unlock(s);
  ASSERT_EQ(KeysOf("me:1:here"), 3u);
  watched_.clear();
  Restart();
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
  ASSERT_EQ(watched_.size(), 1u);
  EXPECT_EQ(watched_[0].notice.what, WatchNotice::What::kReleased);
}

// Rule D6: what this process sees of a node's clock it compares with what the former saw.
TEST_F(RestartTest, AStepOfANodesClockMeanwhileVoidsItsPromise) {
  const SessionId s = Open();
  MustHold(s);
  for (NodeIndex i = 0; i < 2; ++i) nodes_[i].clock_off += 50ms;
  ByHand(2);
  Restart();
  ASSERT_FALSE(Told(s).empty());
  EXPECT_EQ(Told(s).front(), Kind::kJeopardy);
  EXPECT_EQ(LastTold(s, Kind::kJeopardy)->deadline, now_);
}

TEST_F(RestartTest, ALossIsStillToBeHeardOf) {
  const SessionId s = Open();
  const Granted grant = MustHold(s, {.max_hold = 100ms});
  Pass(200ms);
  ASSERT_TRUE(Holds().empty());
  Restart();
  EXPECT_EQ(WhyFailed(Unlock(s, grant.fence)), Failure::kLost);
  EXPECT_EQ(WhyFailed(Unlock(s, grant.fence)), Failure::kNotHeld);
}

TEST_F(RestartTest, AWatchGoesOn) {
  const SessionId watcher = Open();
  Do(WatchRequested{watcher, 900, "x"});
  Restart();
  watched_.clear();
  MustHold(Open());
  ASSERT_EQ(watched_.size(), 1u);
  EXPECT_EQ(watched_[0].sessions, std::vector{watcher});
}

TEST_F(RestartTest, AQuestionIsAskedAgain) {
  AllByHand();
  Do(ShowRequested{Open(), 901, "x"});
  ASSERT_FALSE(Answered(901));
  for (NodeIndex i = 0; i < 3; ++i) Obey(i);
  Restart();
  EXPECT_TRUE(AnswerTo<Shown>(901));
}

TEST_F(RestartTest, WhatAnAdministratorDoesIsNotDoneTwice) {
  AllByHand();
  Do(TrustEmptyRequested{Open(), 902});
  Restart();
  ASSERT_TRUE(Answered(902));
  EXPECT_EQ(WhyFailed(902), Failure::kRefused);  // of this set leases were counted
}

// Rule W1: the two wait for each other only once both are there.
TEST_F(RestartTest, ACycleIsFoundThatBeganBefore) {
  const SessionId a = Open(), b = Open();
  MustHold(a, {.name = "x", .task = {a, 0}});
  MustHold(b, {.name = "y", .task = {b, 0}});
  const RequestId waits = Lock(a, {.name = "y", .task = {a, 0}});
  Restart();
  EXPECT_FALSE(Answered(waits));
  EXPECT_EQ(WhyFailed(Lock(b, {.name = "x", .task = {b, 0}})), Failure::kDeadlock);
}

TEST_F(RestartTest, OwnersOfASessionAreItsOwnersStill) {
  const SessionId session = Open();
  Do(SessionOpened{100, 1000, 1001, session});
  Do(LockRequested{.session = 100, .request = 903, .name = "x"});
  ASSERT_TRUE(GrantOf(903));
  Restart();
  Do(SessionClosed{100});
  Do(SessionClosed{session});
  EXPECT_EQ(KeysOf("me:1:here"), 0u);
}

// A restart right after a restart: the first one has not served yet.
TEST_F(RestartTest, WhatWasNotTakenUpIsLeftAsItWas) {
  const SessionId s = Open();
  MustHold(s);
  const State before = Save();
  const Engine next(EngineOptions{.timing = timing_,
                                  .linger = {},
                                  .audit = {},
                                  .limits = {},
                                  .nodes = 3,
                                  .instance = "me",
                                  .host = "here"},
                    random_, std::make_unique<State>(before));
  EXPECT_EQ(next.Save(now_), before);
}

// --- any state ----------------------------------------------------------------------------------

// What an engine has taken over it leaves as it was: whatever its clients did before. Without a word of
// any node, so that nothing goes on.
class AnyStateTest : public RestartTest, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  void DoSomething() {
    const auto any = [this](std::uint64_t bound) { return chance_.Below(bound); };
    if (sessions_.empty() || any(5) == 0) sessions_.push_back(Open(1000 + any(2)));
    const SessionId session = sessions_[any(sessions_.size())];
    const std::string name(1, static_cast<char>('a' + any(4)));
    switch (any(8)) {
      case 0:
        return Pass(Duration(any(2'000'000'000)));
      case 1:
        Do(UnlockRequested{session, ++request_, name, {}, any(2) == 0});
        return;
      case 2:
        Do(WatchRequested{session, ++request_, any(2) == 0 ? name : ""});
        return;
      case 3:
        std::erase(sessions_, session);
        return any(2) == 0 ? Do(SessionClosed{session}) : Do(SessionDropped{session});
      default:
        Do(LockRequested{.session = session,
                         .request = ++request_,
                         .name = name,
                         .wait = any(2) == 0 ? std::optional<Duration>(5s) : std::nullopt,
                         .max_hold = any(3) == 0 ? std::optional<Duration>(4s) : std::nullopt,
                         .min_hold = any(4) == 0 ? Duration(2s) : Duration(0),
                         .note = "n",
                         .task = any(2) == 0 ? TaskId{session, 0} : TaskId{},
                         .also = any(3) == 0 ? Others(name) : std::vector<std::string>()});
    }
  }

  // One or more of the others.
  std::vector<std::string> Others(const std::string& than) {
    std::vector<std::string> others;
    for (const char* name : {"a", "b", "c", "d"}) {
      if (name != than && chance_.Below(2) == 0) others.emplace_back(name);
    }
    return others;
  }

  SeededRandom chance_{GetParam()};
  std::vector<SessionId> sessions_;
  RequestId request_ = 10'000;
};

TEST_P(AnyStateTest, IsTakenOverAsItIs) {
  for (int i = 0; i < 60; ++i) DoSomething();
  connects_ = false;
  State before = Save();
  Restart(0ns);
  State after = Save();
  // A line that nobody holds the lock of asked for it, in vain, and what is due is done.
  EXPECT_EQ(after.sessions, before.sessions);
  EXPECT_EQ(after.instance, before.instance);
  EXPECT_GE(after.last_attempt, before.last_attempt);
  for (State* state : {&before, &after}) {
    std::erase_if(state->locks, [](const auto& lock) { return !lock.lease && lock.waits.empty(); });
    for (record::Lock& lock : state->locks) {
      if (!lock.lease && !lock.waits.empty()) lock.waits.front().asked = false;
    }
  }
  for (State* state : {&before, &after}) {
    for (record::Set& set : state->sets) {
      set.wait.asked = false;
      // One that stood aside had left its other queues, and is back in its lines, which is to be heard of.
      set.want = {};
      for (record::Lock& lock : state->locks) {
        const bool wants = std::count(set.names.begin(), set.names.end(), lock.name) > 0;
        lock.was_wanted = lock.was_wanted && !wants;
      }
    }
  }
  EXPECT_EQ(after.locks, before.locks);
  EXPECT_EQ(after.sets, before.sets);
  EXPECT_EQ(after.last_set, before.last_set);
  EXPECT_EQ(after.names, before.names);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyStateTest, ::testing::Range<std::uint64_t>(1, 41));

// --- states that no engine left -----------------------------------------------------------------

class UnusableStateTest : public RestartTest {
 protected:
  UnusableStateTest() {
    const SessionId s = Open();
    MustHold(s);
    Lock(Open());
    state_ = Save();
  }
  std::string Why() const { return WhyUnusable(state_, 3, now_); }
  record::Lock& lock() { return state_.locks.at(0); }

  State state_;
};

TEST_F(UnusableStateTest, IsUsableAsItWasLeft) { EXPECT_EQ(Why(), ""); }
TEST_F(UnusableStateTest, OtherNodes) {
  EXPECT_EQ(WhyUnusable(state_, 5, now_), "it is of 3 nodes");
}
TEST_F(UnusableStateTest, TheFuture) {
  EXPECT_EQ(WhyUnusable(state_, 3, now_ - 1s), "it is of a later time than now");
}
TEST_F(UnusableStateTest, AnAttemptThatIsYetToCome) {
  lock().lease->attempt = state_.last_attempt + 1;
  EXPECT_EQ(Why(), "a lease is impossible");
}
TEST_F(UnusableStateTest, OneAttemptTwice) {
  state_.releases.push_back({.attempt = 1, .lock = "y", .nodes = 1, .gone_by = now_});
  EXPECT_EQ(Why(), "a release is impossible");
}
TEST_F(UnusableStateTest, ALeaseWithoutAUse) {
  lock().hold.reset();
  EXPECT_EQ(Why(), "a lease has not one use");
}
TEST_F(UnusableStateTest, AHoldOfNobody) {
  lock().hold->session = 77;
  EXPECT_EQ(Why(), "a hold is impossible");
}
TEST_F(UnusableStateTest, AWaitOfTheHolder) {
  lock().waits.at(0).session = lock().hold->session;
  EXPECT_EQ(Why(), "a wait is impossible");
}
TEST_F(UnusableStateTest, SeveralHoldsOfWhatIsNotShared) {
  lock().others = {*lock().hold};
  EXPECT_EQ(Why(), "several hold what is not shared");
}
TEST_F(UnusableStateTest, AWaitToShareWhatIsKept) {
  lock().waits.at(0).shared = true;
  EXPECT_EQ(Why(), "");
  lock().waits.at(0).min_hold = 1s;
  EXPECT_EQ(Why(), "a wait is impossible");
}
TEST_F(UnusableStateTest, TwoSessionsOfOneId) {
  state_.sessions.push_back(state_.sessions.front());
  EXPECT_EQ(Why(), "a session is there twice");
}
TEST_F(UnusableStateTest, ASetOfWhatItsSessionHolds) {
  record::Set set{.number = 1, .names = {"x", "y"}, .wait = lock().waits.at(0), .want = {}};
  state_.last_set = 1;
  lock().waits.clear();
  state_.sets = {set};
  EXPECT_EQ(Why(), "");
  state_.sets.front().names = {"y", "y"};
  EXPECT_EQ(Why(), "a set is impossible");
  state_.sets.front().names = {};
  EXPECT_EQ(Why(), "a set is impossible");
  state_.sets = {set, set};
  EXPECT_EQ(Why(), "a set is impossible");
  state_.sets = {set};
  state_.last_set = 0;
  EXPECT_EQ(Why(), "a set is impossible");
  state_.last_set = 1;
  state_.sets.front().wait.session = lock().hold->session;
  EXPECT_EQ(Why(), "a set is impossible");
}
TEST_F(UnusableStateTest, AnAnswerForWhatIsAnsweredAlready) {
  record::Joint joint{.locks = {"y", "z"}, .parts = {}};
  const auto owed = [&](AttemptNumber attempt, const std::string& name) {
    return record::Release{
        .attempt = attempt,
        .lock = name,
        .nodes = 1,
        .gone_by = now_,
        .asker = record::Asker{.session = 1, .request = 9, .fence = 1, .joint = joint}};
  };
  state_.last_attempt = 9;
  state_.releases = {owed(8, "y"), owed(9, "z")};
  EXPECT_EQ(Why(), "");
  state_.releases = {owed(8, "y"), owed(9, "y")};
  EXPECT_EQ(Why(), "a release is impossible");
  joint.parts = {{.lock = "y", .fence = 1}};
  state_.releases = {owed(8, "y")};
  EXPECT_EQ(Why(), "a release is impossible");
  state_.releases = {owed(8, "z")};
  EXPECT_EQ(Why(), "");
}
TEST_F(UnusableStateTest, MoreNamesThanThereIsRoomFor) {
  state_.names.added = state_.names.capacity + 1;
  EXPECT_EQ(Why(), "what was asked for is impossible");
}
TEST_F(UnusableStateTest, ATimeThatOverflows) {
  lock().lease->announced = Time::max();
  EXPECT_EQ(Why(), "a lease is impossible");
}

}  // namespace
}  // namespace redlockd::engine
