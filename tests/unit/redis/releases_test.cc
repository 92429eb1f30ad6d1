// Releases of several locks in one call, against a scripted node and against a real one.
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

class ReleasesTest : public BatchesTest {
 protected:
  void Ask(std::uint64_t releases) {
    for (std::uint64_t i = 0; i < releases; ++i) NodesTest::Ask(Release(i), i);
  }
  using NodesTest::Ask;
};

TEST_F(ReleasesTest, OfOneTurnGoInOneCallAndEachHasItsOwnAnswer) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ScriptReply("ok", 0, 0, "onO"); };
  Ask(3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 3; }));
  EXPECT_THAT(Calls(), ElementsAre(3));
  EXPECT_THAT(fake_->heard.back(), ElementsAre("EVALSHA", Get(ScriptId::kRelease).sha, "9", "job0",
                                               "redlockd:queue:job0", "redlockd:wait:job0", "job1",
                                               "redlockd:queue:job1", "redlockd:wait:job1", "job2",
                                               "redlockd:queue:job2", "redlockd:wait:job2", kOwner,
                                               "0", kOwner, "0", kOwner, "0"));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2));
  EXPECT_EQ(answers_[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers_[1].verdict, Verdict::kNotOwner);
  EXPECT_EQ(answers_[2].verdict, Verdict::kOk);
}

TEST_F(ReleasesTest, GoBeforeWhatIsAskedLater) {
  AddFake();
  StartAndWaitUp();
  fake_->per_read.clear();
  Ask(Acquire("job0"), 9);
  Ask(2);
  Ask(Acquire("job0"), 2);
  Ask(Release(0), 3);
  Ask(engine::SuspectOp{}, 4);
  ASSERT_TRUE(Until([&] { return answers_.size() == 6; }));
  EXPECT_THAT(Calls(), ElementsAre(1, 2, 1, 1, 0));
  EXPECT_THAT(Subjects(), ElementsAre(9, 0, 1, 2, 3, 4));
  EXPECT_THAT(fake_->per_read, ElementsAre(5)) << "in one write";
}

TEST_F(ReleasesTest, OfEachLinkGoInACallOfTheirOwn) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  Ask(40);
  ASSERT_TRUE(Until([&] { return answers_.size() == 40; }));
  const auto calls = Calls();
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_EQ(calls[0] + calls[1], 40u);
}

TEST_F(ReleasesTest, OfOtherNodesGoInAnotherCall) {
  AddFake();
  AddNode("/nonexistent/redis.sock");
  Start();
  ASSERT_TRUE(Until([&] { return !ups_.empty() && !downs_.empty(); }));
  Ask(2);
  nodes_->Ask({engine::NodeSet().set(0), Ticket{Ticket::Kind::kQuery, 0, 2, {}}, Release(2)});
  ASSERT_TRUE(Until([&] { return answers_.size() == 3; }));
  EXPECT_THAT(Calls(), ElementsAre(2, 1));
  EXPECT_EQ(Gone(), 2u) << "of the other node, which was not asked for the third";
}

// The answers of one call may lead to more of them.
TEST_F(ReleasesTest, MayLeadToOthersWhileTheyAreAnswered) {
  AddFake();
  StartAndWaitUp();
  on_event_ = [&](const engine::Event& event) {
    const auto* batch = std::get_if<engine::NodeAnswers>(&event);
    if (batch == nullptr) return;
    for (const NodeAnswer& answer : batch->answers) {
      if (answer.ticket.subject >= 10) return;
      Ask(Release(answer.ticket.subject), answer.ticket.subject + 10);
      if (answer.ticket.subject == 1) Ask(Acquire("job1"), 20);
    }
  };
  Ask(3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 7; }));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2, 10, 11, 12, 20));
  EXPECT_THAT(Calls(), ElementsAre(3, 3, 1));
}

TEST_F(ReleasesTest, TakeTheKeysOfARealNodeAndOnlyTheirOwn) {
  test::RedisNode server;
  AddNode(server.SocketPath());
  StartAndWaitUp();
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  for (std::uint64_t i = 0; i < 3; ++i) Answer(Acquire(Name(i)));
  server.Command({"SET", "job1", "another's"});
  answers_.clear();
  Ask(3);
  Ask(Acquire("job2"), 3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 4; }));
  EXPECT_EQ(answers_[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers_[1].verdict, Verdict::kNotOwner);
  EXPECT_EQ(answers_[2].verdict, Verdict::kOk);
  EXPECT_EQ(answers_[3].verdict, Verdict::kOk);
  EXPECT_EQ(server.Command({"EXISTS", "job0"}), "0");
  EXPECT_EQ(server.Command({"GET", "job1"}), "another's");
  EXPECT_EQ(server.Command({"GET", "job2"}), kOwner) << "taken again after its release";
}

}  // namespace
}  // namespace redlockd::redis
