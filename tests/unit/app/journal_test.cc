// How much the log says of what anyone who may connect can cause.
#include "daemon/app/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace redlockd::app {
namespace {

using testing::HasSubstr;

constexpr engine::SessionId kStranger{7};

class JournalTest : public testing::Test {
 protected:
  // What the log has got since the last call.
  static std::string Written() {
    std::string written = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return written;
  }

  JournalTest() { testing::internal::CaptureStderr(); }
  ~JournalTest() override { testing::internal::GetCapturedStderr(); }

  const session::Peer peer_{.pid = 42,
                            .uid = 1000,
                            .groups = {},
                            .command = "cron",
                            .process = redlock::base::Descriptor()};
  Journal journal_{{"node 1"}, 1, [this](engine::SessionId) { return &peer_; }};
};

TEST_F(JournalTest, ADenialIsALineAndThoseOfTheMinuteAfterItAreCounted) {
  journal_.OnDenied(kStranger, "break", "a");
  EXPECT_THAT(
      Written(),
      HasSubstr("break a refused to uid 1000, pid 42 (cron), who is not allowed to do that\n"));
  for (int i = 0; i < 3; ++i) journal_.OnDenied(kStranger, "reload", "");
  for (int i = 1; i < Journal::kSecondsOfDenials; ++i) journal_.Tick();
  EXPECT_EQ(Written(), "");
  journal_.Tick();
  EXPECT_THAT(Written(),
              HasSubstr("and 3 more requests were refused within a minute, as their users are not "
                        "allowed to do that\n"));
}

TEST_F(JournalTest, AfterAMinuteADenialIsALineAgain) {
  journal_.OnDenied(kStranger, "break", "a");
  for (int i = 0; i < Journal::kSecondsOfDenials; ++i) journal_.Tick();
  EXPECT_THAT(Written(), testing::Not(HasSubstr("more requests")));
  journal_.OnDenied(kStranger, "adopt", "");
  EXPECT_THAT(Written(), HasSubstr("adopt refused to "));
}

}  // namespace
}  // namespace redlockd::app
