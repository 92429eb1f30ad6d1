// The lines of audited locks, and how many there may be.
#include "daemon/app/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace redlockd::app {
namespace {

using engine::LossReason;
using testing::HasSubstr;
using What = engine::WatchNotice::What;

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() { testing::internal::CaptureStderr(); }
  ~AuditLogTest() override { testing::internal::GetCapturedStderr(); }

  // What the log has got since the last call.
  static std::string Written() {
    std::string written = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return written;
  }
  static auto Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

  void Happens(What what, LossReason reason = LossReason::kNone, const std::string& lock = "a") {
    log_.OnHold(
        {.session = 7,
         .notice = {
             .what = what, .name = lock, .fence = 9, .pid = 42, .uid = 1000, .reason = reason}});
  }

  const session::Peer peer_{.pid = 42,
                            .uid = 1000,
                            .groups = {},
                            .command = "cron",
                            .process = redlock::base::Descriptor()};
  bool is_gone_ = false;
  AuditLog log_{[this](engine::SessionId) { return is_gone_ ? nullptr : &peer_; }};
};

TEST_F(AuditLogTest, AGrantAndAnEndAreALineEach) {
  Happens(What::kGranted);
  EXPECT_THAT(Written(),
              HasSubstr("info: audit: lock a (fence 9) granted to uid 1000, pid 42 (cron)\n"));
  Happens(What::kUnlocked);
  EXPECT_THAT(Written(),
              HasSubstr("audit: lock a (fence 9) of uid 1000, pid 42 (cron) ended: unlock\n"));
}

TEST_F(AuditLogTest, AnEndSaysWhy) {
  Happens(What::kClosed);
  EXPECT_THAT(Written(), HasSubstr(" ended: closed\n"));
  for (const auto& [reason, word] : {std::pair(LossReason::kDeadline, "expired"),
                                     {LossReason::kMaxHold, "max-hold"},
                                     {LossReason::kDraining, "drain"},
                                     {LossReason::kBroken, "broken"}}) {
    Happens(What::kLost, reason);
    EXPECT_THAT(Written(), HasSubstr(" ended: " + std::string(word) + "\n"));
  }
}

TEST_F(AuditLogTest, AnEndNamesAClientThatIsGone) {
  Happens(What::kGranted);
  Written();
  is_gone_ = true;
  Happens(What::kClosed);
  EXPECT_THAT(Written(), HasSubstr("of uid 1000, pid 42 (cron) ended: closed\n"));
}

TEST_F(AuditLogTest, WhatIsBeyondTheBoundIsCounted) {
  constexpr std::size_t kHolds = AuditLog::kLinesASecond;
  for (std::size_t i = 0; i < kHolds; ++i) {
    Happens(What::kGranted);
    Happens(What::kUnlocked);
  }
  EXPECT_EQ(Lines(Written()), AuditLog::kLinesASecond);
  log_.Tick();
  EXPECT_THAT(Written(), HasSubstr("audit: 200 more grants and ends of holds within a second "
                                   "have no line\n"));
  log_.Tick();
  EXPECT_EQ(Written(), "");
  Happens(What::kGranted);
  EXPECT_EQ(Lines(Written()), 1);
}

// A daemon that stops ends all holds at once.
TEST_F(AuditLogTest, AtTheEndTheCountIsWrittenToo) {
  constexpr std::size_t kMore = 3;
  for (std::size_t i = 0; i < AuditLog::kLinesASecond + kMore; ++i) {
    Happens(What::kLost, LossReason::kDraining, "l" + std::to_string(i));
  }
  Written();
  log_.Flush();
  EXPECT_THAT(Written(), HasSubstr("audit: 3 more grants and ends "));
  log_.Tick();
  EXPECT_EQ(Written(), "") << "once";
}

}  // namespace
}  // namespace redlockd::app
