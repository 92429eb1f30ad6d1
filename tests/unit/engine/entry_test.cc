#include "daemon/engine/entry.h"

#include <gtest/gtest.h>

#include <string>

namespace redlockd::engine {
namespace {

TEST(EntryTest, FollowsFromTheStateAndFromWhoIsFirst) {
  using enum LockState;
  using enum Mode;
  struct Row {
    LockState state;
    Mode lease;
    Entry alone, sharing;
  };
  for (const Row& row : {
           Row{kIdle, kExclusive, Entry::kByNodes, Entry::kByNodes},
           Row{kIdle, kShared, Entry::kByNodes, Entry::kByNodes},
           Row{kWaiting, kExclusive, Entry::kByNodes, Entry::kByNodes},
           Row{kWaiting, kShared, Entry::kByNodes, Entry::kByNodes},
           Row{kAcquiring, kExclusive, Entry::kLater, Entry::kLater},
           Row{kAcquiring, kShared, Entry::kLater, Entry::kLater},
           Row{kHeld, kExclusive, Entry::kAfterHold, Entry::kAfterHold},
           Row{kHeld, kShared, Entry::kAfterHold, Entry::kBeside},
           Row{kHandOff, kExclusive, Entry::kByHandOff, Entry::kAfterRelease},
           Row{kHandOff, kShared, Entry::kAfterRelease, Entry::kByHandOff},
           Row{kLingering, kExclusive, Entry::kByHandOff, Entry::kAfterRelease},
           Row{kLingering, kShared, Entry::kAfterRelease, Entry::kByHandOff},
           Row{kLockDelay, kExclusive, Entry::kLater, Entry::kLater},
           Row{kLockDelay, kShared, Entry::kLater, Entry::kLater},
       }) {
    const std::string what = std::to_string(static_cast<int>(row.state)) +
                             (row.lease == kShared ? " shared" : " exclusive");
    EXPECT_EQ(EntryOf(row.state, Head::kAlone, row.lease), row.alone) << what;
    EXPECT_EQ(EntryOf(row.state, Head::kSharing, row.lease), row.sharing) << what;
    EXPECT_EQ(EntryOf(row.state, Head::kNobody, row.lease), Entry::kNobody) << what;
    EXPECT_EQ(EntryOf(row.state, Head::kSet, row.lease), Entry::kWithOthers) << what;
  }
}

}  // namespace
}  // namespace redlockd::engine
