#include "daemon/engine/wait_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/engine/agenda.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

class WaitQueueTest : public ::testing::Test {
 protected:
  ~WaitQueueTest() override {
    while (!queue_.empty()) queue_.TakeFirst();
    EXPECT_EQ(waits_, 0u);
  }
  // One more session, which begins to wait at that time.
  Waiter& Wait(std::optional<Duration> wait, Duration since = 0s) {
    const LockRequested request{.session = ++sessions_, .request = 1, .name = "x", .wait = wait};
    return queue_.Add(
        std::make_unique<Waiter>(waits_, agenda_, request, 1000, 3s, At(since), [](Time) {}));
  }
  // Who left, each with its reason.
  std::vector<std::pair<SessionId, Failure>> Fail(Duration now, FailedAttempt failed) {
    std::vector<std::pair<SessionId, Failure>> left;
    for (const auto& [waiter, failure] : queue_.OnAttemptFailed(At(now), failed, kPatience)) {
      left.emplace_back(waiter->session, failure);
    }
    return left;
  }

  using Left = std::vector<std::pair<SessionId, Failure>>;
  static constexpr Duration kPatience = 100ms;
  static constexpr FailedAttempt kHeld{
      .reached = true, .is_split = false, .asked = {}, .next = 50ms};
  Agenda agenda_;
  std::size_t waits_ = 0;
  SessionId sessions_ = 0;
  WaitQueue queue_;
};

TEST_F(WaitQueueTest, IsInOrderOfArrivalAndCountsTries) {
  Wait(1s);
  Wait(0s);
  Wait(std::nullopt);
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(queue_.tries(), 1u);
  EXPECT_EQ(queue_.First().session, 1u);
  EXPECT_EQ(queue_.FirstTry().session, 2u);
  EXPECT_EQ(queue_.TakeTries().size(), 1u);
  EXPECT_EQ(queue_.tries(), 0u);
  EXPECT_EQ(queue_.Take(SessionId{3})->session, 3u);
  EXPECT_EQ(queue_.Find(3), nullptr);
}

TEST_F(WaitQueueTest, AHolderEndsNoWaitButThatOfTriesInTime) {
  Wait(std::nullopt);
  Wait(0s);
  EXPECT_EQ(Fail(0s, kHeld), Left()) << "the next attempt is within the try's patience";
  EXPECT_EQ(Fail(50ms, kHeld), (Left{{2, Failure::kBusy}}));
}

TEST_F(WaitQueueTest, AHolderEndsTheFirstWaitThatIsInHaste) {
  Wait(1s).out_of_time = true;
  Wait(std::nullopt).input_ended = true;
  EXPECT_EQ(Fail(0s, kHeld), (Left{{1, Failure::kTimeout}})) << "the second is not asked for yet";
  EXPECT_EQ(Fail(0s, kHeld), (Left{{2, Failure::kCancelled}}));
}

TEST_F(WaitQueueTest, WithoutAQuorumThoseInHasteEnd) {
  Wait(1s);
  Wait(0s);
  EXPECT_EQ(Fail(0s, {.reached = false, .is_split = false, .asked = At(0s), .next = 1ms}),
            (Left{{2, Failure::kNoQuorum}}));
}

TEST_F(WaitQueueTest, ATryGoesOnWhileVotesAreSplitAndItsPatienceLasts) {  // rule E10
  Wait(0s);
  const auto split = [](Duration asked, Duration next) {
    return FailedAttempt{.reached = true, .is_split = true, .asked = At(asked), .next = next};
  };
  EXPECT_EQ(Fail(0s, split(0s, 1ms)), Left());
  for (int round = 0; round < 9; ++round) EXPECT_EQ(Fail(1s, split(99ms, 1ms)), Left()) << round;
  EXPECT_EQ(Fail(1s, split(99ms, 1ms)), Left()) << "it was asked in time";
  EXPECT_EQ(Fail(1s, split(100ms, 1ms)), (Left{{1, Failure::kBusy}}));
}

TEST_F(WaitQueueTest, TheImpatientAreThoseWhoWaitedLongWithoutAQuorum) {
  Wait(std::nullopt, 0s);
  Wait(std::nullopt, 2s);
  EXPECT_TRUE(queue_.TakeImpatient(At(5s), At(1s), 5s).empty());
  EXPECT_EQ(queue_.TakeImpatient(At(6s), At(1s), 5s).size(), 1u);
  EXPECT_EQ(queue_.First().session, 2u);
}

TEST_F(WaitQueueTest, DemandsWhatItsFirstWants) {
  EXPECT_EQ(queue_.demand(true).waiters, 0u);
  Wait(0s, 1s);
  Wait(std::nullopt, 2s).splits = 1;
  const Demand demand = queue_.demand(false);
  EXPECT_EQ(demand.waiters, 2u);
  EXPECT_EQ(demand.tries, 1u);
  EXPECT_TRUE(demand.first_is_try);
  EXPECT_TRUE(demand.first_in_haste);
  EXPECT_FALSE(demand.first_was_split);
  EXPECT_EQ(demand.first_try_since, At(1s));
}

}  // namespace
}  // namespace redlockd::engine
