#include <algorithm>
#include <array>

#include "tests/unit/engine/engine_fixture.h"

// What sessions hear of the locks that they watch.
namespace redlockd::engine {
namespace {

using What = WatchNotice::What;

class Watch : public EngineFixture {
 protected:
  Watch() {
    linger_ = {.usual = 20ms, .by_prefix = {}};
    Make(3);
    Start();
    a_ = Open(1001);
    b_ = Open(1002);
    watcher_ = Open(1003);
    WatchAll(watcher_);
  }
  void WatchAll(SessionId session) { MustBeDone(session, ""); }
  void MustBeDone(SessionId session, const std::string& name) {
    const RequestId request = 1'000'000 + ++watches_;
    Do(WatchRequested{session, request, name});
    EXPECT_TRUE(AnswerTo<Done>(request));
  }
  // What the session heard since the last call, in short.
  std::string Heard(SessionId session) {
    std::string text;
    for (const auto& [sessions, notice] : watched_) {
      if (std::find(sessions.begin(), sessions.end(), session) == sessions.end()) continue;
      text += (text.empty() ? "" : ", ") + TextOf(notice);
    }
    watched_.clear();
    return text;
  }
  std::string Heard() { return Heard(watcher_); }

  SessionId a_, b_, watcher_;

 private:
  static std::string TextOf(const WatchNotice& notice) {
    constexpr std::array kWords = {"granted", "unlocked", "closed",  "lost",
                                   "wanted",  "kept",     "released"};
    std::string text = kWords.at(static_cast<std::size_t>(notice.what));
    if (notice.what == What::kLost) {
      constexpr std::array kReasons = {"", " at its deadline", " by max-hold", " by the drain"};
      text += kReasons.at(static_cast<std::size_t>(notice.reason));
    }
    if (notice.what == What::kWanted) text += notice.by == By::kHere ? " here" : " elsewhere";
    // A user is as good as a session here.
    if (notice.uid != 0) text += " " + std::string(1, static_cast<char>('a' + notice.uid - 1001));
    EXPECT_EQ(notice.name, "x");
    EXPECT_EQ(notice.pid, notice.uid == 0 ? 0 : static_cast<int>(notice.uid) + 1);
    const bool is_of_lease = notice.what == What::kKept || notice.what == What::kReleased;
    EXPECT_TRUE(!is_of_lease || notice.fence == 0);
    EXPECT_TRUE(notice.uid == 0 || notice.fence > 0);
    return text;
  }
  RequestId watches_ = 0;
};

TEST_F(Watch, AHoldFromItsBeginningToItsEnd) {
  const Fence fence = MustHold(a_).fence;
  ASSERT_EQ(watched_.size(), 1u);
  EXPECT_EQ(watched_[0].notice.fence, fence);
  EXPECT_EQ(Heard(), "granted a");
  Unlock(a_);
  EXPECT_EQ(Heard(), "unlocked a") << "it lingers";
  MustHold(b_);
  EXPECT_EQ(Heard(), "granted b");
  Close(b_);
  EXPECT_EQ(Heard(), "closed b");
  Pass(20ms);
  EXPECT_EQ(Heard(), "released");
}

TEST_F(Watch, AHandOff) {
  MustHold(a_);
  Lock(b_);
  Unlock(a_);
  EXPECT_EQ(Heard(), "granted a, wanted here, unlocked a, granted b");
}

TEST_F(Watch, TheEndThatTheDaemonMakes) {
  MustHold(a_, {.max_hold = 1s});
  Heard();
  Pass(1s);
  EXPECT_EQ(Heard(), "lost by max-hold a, kept, released");
  MustHold(a_);
  Heard();
  AllByHand();
  Pass(4s);
  EXPECT_EQ(Heard(), "lost at its deadline a, kept, released");
}

TEST_F(Watch, ALockThatIsKept) {  // rule C9
  MustHold(a_);
  Heard();
  Do(SessionDropped{a_});
  EXPECT_EQ(Heard(), "closed a, kept");
  Lock(b_);
  EXPECT_EQ(Heard(), "wanted here");
  Pass(3s);
  EXPECT_EQ(Heard(), "released, granted b");
  Do(DrainRequested{now_ + 10ms});
  Pass(10ms);
  EXPECT_EQ(Heard(), "lost by the drain b, kept");
}

TEST_F(Watch, ALockWithMinHold) {  // rule I2
  MustHold(a_, {.min_hold = 60s});
  Heard();
  Unlock(a_);
  EXPECT_EQ(Heard(), "unlocked a, kept");
  Pass(60s);
  EXPECT_EQ(Heard(), "released");
  MustHold(b_, {.min_hold = 60s});
  Heard();
  Close(b_);
  EXPECT_EQ(Heard(), "closed b, kept");
}

TEST_F(Watch, OfAReleaseThatIsWaitedForTheEndComesFirst) {
  MustHold(a_);
  Heard();
  AllByHand();
  const auto request = Unlock(a_, {}, true);
  EXPECT_EQ(Heard(), "unlocked a, released");
  EXPECT_FALSE(Answered(request));
}

TEST_F(Watch, AnotherHostWants) {
  MustHold(a_);
  Heard();
  Do(NodeHint{0, NodeHint::Kind::kWanted, "x"});
  EXPECT_EQ(Heard(), "wanted elsewhere");
  Do(NodeHint{1, NodeHint::Kind::kWanted, "x"});
  EXPECT_EQ(Heard(), "") << "it is no news";
  Unlock(a_);
  EXPECT_EQ(Heard(), "unlocked a, released") << "it does not linger";
}

TEST_F(Watch, AnAttemptIsNothing) {
  nodes_[0].Put(now_, "x", "other:1:h", 5s);
  nodes_[1].Put(now_, "x", "other:1:h", 5s);
  const auto request = Try(a_);
  Pass(1s);
  EXPECT_EQ(WhyFailed(request), Failure::kBusy);
  EXPECT_EQ(Heard(), "");
}

TEST_F(Watch, AnAnswerComesBeforeWhatFollowsFromIt) {
  std::string order;
  Effects effects;
  AllByHand();
  Lock(a_);
  Vote(0, 7);
  const Asked vote = Take<AcquireOp>(1);
  NodeAnswer answer;
  answer.node = 1;
  answer.ticket = vote.ticket;
  answer.verdict = Verdict::kOk;
  answer.node_time = nodes_[1].Clock(now_);
  answer.fence = 7;
  engine_->Step(now_, answer, effects);
  for (const Effect& effect : effects) {
    if (std::holds_alternative<AnswerClient>(effect)) order += "answer ";
    if (std::holds_alternative<NotifyWatchers>(effect)) order += "watch ";
  }
  effects.clear();
  engine_->Step(now_, UnlockRequested{a_, 999, "x", {}, false}, effects);
  for (const Effect& effect : effects) {
    if (std::holds_alternative<AnswerClient>(effect)) order += "answer ";
    if (std::holds_alternative<NotifyWatchers>(effect)) order += "watch ";
  }
  EXPECT_EQ(order, "answer watch watch answer ") << "both lie within the hold";
}

TEST_F(Watch, ASessionThatIsGoneHearsNothing) {
  const SessionId other = Open(1004);
  MustBeDone(other, "x");
  MustHold(other);
  EXPECT_EQ(Heard(other), "granted d");
  Close(other);
  EXPECT_EQ(watched_.size(), 1u);
  EXPECT_EQ(Heard(other), "");
}

TEST_F(Watch, OnlyOneWatchOfASessionIsNeeded) {
  MustBeDone(watcher_, "x");
  MustHold(a_);
  EXPECT_EQ(Heard(), "granted a");
  Do(UnwatchRequested{watcher_, 77, ""});
  EXPECT_TRUE(AnswerTo<Done>(77));
  Unlock(a_);
  EXPECT_EQ(Heard(), "");
}

TEST_F(Watch, BeyondTheLimitIsRefused) {
  for (int i = 1; i < 64; ++i) MustBeDone(watcher_, "n" + std::to_string(i));
  Do(WatchRequested{watcher_, 77, "y"});
  EXPECT_EQ(WhyFailed(77), Failure::kLimit);
}

}  // namespace
}  // namespace redlockd::engine
