// What is true of acquires, renewals and releases alike, as all of them go to a node in batches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/redis/batches_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

enum class Kind { kAcquires, kRenewals, kReleases };

class EachBatch : public BatchesTest, public ::testing::WithParamInterface<Kind> {
 protected:
  void Ask(std::uint64_t locks) {
    for (std::uint64_t i = 0; i < locks; ++i) {
      if (GetParam() == Kind::kAcquires) NodesTest::Ask(Acquire(Name(i)), i);
      if (GetParam() == Kind::kRenewals) NodesTest::Ask(Renewal(i), i);
      if (GetParam() == Kind::kReleases) NodesTest::Ask(Release(i), i);
    }
  }
};

TEST_P(EachBatch, AreOfAsManyLocksACallAsOneMayHave) {
  const std::size_t most = GetParam() == Kind::kAcquires ? 16 : 64;
  const std::size_t all = 2 * most + 6;
  AddFake();
  StartAndWaitUp();
  fake_->per_read.clear();
  Ask(all);
  ASSERT_TRUE(Until([&] { return answers_.size() == all; }));
  EXPECT_THAT(Calls(), ElementsAre(most, most, 6));
  EXPECT_THAT(fake_->per_read, ElementsAre(3)) << "in one write";
  for (std::uint64_t i = 0; i < all; ++i) EXPECT_EQ(answers_[i].ticket.subject, i);
}

TEST_P(EachBatch, OfALaterTurnGoByThemselves) {
  AddFake();
  StartAndWaitUp();
  Ask(1);
  ASSERT_TRUE(Heard(1)) << "it waits for no other";
  Ask(1);
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  EXPECT_THAT(Calls(), ElementsAre(1, 1));
}

TEST_P(EachBatch, OfALinkThatIsNotReadyAreGoneEach) {
  AddFake();
  Start();
  Ask(3);
  EXPECT_THAT(silences_, IsEmpty());
  ASSERT_TRUE(Until([&] { return !silences_.empty(); }));
  EXPECT_EQ(Gone(), 3u);
  for (const NodeSilence& silence : silences_) EXPECT_TRUE(silence.unasked);
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2));
  EXPECT_THAT(Calls(), IsEmpty());
}

TEST_P(EachBatch, OfALostLinkAreGoneEach) {
  AddFake();
  StartAndWaitUp();
  SayNothing();
  Ask(3);
  ASSERT_TRUE(Heard(1));
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return !silences_.empty(); }));
  EXPECT_EQ(Gone(), 3u);
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2));
}

TEST_P(EachBatch, PastTheCommandTimeoutAreToldEachAndTheAnswersMayStillCome) {
  AddFake().command_timeout = 10ms;
  StartAndWaitUp();
  SayNothing();
  Ask(2);
  ASSERT_TRUE(Until([&] { return silences_.size() == 2; }));
  EXPECT_EQ(TimedOut(), 2u);
  fake_->Say(GetParam() == Kind::kAcquires ? RowsReply(2) : ScriptReply("ok", 0, 0, "oo"));
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  for (const NodeAnswer& answer : answers_) EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_THAT(silences_, SizeIs(2)) << "once each";
}

TEST_P(EachBatch, ThatTheNodeRefusesAreErrorsEach) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return "-NOPERM no permissions\r\n"; };
  Ask(2);
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  for (const NodeAnswer& answer : answers_) {
    EXPECT_EQ(answer.verdict, Verdict::kError);
    EXPECT_EQ(answer.text, "NOPERM no permissions");
  }
}

INSTANTIATE_TEST_SUITE_P(Of, EachBatch,
                         ::testing::Values(Kind::kAcquires, Kind::kRenewals, Kind::kReleases),
                         [](const auto& kind) {
                           switch (kind.param) {
                             case Kind::kAcquires:
                               return "Acquires";
                             case Kind::kRenewals:
                               return "Renewals";
                             case Kind::kReleases:
                               break;
                           }
                           return "Releases";
                         });

}  // namespace
}  // namespace redlockd::redis
