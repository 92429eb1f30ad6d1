#include "daemon/engine/fence_block.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Stamp kClock = 1'700'000'000'000'000;

TEST(FenceBlockTest, ProposesMoreThanItHasSeenAndNoLessThanTheClock) {
  FenceBlock fences;
  EXPECT_EQ(fences.Proposal(kClock), kClock);
  fences.Learn(kClock, kClock + 5, Timing());
  EXPECT_EQ(fences.Proposal(kClock), kClock + 6);
  EXPECT_EQ(fences.Proposal(0), kClock + 6) << "without a clock";
}

TEST(FenceBlockTest, DoesNotFollowAFenceThatIsFarAhead) {
  const Timing timing;
  const Fence window = timing.fence_window / 1us / 2;
  FenceBlock fences;
  fences.Learn(kClock, kClock + window + 1, timing);
  fences.Learn(0, 7, timing);
  EXPECT_EQ(fences.Proposal(kClock), kClock);
  fences.Learn(kClock, kClock + window, timing);
  EXPECT_EQ(fences.Proposal(kClock), kClock + window + 1);
}

TEST(FenceBlockTest, AsksForBlocksWithinTheWindowOnly) {
  const Timing timing;
  const Fence window = timing.fence_window / 1us / 2;
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock, timing), FenceBlock::kFull);
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock + window - FenceBlock::kFull + 1, timing),
            FenceBlock::kFull);
  EXPECT_EQ(FenceBlock::SizeFrom(kClock, kClock + window - FenceBlock::kFull + 2, timing), 1);
  EXPECT_EQ(FenceBlock::SizeFrom(0, kClock, timing), 1) << "without a clock";
}

TEST(FenceBlockTest, GivesOutEachFenceOnce) {
  FenceBlock fences;
  EXPECT_FALSE(fences.HasNext());
  fences.Begin(10, 2);
  EXPECT_EQ(fences.TakeNext(), 10);
  EXPECT_EQ(fences.TakeNext(), 11);
  EXPECT_FALSE(fences.HasNext());
  EXPECT_EQ(fences.Proposal(0), 12);
}

TEST(FenceBlockTest, IsExtendedByAMajorityThatAgrees) {
  FenceBlock fences;
  fences.Begin(10, 1);
  fences.Ask(3, 3, NodeSet(0b111), 4);
  EXPECT_TRUE(fences.IsAskedIn(3));
  EXPECT_FALSE(fences.IsAskedIn(2));
  EXPECT_EQ(fences.OnAnswer(Answered(0, Verdict::kOk, 11), true), FenceBlock::Outcome::kOpen);
  EXPECT_EQ(fences.OnAnswer(Answered(1, Verdict::kOk, 11), true), FenceBlock::Outcome::kExtended);
  for (const Fence fence : {10, 11, 12, 13, 14}) EXPECT_EQ(fences.TakeNext(), fence);
  EXPECT_FALSE(fences.HasNext());
}

TEST(FenceBlockTest, DropsWhatIsLeftWhereTheNextBlockDoesNotFollow) {  // rule B4
  FenceBlock fences;
  fences.Begin(10, 8);
  fences.Ask(3, 3, NodeSet(0b111), 2);
  fences.OnAnswer(Answered(0, Verdict::kOk, 30), true);
  fences.OnAnswer(Answered(1, Verdict::kOk, 30), true);
  EXPECT_EQ(fences.TakeNext(), 30);
}

TEST(FenceBlockTest, StaysAsItIsWhereNodesDoNotAgree) {
  FenceBlock fences;
  fences.Begin(10, 8);
  fences.Ask(3, 3, NodeSet(0b111), 2);
  fences.OnAnswer(Answered(0, Verdict::kOk, 30), true);
  EXPECT_EQ(fences.OnAnswer(Answered(1, Verdict::kOk, 31), true), FenceBlock::Outcome::kFailed);
  EXPECT_FALSE(fences.IsAsking());
  EXPECT_EQ(fences.TakeNext(), 10);
}

}  // namespace
}  // namespace redlockd::engine
