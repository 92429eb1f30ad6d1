#include "daemon/engine/lock_state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace redlockd::engine {
namespace {

TEST(LockStateTest, HasTheseEdgesAndNoOthers) {
  using enum LockState;
  const std::set<std::pair<LockState, LockState>> edges = {
      {kIdle, kWaiting},      {kWaiting, kIdle},      {kWaiting, kAcquiring},
      {kAcquiring, kWaiting}, {kAcquiring, kIdle},    {kAcquiring, kHeld},
      {kHeld, kHandOff},      {kHeld, kLockDelay},    {kHandOff, kHeld},
      {kHandOff, kLingering}, {kHandOff, kWaiting},   {kHandOff, kIdle},
      {kLingering, kHeld},    {kLingering, kHandOff}, {kLingering, kWaiting},
      {kLingering, kIdle},    {kLockDelay, kWaiting}, {kLockDelay, kIdle},
  };
  const auto all = {kIdle, kWaiting, kAcquiring, kHeld, kHandOff, kLingering, kLockDelay};
  for (const LockState from : all) {
    for (const LockState to : all) {
      EXPECT_EQ(MayFollow(from, to), edges.contains({from, to}))
          << static_cast<int>(from) << " to " << static_cast<int>(to);
    }
  }
}

}  // namespace
}  // namespace redlockd::engine
