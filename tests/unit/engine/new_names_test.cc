#include "daemon/engine/new_names.h"

#include <gmock/gmock.h>

#include "tests/unit/engine/engine_fixture.h"

// How many names a user can make the nodes remember (rule C14).
namespace redlockd::engine {
namespace {

class NewNamesTest : public testing::Test {
 protected:
  bool Admit(const std::string& name, std::uint32_t uid = 1) {
    return !names_.Admit(now_, uid, name);
  }
  // How many of so many names that nobody knows yet.
  std::size_t AdmitMany(std::size_t count, std::uint32_t uid = 1) {
    std::size_t admitted = 0;
    for (std::size_t i = 0; i < count; ++i) admitted += Admit(std::to_string(++last_), uid);
    return admitted;
  }
  SeededRandom random_{1};
  Time now_{1000s};
  std::size_t last_ = 0;
  Limits limits_{.new_names_per_uid = 10};
  RuleQuotas quotas_{{.locks = {}, .waits = {}, .new_names = {{"slow/", 1}}}};
  NewNames names_{limits_, quotas_, 10min, random_};
};

TEST_F(NewNamesTest, AUserMayAskForThoseOfAMinuteAtOnce) {
  EXPECT_EQ(AdmitMany(1000), 600u);
  EXPECT_EQ(AdmitMany(5, 2), 5u) << "others have a count of their own";
  EXPECT_EQ(names_.count(), 605u);
}

TEST_F(NewNamesTest, AndForSoManyASecondFromThenOn) {
  AdmitMany(1000);
  now_ += 1s;
  EXPECT_EQ(AdmitMany(1000), 10u);
  now_ += 1h;
  EXPECT_EQ(AdmitMany(1000), 600u) << "no more is saved up";
}

TEST_F(NewNamesTest, WhatWasAskedForLatelyIsNotNew) {
  EXPECT_TRUE(Admit("x"));
  AdmitMany(1000);
  EXPECT_FALSE(Admit("y"));
  EXPECT_TRUE(Admit("x"));
  EXPECT_TRUE(Admit("x", 2));
  EXPECT_FALSE(Admit("y")) << "what was refused is not known";
}

// Else a user could keep all that it ever asked for, and add to it without an end.
TEST_F(NewNamesTest, AfterFenceLifeItIsNewAgain) {
  EXPECT_TRUE(Admit("x"));
  now_ += 10min;
  EXPECT_TRUE(Admit("x"));
  EXPECT_EQ(names_.count(), 2u);
}

TEST_F(NewNamesTest, HardlyAnyNewNameIsTakenForAnOldOne) {
  limits_.new_names_per_uid = 1000;
  NewNames names(limits_, quotas_, 10min, random_);
  std::size_t admitted = 0;
  for (int i = 0; i < 60'000; ++i) admitted += !names.Admit(now_, 1, std::to_string(i));
  EXPECT_EQ(admitted, 60'000u);
  EXPECT_GE(names.count(), 59'900u);
}

TEST_F(NewNamesTest, WhenTheFilterIsFullAGenerationEnds) {
  EXPECT_TRUE(Admit("x"));
  for (std::uint32_t uid = 2; uid < 20; ++uid) AdmitMany(600, uid);
  const std::uint64_t before = names_.count();
  EXPECT_TRUE(Admit("x"));
  EXPECT_EQ(names_.count(), before + 1);
}

TEST_F(NewNamesTest, AnotherLimitCountsAtOnce) {
  AdmitMany(1000);
  limits_.new_names_per_uid = 100;
  now_ += 1s;
  EXPECT_EQ(AdmitMany(1000), 100u);
  limits_.new_names_per_uid = 1;
  now_ += 1s;
  EXPECT_EQ(AdmitMany(1000), 1u);
}

// A filter for the old limit would be full, and forget what was asked for lately, again and again.
TEST_F(NewNamesTest, TheNextGenerationHasRoomForAGreaterLimit) {
  AdmitMany(1);
  limits_.new_names_per_uid = 1000;
  now_ += 10min;
  EXPECT_TRUE(Admit("x"));
  EXPECT_EQ(AdmitMany(20'000), 20'000u);
  const std::uint64_t before = names_.count();
  EXPECT_TRUE(Admit("x"));
  EXPECT_EQ(names_.count(), before) << "it is known still";
}

TEST_F(NewNamesTest, AllUsersShareTheQuotaOfARule) {
  std::size_t admitted = 0;
  for (int i = 0; i < 100; ++i) {
    admitted += Admit("slow/" + std::to_string(i), static_cast<std::uint32_t>(i % 4)) ? 1 : 0;
  }
  EXPECT_EQ(admitted, 60u) << "those of a minute";
  EXPECT_TRUE(Admit("slow/0")) << "it is not new";
  EXPECT_TRUE(Admit("fast"));
  now_ += 1s;
  EXPECT_TRUE(Admit("slow/x"));
  EXPECT_THAT(names_.Admit(now_, 1, "slow/y"),
              testing::Optional(
                  testing::HasSubstr("quota of new names for locks whose names begin with slow/")));
}

TEST_F(NewNamesTest, WhatARuleRefusesIsNotTakenFromTheUser) {
  for (int i = 0; i < 1000; ++i) Admit("slow/" + std::to_string(i));
  EXPECT_EQ(AdmitMany(1000), 540u);
  EXPECT_FALSE(Admit("slow/x"));
}

TEST_F(NewNamesTest, WhatAUserMayNotIsNotTakenFromTheRule) {
  AdmitMany(1000, 2);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(Admit("slow/" + std::to_string(i), 2));
  EXPECT_TRUE(Admit("slow/x"));
}

class NewNamesOfEngine : public EngineFixture {};

TEST_F(NewNamesOfEngine, TooManyAreRefused) {
  Make(3, false, {.locks_per_session = 100, .locks_per_uid = 100, .new_names_per_uid = 1});
  Start();
  const SessionId a = Open(1), b = Open(2);
  for (int i = 0; i < 60; ++i) MustHold(a, {.name = "old-" + std::to_string(i)});
  const auto over = Lock(a, {.name = "new"});
  EXPECT_EQ(WhyFailed(over), Failure::kLimit);
  EXPECT_THAT(FailureOf(over)->text, testing::HasSubstr("uid 1 asks for too many new names"));
  MustHold(b, {.name = "new"});
  EXPECT_EQ(engine_->counters().new_names, 61u);
  Pass(1s);
  MustHold(a, {.name = "newer"});
}

}  // namespace
}  // namespace redlockd::engine
