#include "daemon/engine/rule_quotas.h"

#include <gmock/gmock.h>

#include "tests/unit/engine/engine_fixture.h"

// What the names of a rule may take together (rule C19).
namespace redlockd::engine {
namespace {

using testing::HasSubstr;
using testing::Optional;

Quotas OfLocks(Quotas::ByPrefix locks) { return {.locks = std::move(locks)}; }

TEST(RuleQuotas, TheLongestPrefixCountsOfThoseThatHaveAQuotaOfThatKind) {
  RuleQuotas quotas({.locks = {{"a/", 1}, {"a/b/", 2}}, .waits = {{"a/b/c/", 1}}});
  quotas.Count("a/b/c/x", 1, 1);
  EXPECT_FALSE(quotas.WhyNoLock("a/x")) << "it is counted for a/b/ alone";
  EXPECT_FALSE(quotas.WhyNoLock("a/b/x"));
  quotas.Count("a/b/y", 1, 1);
  EXPECT_THAT(quotas.WhyNoLock("a/b/x"),
              Optional(HasSubstr("locks whose names begin with a/b/: 2 ")));
  EXPECT_THAT(quotas.WhyNoLock("a/b/c/y"),
              Optional(HasSubstr("locks whose names begin with a/b/: 2 ")));
  EXPECT_THAT(quotas.WhyNoWait("a/b/c/y"),
              Optional(HasSubstr("waits for locks whose names begin with a/b/c/: found 1,")));
  EXPECT_FALSE(quotas.WhyNoWait("a/b/x")) << "no rule says anything of its waits";
  EXPECT_FALSE(quotas.WhyNoLock("b"));
}

TEST(RuleQuotas, RefusalsAreCountedUntilTheirQuotaGoes) {
  RuleQuotas quotas(OfLocks({{"a", 1}, {"b", 1}}));
  quotas.Count("a", 1, 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(quotas.WhyNoLock("ax"));
  EXPECT_EQ(quotas.Views().at(0).refused, 3u);
  EXPECT_EQ(quotas.Views().at(1).refused, 0u);
  quotas.Change(OfLocks({{"a", 5}}));
  ASSERT_EQ(quotas.Views().size(), 1u);
  EXPECT_EQ(quotas.Views().at(0).most, 5u);
  EXPECT_EQ(quotas.Views().at(0).refused, 3u);
  quotas.Change({});
  EXPECT_TRUE(quotas.Views().empty());
  quotas.Change(OfLocks({{"a", 5}}));
  EXPECT_EQ(quotas.Views().at(0).refused, 0u);
}

TEST(RuleQuotasDeathTest, NoneIsLeftTwice) {
  RuleQuotas quotas(OfLocks({{"a", 1}}));
  quotas.Count("a", 1, 0);
  quotas.Count("a", -1, 0);
  EXPECT_DEATH(quotas.Count("a", -1, 0), "used > 0");
}

class QuotaTest : public EngineFixture {
 protected:
  void Make(Quotas quotas) {
    limits_.quotas = std::move(quotas);
    EngineFixture::Make(3, false, limits_);
    Start();
    a_ = Open(1);
    b_ = Open(2);
  }
  void Change(Quotas quotas) {
    limits_.quotas = std::move(quotas);
    engine_->Change(timing_, linger_, audit_, limits_);
  }
  void Free(SessionId session, const std::string& name) {
    Do(UnlockRequested{.session = session, .request = ++last_free_, .name = name});
  }
  std::size_t Used(QuotaKind kind = QuotaKind::kLocks) {
    for (const QuotaView& view : engine_->Quotas()) {
      if (view.kind == kind) return view.used;
    }
    ADD_FAILURE() << "there is no such quota";
    return 0;
  }

  Limits limits_;
  SessionId a_ = 0, b_ = 0;  // of two users

 private:
  RequestId last_free_ = 1'000'000;
};

TEST_F(QuotaTest, AllUsersShareIt) {
  Make(OfLocks({{"q/", 2}}));
  MustHold(a_, {.name = "q/1"});
  MustHold(b_, {.name = "q/2"});
  for (const SessionId session : {a_, b_}) {
    const auto refused = Lock(session, {.name = "q/3"});
    EXPECT_EQ(WhyFailed(refused), Failure::kLimit);
    EXPECT_THAT(FailureOf(refused)->text,
                HasSubstr("locks whose names begin with q/: 2 are held or waited for"));
    EXPECT_EQ(FailureOf(refused)->name, "q/3");
  }
  MustHold(a_, {.name = "p"});
  Free(b_, "q/2");
  MustHold(a_, {.name = "q/3"});
}

TEST_F(QuotaTest, AWaitCountsAsALock) {
  Make(OfLocks({{"", 2}}));
  MustHold(a_);
  const auto wait = Lock(b_);
  EXPECT_EQ(WhyFailed(Lock(a_, {.name = "y"})), Failure::kLimit);
  Unlock(a_);
  EXPECT_TRUE(GrantOf(wait));
  EXPECT_EQ(Used(), 1u);
  MustHold(a_, {.name = "y"});
}

TEST_F(QuotaTest, ARequestForSeveralCountsEachOfThem) {
  Make(OfLocks({{"q/", 2}, {"r/", 1}}));
  const auto refused = Lock(a_, {.name = "q/1", .also = {"p", "q/2", "q/3"}});
  EXPECT_EQ(WhyFailed(refused), Failure::kLimit);
  EXPECT_EQ(FailureOf(refused)->name, "q/3");
  EXPECT_EQ(Used(), 0u) << "nothing of it is left";
  EXPECT_TRUE(GrantOf(Lock(a_, {.name = "q/1", .also = {"q/2", "r/1"}})));
  EXPECT_EQ(WhyFailed(Lock(b_, {.name = "r/2"})), Failure::kLimit);
}

TEST_F(QuotaTest, ARequestForSeveralMayNotWaitEither) {
  Make({.waits = {{"q/", 1}}});
  MustHold(a_, {.name = "q/1"});
  Lock(b_, {.name = "q/1"});
  const auto refused = Lock(Open(3), {.name = "q/2", .also = {"q/1"}});
  EXPECT_EQ(WhyFailed(refused), Failure::kLimit);
}

// Else a user could have any number of locks taken, by one unlock after the other.
TEST_F(QuotaTest, ALockThatIsKeptCounts) {
  Make(OfLocks({{"", 1}}));
  MustHold(a_, {.min_hold = 2s});
  Unlock(a_);
  EXPECT_EQ(Used(), 1u);
  EXPECT_EQ(WhyFailed(Lock(a_, {.name = "y"})), Failure::kLimit);
  Pass(3s);
  EXPECT_EQ(Used(), 0u);
  MustHold(a_, {.name = "y"});
}

TEST_F(QuotaTest, NothingIsLeftOfASessionThatCloses) {
  Make({.locks = {{"", 9}}, .waits = {{"", 9}}});
  MustHold(a_);
  Lock(b_);
  MustHold(b_, {.name = "y"});
  EXPECT_EQ(Used(), 3u);
  EXPECT_EQ(Used(QuotaKind::kWaits), 1u);
  Do(SessionClosed{b_});
  EXPECT_EQ(Used(), 1u);
  EXPECT_EQ(Used(QuotaKind::kWaits), 0u);
  Do(SessionClosed{a_});
  EXPECT_EQ(Used(), 0u);
}

TEST_F(QuotaTest, NothingIsLeftOfWaitsThatEnd) {
  Make({.locks = {{"", 9}}, .waits = {{"", 9}}});
  MustHold(a_);
  Lock(b_, {.wait = 1s});
  Lock(b_, {.name = "x2", .wait = 0ns});
  EXPECT_EQ(Used(QuotaKind::kWaits), 1u);
  Pass(2s);
  EXPECT_EQ(Used(QuotaKind::kWaits), 0u);
  EXPECT_EQ(Used(), 2u);
}

// One line is full, and what is free can be taken all the same.
TEST_F(QuotaTest, WaitsAreRefusedAndFreeLocksAreNot) {
  Make({.locks = {}, .waits = {{"", 1}}});
  const SessionId c = Open(3);
  MustHold(a_);
  Lock(b_);
  const auto refused = Lock(c);
  EXPECT_EQ(WhyFailed(refused), Failure::kLimit);
  EXPECT_THAT(FailureOf(refused)->text,
              HasSubstr("quota of waits for locks of all names: found 1"));
  EXPECT_EQ(WhyFailed(Lock(c, {.wait = 0ns})), Failure::kBusy) << "it would not wait";
  MustHold(c, {.name = "y"});
  EXPECT_EQ(WhyFailed(Lock(b_, {.name = "y"})), Failure::kLimit);
  Unlock(a_);
  EXPECT_FALSE(Answered(Lock(c)));
}

TEST_F(QuotaTest, NewNames) {
  Make({.locks = {}, .waits = {}, .new_names = {{"n/", 1}}});
  std::size_t granted = 0;
  for (int i = 0; i < 100; ++i) {
    granted += GrantOf(Lock(i % 2 ? a_ : b_, {.name = "n/" + std::to_string(i)})) ? 1 : 0;
  }
  EXPECT_EQ(granted, 60u) << "those of a minute";
  EXPECT_EQ(engine_->Quotas().at(0).refused, 40u);
  EXPECT_THAT(FailureOf(Lock(a_, {.name = "n/x"}))->text,
              HasSubstr("quota of new names for locks whose names begin with n/"));
  MustHold(a_);
}

// As if it had been there from the beginning.
TEST_F(QuotaTest, AChangeCountsWhatIsInUse) {
  Make({});
  MustHold(a_);
  Lock(b_);
  MustHold(b_, {.name = "y", .min_hold = 2s});
  Free(b_, "y");
  Change({.locks = {{"", 3}, {"y", 9}}, .waits = {{"", 1}}});
  const auto views = engine_->Quotas();
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].used, 2u) << "x";
  EXPECT_EQ(views[1].used, 1u) << "y";
  EXPECT_EQ(views[2].used, 1u);
  EXPECT_EQ(WhyFailed(Lock(Open(3))), Failure::kLimit);
  Unlock(a_);
  Unlock(b_);
  Pass(3s);
  EXPECT_EQ(Used(), 0u);
  Change({});
  EXPECT_TRUE(engine_->Quotas().empty());
  MustHold(a_);
}

TEST_F(QuotaTest, ALowerQuotaTakesNothing) {
  Make(OfLocks({{"", 3}}));
  for (const char* name : {"x", "y", "z"}) MustHold(a_, {.name = name});
  Change(OfLocks({{"", 1}}));
  Pass(5s);
  EXPECT_EQ(Holds().size(), 3u);
  Free(a_, "x");
  Free(a_, "y");
  EXPECT_EQ(WhyFailed(Lock(a_)), Failure::kLimit);
  Free(a_, "z");
  MustHold(a_);
}

}  // namespace
}  // namespace redlockd::engine
