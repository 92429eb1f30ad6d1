#include "tests/unit/engine/engine_fixture.h"

// The advice to a holder that another waits for its lock: rule I5.
namespace redlockd::engine {
namespace {

class Wanted : public EngineFixture {
 protected:
  Wanted() {
    Start();
    a_ = Open();
    b_ = Open();
    c_ = Open();
  }
  void Hint() { Do(NodeHint{0, NodeHint::Kind::kWanted, "x"}); }
  // Who the session heard of, a letter for each time: here, elsewhere.
  std::string Heard(SessionId session) const {
    std::string heard;
    for (const auto& [to, notice] : notices_) {
      if (to != session || notice.kind != Notice::Kind::kWanted) continue;
      EXPECT_EQ(notice.name, "x");
      EXPECT_EQ(notice.fence, Holds().at(0).fence);
      heard += notice.by == By::kHere ? 'h' : 'e';
    }
    return heard;
  }

  const Wish asks_{.wanted_events = true};
  SessionId a_, b_, c_;
};

TEST_F(Wanted, ByAnotherSessionThatWaits) {
  MustHold(a_, asks_);
  EXPECT_EQ(Heard(a_), "");
  Lock(b_);
  EXPECT_EQ(Heard(a_), "h");
  Lock(c_);
  Hint();
  EXPECT_EQ(Heard(a_), "h") << "once for each hold";
}

TEST_F(Wanted, ByAnotherDaemon) {
  MustHold(a_, asks_);
  Hint();
  EXPECT_EQ(Heard(a_), "e");
  Hint();
  Lock(b_);
  EXPECT_EQ(Heard(a_), "e") << "once for each hold";
}

TEST_F(Wanted, ByAnotherDaemonAsARenewalSaid) {
  MustHold(a_, asks_);
  AllByHand();
  Pass(1s);
  Asked renewal = Take<RenewOp>(0);
  EXPECT_EQ(Heard(a_), "");
  NodeAnswer answer;
  answer.ticket = renewal.ticket;
  answer.verdict = Verdict::kOk;
  answer.node_time = nodes_[0].Clock(now_);
  answer.wanted = true;
  Do(answer);
  EXPECT_EQ(Heard(a_), "e");
}

TEST_F(Wanted, OnlyWhoAskedForItHears) {
  MustHold(a_);
  Lock(b_);
  Hint();
  EXPECT_EQ(Heard(a_), "");
}

TEST_F(Wanted, ATryWaitsForNobody) {
  MustHold(a_, asks_);
  Try(b_);
  EXPECT_EQ(Heard(a_), "");
}

TEST_F(Wanted, NobodyWaitsWhoEndedItsInput) {
  MustHold(a_, asks_);
  Do(SessionInputEnded{b_});
  Lock(b_);
  EXPECT_EQ(Heard(a_), "");
}

TEST_F(Wanted, BySomebodyWhoWaitsAlreadyAtTheGrant) {
  MustHold(a_);
  Lock(b_, asks_);
  Lock(c_, asks_);
  Unlock(a_);
  EXPECT_EQ(Heard(b_), "h");
  Unlock(b_);
  EXPECT_EQ(Heard(c_), "") << "nobody waits any more";
}

TEST_F(Wanted, BySomebodyElsewhereSinceBeforeTheGrant) {
  AllByHand();
  const auto request = Lock(a_, asks_);
  Hint();
  EXPECT_EQ(Heard(a_), "");
  Vote(0, 7);
  Vote(1, 7);
  ASSERT_TRUE(GrantOf(request));
  EXPECT_EQ(Heard(a_), "e");
}

TEST_F(Wanted, TheNextHoldOfALeaseThatIsWantedHearsOfItToo) {
  MustHold(a_);
  Hint();
  Lock(b_, asks_);
  Unlock(a_);
  EXPECT_EQ(Heard(b_), "e");
}

}  // namespace
}  // namespace redlockd::engine
