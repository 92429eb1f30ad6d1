#include "daemon/engine/entry.h"

#include <gtest/gtest.h>

namespace redlockd::engine {
namespace {

TEST(EntryTest, FollowsFromTheStateAndFromWhoIsFirst) {
  using enum LockState;
  struct Row {
    LockState state;
    Entry of_session;
  };
  for (const Row& row : {
           Row{kIdle, Entry::kByNodes},
           Row{kWaiting, Entry::kByNodes},
           Row{kAcquiring, Entry::kLater},
           Row{kHeld, Entry::kAfterHold},
           Row{kHandOff, Entry::kByHandOff},
           Row{kLingering, Entry::kByHandOff},
           Row{kLockDelay, Entry::kLater},
       }) {
    const int state = static_cast<int>(row.state);
    EXPECT_EQ(EntryOf(row.state, Head::kSession), row.of_session) << state;
    EXPECT_EQ(EntryOf(row.state, Head::kNobody), Entry::kNobody) << state;
    EXPECT_EQ(EntryOf(row.state, Head::kSet), Entry::kWithOthers) << state;
  }
}

}  // namespace
}  // namespace redlockd::engine
