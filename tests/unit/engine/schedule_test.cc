#include "daemon/engine/schedule.h"

#include <gtest/gtest.h>

#include <optional>

#include "daemon/engine/agenda.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class ScheduleTest : public ::testing::Test, Schedule::Observer {
 protected:
  Agenda agenda_;
  Schedule schedule_{agenda_, *this};
  unsigned rung_ = 0;

 private:
  void OnLeaseDue(Time) override { ++rung_; }
};

TEST_F(ScheduleTest, WarnsEndsAndRenewsInThatOrder) {
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s, true);
  schedule_.RenewAt(At(1s));
  EXPECT_EQ(agenda_.Next(), At(1s));
  EXPECT_EQ(schedule_.TakeDue(At(1s)), Schedule::Due::kRenewal);
  EXPECT_EQ(schedule_.TakeDue(At(1s)), std::nullopt);
  schedule_.RenewAt(At(3s));
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kWarning);
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kEnd);
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kRenewal);
}

TEST_F(ScheduleTest, AnnouncesALossALittleBeforeItHappens) {
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s, true);
  EXPECT_EQ(schedule_.TakeDue(At(1499ms)), std::nullopt);
  EXPECT_EQ(schedule_.TakeDue(At(1500ms)), Schedule::Due::kWarning) << "half of the ttl is left";
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 10ms - 1ns), std::nullopt);
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 10ms), Schedule::Due::kEnd);
}

TEST_F(ScheduleTest, DoesNotWarnOfAnEndThatWasAskedFor) {
  schedule_.OnHoldEnd(At(0s), At(2s), At(3s), 3s, false);
  EXPECT_EQ(schedule_.TakeDue(At(2s)), Schedule::Due::kEnd);
}

TEST_F(ScheduleTest, AKeptOneEndsAtTheLatestDeadlineThatWasAnnounced) {  // rule C9
  schedule_.ForgetAnnounced();
  schedule_.OnHoldEnd(At(0s), At(3s), At(3s), 3s, true);
  schedule_.OnHoldEnd(At(0s), At(2s), At(2s), 3s, true);
  schedule_.RenewAt(At(1s));
  EXPECT_EQ(schedule_.kept_until(), Time());
  schedule_.Keep(schedule_.announced());
  EXPECT_EQ(schedule_.kept_until(), At(3s));
  schedule_.EndAt(schedule_.kept_until());
  EXPECT_EQ(schedule_.TakeDue(At(3s) - 1ns), std::nullopt) << "it neither warns nor renews";
  EXPECT_EQ(schedule_.TakeDue(At(3s)), Schedule::Due::kEnd);
}

}  // namespace
}  // namespace redlockd::engine
