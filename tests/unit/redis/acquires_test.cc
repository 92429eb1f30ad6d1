// Acquires of several locks in one call, against a scripted node (rule C16).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/redis/scripts.h"
#include "tests/unit/redis/batches_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class AcquiresTest : public BatchesTest {
 protected:
  void Ask(std::uint64_t acquires) {
    for (std::uint64_t i = 0; i < acquires; ++i) NodesTest::Ask(Acquire(Name(i)), i);
  }
  using NodesTest::Ask;
};

TEST_F(AcquiresTest, OfOneTurnGoInOneCallAndEachHasItsOwnAnswer) {
  AddFake();
  StartAndWaitUp();
  Ask(3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 3; }));
  EXPECT_THAT(Calls(), ElementsAre(3));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2));
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers_[i].verdict, Verdict::kOk);
    EXPECT_EQ(answers_[i].fence, static_cast<engine::Fence>(i));
  }
}

TEST_F(AcquiresTest, OneHasAReplyAsAnyScripts) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ScriptReply("busy", 7, 1500, "o:9:h"); };
  Ask(1);
  ASSERT_TRUE(Until([&] { return answers_.size() == 1; }));
  EXPECT_EQ(answers_[0].verdict, Verdict::kBusy);
  EXPECT_EQ(answers_[0].text, "o:9:h");
}

TEST_F(AcquiresTest, GoAfterTheRenewalsAndTheReleasesOfTheirTurn) {
  AddFake();
  StartAndWaitUp();
  fake_->per_read.clear();
  Ask(2);
  Ask(Release(7), 7);
  Ask(Renewal(8), 8);
  Ask(Release(9), 9);
  ASSERT_TRUE(Until([&] { return answers_.size() == 5; }));
  EXPECT_THAT(Subjects(), ElementsAre(8, 7, 9, 0, 1));
  EXPECT_THAT(Calls(), ElementsAre(1, 2, 2));
  EXPECT_THAT(fake_->per_read, ElementsAre(3)) << "in one write";
}

TEST_F(AcquiresTest, OfOneLockKeepTheirOrderWithAllElseOfIt) {
  AddFake();
  StartAndWaitUp();
  Ask(Acquire("job0"), 0);
  Ask(Acquire("job1"), 1);
  Ask(Release(0), 2);       // of what was asked for just now
  Ask(Acquire("job0"), 3);  // by the next attempt
  Ask(Acquire("job0"), 4);
  Ask(engine::ConfirmOp{"job0", kOwner, 1}, 5);
  ASSERT_TRUE(Until([&] { return answers_.size() == 6; }));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Calls(), ElementsAre(2, 1, 1, 1, 0));
}

TEST_F(AcquiresTest, OfOtherNodesGoInAnotherCall) {
  AddFake();
  AddNode("/nonexistent/redis.sock");
  Start();
  ASSERT_TRUE(Until([&] { return !ups_.empty() && !downs_.empty(); }));
  Ask(Acquire("job0"), 0);
  Ask(Acquire("job1"), 1);
  nodes_->Ask({engine::NodeSet(0b01), Ticket{Ticket::Kind::kHeal, 0, 2, {}}, Acquire("job2")});
  ASSERT_TRUE(Until([&] { return answers_.size() == 3; }));
  EXPECT_THAT(Calls(), ElementsAre(2, 1));
  EXPECT_EQ(Gone(), 2u) << "of the other node, which was not asked for the last";
}

TEST_F(AcquiresTest, OfEachLinkGoInACallOfTheirOwn) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  Ask(20);
  ASSERT_TRUE(Until([&] { return answers_.size() == 20; }));
  const auto calls = Calls();
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_EQ(calls[0] + calls[1], 20u);
}

}  // namespace
}  // namespace redlockd::redis
