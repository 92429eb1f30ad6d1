#include "daemon/engine/session_table.h"

#include <gmock/gmock.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

namespace redlockd::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

constexpr SessionId kSession = 1;
constexpr SessionId kOwner = 2;
constexpr SessionId kOther = 3;  // another session of the same user

class SessionTableTest : public testing::Test {
 protected:
  SessionTableTest() {
    limits_.locks_per_session = 3;
    limits_.locks_per_uid = 5;
    sessions_.Open(kSession, 1000, 42);
    sessions_.Open(kOwner, 1000, 42, kSession);
    sessions_.Open(kOther, 1000, 43);
  }

  // Names that live as long as the test.
  const std::string& Name(const char* name) { return *names_.insert(name).first; }
  void Add(SessionId session, const char* name) { sessions_.Add(session, Name(name)); }

  Limits limits_;
  std::set<std::string> names_;
  RuleQuotas quotas_{limits_.quotas};
  SessionTable sessions_{limits_, quotas_};
};

TEST_F(SessionTableTest, AnOwnerHoldsANameBesideItsSession) {
  Add(kSession, "a");
  EXPECT_FALSE(sessions_.Uses(kOwner, "a"));
  Add(kOwner, "a");
  EXPECT_THAT(sessions_.Locks(kOwner), ElementsAre("a"));
  sessions_.Remove(kSession, "a");
  EXPECT_THAT(sessions_.Locks(kOwner), ElementsAre("a"));
  EXPECT_THAT(sessions_.Locks(kSession), IsEmpty());
}

TEST_F(SessionTableTest, TheLimitOfASessionIsForAllItsOwnersTogether) {
  Add(kSession, "a");
  Add(kOwner, "a");
  EXPECT_EQ(sessions_.AtLimit(kOwner), std::nullopt);
  Add(kOwner, "b");
  for (const SessionId session : {kSession, kOwner}) {
    EXPECT_THAT(sessions_.AtLimit(session), Optional(HasSubstr("holds or waits for 3 locks")));
  }
  EXPECT_EQ(sessions_.AtLimit(kOther), std::nullopt);
  sessions_.Remove(kOwner, "a");
  EXPECT_EQ(sessions_.AtLimit(kSession), std::nullopt);
}

TEST_F(SessionTableTest, ALockOfAnOwnerCountsOnceForTheUser) {
  Add(kOwner, "a");
  Add(kOwner, "b");
  Add(kOther, "a");
  Add(kOther, "b");
  EXPECT_EQ(sessions_.AtLimit(kOther), std::nullopt);
  Add(kSession, "a");
  EXPECT_THAT(sessions_.AtLimit(kOther), Optional(HasSubstr("uid 1000 holds or waits for 5")));
}

TEST_F(SessionTableTest, WhatASessionHasIsItsOwn) {
  const auto has = [this](SessionId session) {
    const SessionUse use = sessions_.UseOf(session);
    return std::pair(use.locks, use.losses);
  };
  EXPECT_EQ(has(kOwner), std::pair(false, false));
  EXPECT_EQ(has(99), std::pair(false, false)) << "there is no such session";
  Add(kOwner, "a");
  EXPECT_EQ(has(kOwner), std::pair(true, false));
  sessions_.Lose(kOwner, "a", {7, LossReason::kMaxHold});
  sessions_.Remove(kOwner, "a");
  EXPECT_EQ(has(kOwner), std::pair(false, true));
  EXPECT_EQ(has(kSession), std::pair(false, false));
  EXPECT_EQ(sessions_.TakeLoss(kSession, "a", std::nullopt), std::nullopt);
  EXPECT_TRUE(sessions_.TakeLoss(kOwner, "a", std::nullopt));
  EXPECT_EQ(has(kOwner), std::pair(false, false));
}

TEST_F(SessionTableTest, TheLossesOfASessionAndItsOwnersAreBoundedTogether) {
  for (Fence fence = 1; fence <= 10; ++fence) {
    sessions_.Lose(fence % 2 == 0 ? kSession : kOwner, "a", {fence, LossReason::kMaxHold});
  }
  for (Fence fence = 1; fence <= 7; ++fence) {
    for (const SessionId session : {kSession, kOwner}) {
      EXPECT_EQ(sessions_.TakeLoss(session, "a", fence), std::nullopt) << fence;
    }
  }
  EXPECT_EQ(sessions_.TakeLoss(kOwner, "a", std::nullopt)->fence, 9);
  sessions_.Close(kOwner);
  sessions_.Open(kOwner, 1000, 42, kSession);
  EXPECT_FALSE(sessions_.UseOf(kOwner).losses) << "they are forgotten with the owner";
  EXPECT_EQ(sessions_.TakeLoss(kSession, "a", std::nullopt)->fence, 10);
  EXPECT_EQ(sessions_.TakeLoss(kSession, "a", std::nullopt)->fence, 8);
}

TEST_F(SessionTableTest, QuotasAreToldOfAllLocks) {
  quotas_.Change({.locks = {{"", 100}}, .waits = {{"", 100}}, .new_names = {}});
  using Used = std::pair<std::size_t, std::size_t>;
  const auto used = [this] {
    const auto views = quotas_.Views();
    return Used(views.at(0).used, views.at(1).used);
  };
  Add(kSession, "a");
  Add(kOwner, "b");
  EXPECT_EQ(used(), Used(2, 2));
  sessions_.Granted(kSession, "a");
  EXPECT_EQ(used(), Used(2, 1));
  const SessionTable::Kept kept(sessions_, sessions_.UidOf(kSession), Name("a"));
  sessions_.Remove(kSession, "a");
  EXPECT_EQ(used(), Used(2, 1));
  sessions_.Remove(kOwner, "b");
  Add(kOther, "c");
  EXPECT_EQ(used(), Used(2, 1));
  quotas_.Change({.locks = {{"", 7}}, .waits = {{"", 7}}, .new_names = {}});
  EXPECT_EQ(used(), Used(0, 0));
  sessions_.CountForQuotas();
  EXPECT_EQ(used(), Used(2, 1));
}

TEST_F(SessionTableTest, AnOwnerIsClosedBeforeItsSession) {
  Add(kOwner, "a");
  EXPECT_DEATH(sessions_.Close(kSession), "all_locks");
  sessions_.Remove(kOwner, "a");
  sessions_.Close(kOwner);
  sessions_.Close(kSession);
  EXPECT_FALSE(sessions_.Has(kOwner));
  EXPECT_DEATH(sessions_.Open(4, 1000, 42, kSession), "contains\\(within\\)");
}

}  // namespace
}  // namespace redlockd::engine
