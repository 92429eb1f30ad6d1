#include "tests/sim/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class CheckerTest : public testing::Test {
 protected:
  void At(Moment moment) { timeline_.RunUntil(moment); }
  std::vector<Promise> Broken() const {
    std::vector<Promise> broken;
    for (const Violation& violation : checker_.violations()) broken.push_back(violation.promise);
    return broken;
  }

  Timeline timeline_;
  Checker checker_{timeline_};
};

TEST_F(CheckerTest, FindsNothingWrongWithOneAfterTheOther) {
  checker_.Granted("a", 1, 0, 100ms);
  checker_.Granted("b", 1, 1, 100ms);
  checker_.Extended("a", 1, 150ms);
  At(20ms);
  checker_.LetGo("a", 1);
  checker_.Granted("a", 2, 1, 120ms);
  At(120ms);
  checker_.Granted("a", 3, 0, 200ms);
  EXPECT_THAT(Broken(), IsEmpty());
  EXPECT_EQ(checker_.grants(), 4u);
}

TEST_F(CheckerTest, SeesTwoHolders) {
  checker_.Granted("a", 1, 0, 100ms);
  At(99ms);
  checker_.Granted("a", 2, 1, 200ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
  EXPECT_EQ(checker_.overlaps(), 1u);
  EXPECT_EQ(checker_.fenced_overlaps(), 1u);
}

TEST_F(CheckerTest, WhoHasNoFenceExcludesAndIsExcluded) {
  checker_.TakenPlainly("a", "plain-1", 100ms);
  At(10ms);
  checker_.LetGoPlainly("a", "plain-1");
  checker_.Granted("a", 1, 0, 100ms);
  EXPECT_THAT(Broken(), IsEmpty());
  checker_.TakenPlainly("a", "plain-2", 100ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
  checker_.LetGo("a", 1);
  checker_.Granted("a", 2, 1, 100ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion, Promise::kExclusion));
}

TEST_F(CheckerTest, CountsOnALaterDeadlineThatWasTold) {
  checker_.Granted("a", 1, 0, 100ms);
  checker_.Extended("a", 1, 200ms);
  At(150ms);
  checker_.Granted("a", 2, 1, 300ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
}

TEST_F(CheckerTest, SeesARenewalThatComesTooLate) {
  checker_.Granted("a", 1, 0, 100ms);
  At(100ms);
  checker_.Extended("a", 1, 200ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
}

TEST_F(CheckerTest, SeesAGrantOfWhatIsKept) {
  checker_.Granted("a", 1, 0, 100ms);
  checker_.LetGo("a", 1);
  checker_.Kept("a", 1, 0, 200ms);
  At(150ms);
  checker_.Granted("a", 2, 1, 300ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
  checker_.LetGo("a", 2);
  At(200ms);
  checker_.Granted("a", 3, 1, 300ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
  EXPECT_EQ(checker_.kept(), 1u);
}

TEST_F(CheckerTest, SeesAGrantThatIsOverAlready) {
  At(10ms);
  checker_.Granted("a", 1, 0, 10ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kExclusion));
}

TEST_F(CheckerTest, SeesAFenceThatShrinksAndOneGivenTwice) {
  checker_.Granted("a", 5, 0, 10ms);
  At(10ms);
  checker_.Granted("a", 4, 0, 20ms);
  EXPECT_EQ(checker_.fences_twice(), 0u);
  At(20ms);
  checker_.Granted("a", 5, 0, 30ms);
  EXPECT_EQ(checker_.fences_twice(), 1u);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kFences, Promise::kFences));
}

TEST_F(CheckerTest, SeesALossThatIsToldLate) {
  checker_.Granted("a", 1, 0, 100ms);
  checker_.Granted("b", 1, 0, 100ms);
  checker_.Granted("c", 1, 0, 100ms);
  At(99ms);
  checker_.Lost("a", 1, false);
  At(101ms);
  checker_.Lost("b", 1, true);
  EXPECT_THAT(Broken(), IsEmpty());
  checker_.Lost("c", 1, false);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kTold));
}

TEST_F(CheckerTest, SeesADeadlineThatMovesBack) {
  checker_.Granted("a", 1, 0, 100ms);
  checker_.Extended("a", 1, 90ms);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kTold));
}

TEST_F(CheckerTest, RefusesAStaleWriteOnceALaterHolderHasWritten) {
  checker_.Granted("a", 1, 0, 10ms);
  checker_.Wrote("a", 1);
  At(10ms);
  checker_.Granted("a", 2, 1, 20ms);
  checker_.Wrote("a", 1);
  EXPECT_EQ(checker_.stale_taken(), 1u);
  checker_.Wrote("a", 2);
  checker_.Wrote("a", 1);
  EXPECT_EQ(checker_.stale_refused(), 1u);
  EXPECT_THAT(Broken(), IsEmpty());
}

TEST_F(CheckerTest, SeesAHolderThatIsRefused) {
  checker_.Granted("a", 2, 0, 10ms);
  checker_.Wrote("a", 2);
  At(10ms);
  checker_.Granted("a", 1, 1, 20ms);
  checker_.Wrote("a", 1);
  EXPECT_THAT(Broken(), ElementsAre(Promise::kFences, Promise::kFences));
}

}  // namespace
}  // namespace redlockd::sim
