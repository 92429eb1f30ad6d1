#include <array>

#include "tests/unit/engine/engine_fixture.h"

// What the log hears of the holds of audited locks.
namespace redlockd::engine {
namespace {

using What = WatchNotice::What;

TEST(Audit, CoversWhatTheLongestPrefixSays) {
  const engine::Audit audit{{{"a/", true}, {"a/b/", false}, {"a/b/c/", true}}};
  EXPECT_TRUE(audit.Covers("a/"));
  EXPECT_TRUE(audit.Covers("a/x"));
  EXPECT_FALSE(audit.Covers("a/b/x"));
  EXPECT_TRUE(audit.Covers("a/b/c/x"));
  EXPECT_FALSE(audit.Covers("a"));
  EXPECT_FALSE(audit.Covers("x"));
  EXPECT_FALSE(engine::Audit().Covers("x"));
}

class AuditTest : public EngineFixture {
 protected:
  AuditTest() {
    audit_.by_prefix = {{"x", true}};
    Make(3);
    Start();
    a_ = Open(1001);
    b_ = Open(1002);
  }
  // Since the last call, in short.
  std::string Heard() {
    std::string text;
    for (const Audited& audited : audited_) {
      text += (text.empty() ? "" : ", ") + TextOf(audited);
    }
    audited_.clear();
    return text;
  }

  SessionId a_, b_;

 private:
  std::string TextOf(const Audited& audited) const {
    const WatchNotice& notice = audited.notice;
    EXPECT_EQ(notice.name, "x");
    EXPECT_GT(notice.fence, 0);
    EXPECT_EQ(notice.uid, audited.session == a_ ? 1001u : 1002u);
    EXPECT_EQ(notice.pid, static_cast<int>(notice.uid) + 1);
    constexpr std::array kWords = {"granted", "unlocked", "closed", "lost"};
    std::string text = kWords.at(static_cast<std::size_t>(notice.what));
    constexpr std::array kReasons = {"", " at its deadline", " by max-hold", " by the drain",
                                     " by a break"};
    text += kReasons.at(static_cast<std::size_t>(notice.reason));
    return text + (audited.session == a_ ? " a" : " b");
  }
};

TEST_F(AuditTest, AHandOffIsAnEndAndAGrant) {
  const Fence fence = MustHold(a_).fence;
  ASSERT_EQ(audited_.size(), 1u);
  EXPECT_EQ(audited_[0].notice.fence, fence);
  Lock(b_);
  EXPECT_EQ(Heard(), "granted a") << "to wait is nothing";
  Unlock(a_);
  EXPECT_EQ(Heard(), "unlocked a, granted b");
  Close(b_);
  EXPECT_EQ(Heard(), "closed b");
}

TEST_F(AuditTest, TheEndsThatTheDaemonMakes) {
  MustHold(a_, {.max_hold = 1s});
  Pass(1s);
  EXPECT_EQ(Heard(), "granted a, lost by max-hold a");
  Do(BreakRequested{b_, 77, "x", MustHold(a_).fence});
  EXPECT_EQ(Heard(), "granted a, lost by a break a");
  Pass(4s);
  MustHold(b_);
  Do(SessionDropped{b_});
  EXPECT_EQ(Heard(), "granted b, closed b");
  Pass(4s);
  MustHold(a_);
  AllByHand();
  Pass(4s);
  EXPECT_EQ(Heard(), "granted a, lost at its deadline a");
}

TEST_F(AuditTest, TheDrainIsAnEnd) {
  MustHold(a_);
  Do(DrainRequested{now_ + 10ms});
  Pass(10ms);
  EXPECT_EQ(Heard(), "granted a, lost by the drain a");
}

TEST_F(AuditTest, OtherLocksAreNotReported) {
  MustHold(a_, {.name = "y"});
  Close(a_);
  EXPECT_EQ(Heard(), "");
}

TEST_F(AuditTest, AHoldHasBothOrNone) {
  engine_->Change(timing_, linger_, {}, {});
  MustHold(a_);
  engine_->Change(timing_, linger_, audit_, {});
  Unlock(a_);
  EXPECT_EQ(Heard(), "") << "it began before";
  MustHold(a_);
  engine_->Change(timing_, linger_, {}, {});
  Unlock(a_);
  EXPECT_EQ(Heard(), "granted a, unlocked a");
}

}  // namespace
}  // namespace redlockd::engine
