// Renewals of several leases in one call, against a scripted node and against a real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/redis/scripts.h"
#include "tests/unit/redis/batches_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RenewalsTest : public BatchesTest {
 protected:
  void Ask(std::uint64_t renewals) {
    for (std::uint64_t i = 0; i < renewals; ++i) NodesTest::Ask(Renewal(i), i);
  }
  using NodesTest::Ask;

  void AskFirstNode(std::uint64_t number) {
    nodes_->Ask(
        {engine::NodeSet().set(0), Ticket{Ticket::Kind::kRenew, 0, number, {}}, Renewal(number)});
  }
  // One node that answers, and one that is never there.
  void StartWithOneOfTwo() {
    AddFake();
    AddNode("/nonexistent/redis.sock");
    Start();
    ASSERT_TRUE(Until([&] { return !ups_.empty() && !downs_.empty(); }));
  }
  // The scripts that the node was asked to run, in their order.
  std::vector<std::string> Scripts() const {
    std::vector<std::string> names;
    for (const auto& argv : fake_->heard) {
      if (argv[0] != "EVALSHA") continue;
      for (const Script& script : AllScripts()) {
        if (script.sha == argv[1]) names.emplace_back(script.name);
      }
    }
    return names;
  }
};

TEST_F(RenewalsTest, OfOneTurnGoInOneCallAndEachHasItsOwnAnswer) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ScriptReply("ok", 0, 0, "oOn"); };
  Ask(3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 3; }));
  EXPECT_THAT(Calls(), ElementsAre(3));
  EXPECT_THAT(
      fake_->heard.back(),
      ElementsAre("EVALSHA", Get(ScriptId::kRenew).sha, "13", "redlockd:node", "job0",
                  "redlockd:fence:job0", "redlockd:queue:job0", "redlockd:wait:job0", "job1",
                  "redlockd:fence:job1", "redlockd:queue:job1", "redlockd:wait:job1", "job2",
                  "redlockd:fence:job2", "redlockd:queue:job2", "redlockd:wait:job2", "run-1",
                  "3000000", "2000000", "500000", "20000", kOwner, "2000", kOwner, "2000", kOwner,
                  "2000"));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2));
  EXPECT_EQ(answers_[0].verdict, Verdict::kOk);
  EXPECT_FALSE(answers_[0].wanted);
  EXPECT_EQ(answers_[1].verdict, Verdict::kOk);
  EXPECT_TRUE(answers_[1].wanted);
  EXPECT_EQ(answers_[2].verdict, Verdict::kNotOwner);
  EXPECT_FALSE(answers_[2].wanted);
}

TEST_F(RenewalsTest, OfTheSameNodesGoInOneCallWhateverIsAskedInBetween) {
  StartWithOneOfTwo();
  for (std::uint64_t i = 0; i < 3; ++i) {
    Ask(Renewal(i), i);
    AskFirstNode(10 + i);
  }
  ASSERT_TRUE(Until([&] { return answers_.size() == 6; }));
  EXPECT_THAT(Calls(), ElementsAre(3, 3));
  std::vector<std::uint64_t> answered;
  for (const NodeAnswer& answer : answers_) answered.push_back(answer.ticket.subject);
  EXPECT_THAT(answered, ElementsAre(10, 11, 12, 0, 1, 2));
  EXPECT_EQ(Gone(), 3u) << "of the other node, which was not asked for the others";
}

TEST_F(RenewalsTest, OfSeveralLinksGoInOneCall) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  Ask(40);
  ASSERT_TRUE(Until([&] { return answers_.size() == 40; }));
  EXPECT_THAT(Calls(), ElementsAre(40));
}

// An acquire heals one of the leases that are renewed at that time: it must not split the batch.
TEST_F(RenewalsTest, GoAtTheEndOfTheTurnBeforeAllElse) {
  AddFake();
  StartAndWaitUp();
  fake_->per_read.clear();
  Ask(Renewal(0), 0);
  Ask(Acquire("job1"), 1);
  Ask(Release(2), 2);
  Ask(Renewal(3), 3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 4; }));
  EXPECT_THAT(Scripts(), ElementsAre("renew", "release", "acquire"));
  EXPECT_THAT(Subjects(), ElementsAre(0, 3, 2, 1));
  EXPECT_THAT(fake_->per_read, ElementsAre(3)) << "in one write";
}

TEST_F(RenewalsTest, GoBeforeWhatOfTheNodeIsAskedLater) {
  AddFake();
  StartAndWaitUp();
  Ask(2);
  Ask(engine::SuspectOp{}, 2);
  Ask(Renewal(3), 3);
  ASSERT_TRUE(Until([&] { return answers_.size() == 4; }));
  EXPECT_THAT(Scripts(), ElementsAre("renew", "suspect", "renew"));
  EXPECT_THAT(Subjects(), ElementsAre(0, 1, 2, 3));
}

TEST_F(RenewalsTest, ThatAreAnsweredWithTooFewLettersAreErrorsEach) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ScriptReply("ok", 0, 0, "o"); };
  Ask(2);
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  for (const NodeAnswer& answer : answers_) EXPECT_EQ(answer.verdict, Verdict::kError);
}

TEST_F(RenewalsTest, ThatARealNodeHasNoScriptForAreGoneEachAndTheNextAreAnswered) {
  test::RedisNode server;
  AddNode(server.SocketPath());
  StartAndWaitUp();
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  Answer(Acquire("job0"));
  answers_.clear();
  server.Command({"SCRIPT", "FLUSH"});
  Ask(2);
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_EQ(Gone(), 2u);
  EXPECT_THAT(answers_, IsEmpty());
  Ask(2);
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  EXPECT_EQ(answers_[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers_[1].verdict, Verdict::kNotOwner);
}

TEST_F(RenewalsTest, LengthenTheLeasesOfARealNodeAndBringNothingBack) {
  test::RedisNode server;
  AddNode(server.SocketPath());
  StartAndWaitUp();
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  for (std::uint64_t i = 0; i < 2; ++i) Answer(Acquire(Name(i)));
  server.Command({"SET", "job1", "another's", "PX", "1000"});
  answers_.clear();
  Ask(3);
  Ask(Acquire("job3"), 3);
  Ask(Release(0), 4);
  Ask(Acquire("job0"), 5);
  Ask(engine::InspectOp{"job0"}, 6);  // sends what was asked of the lock first
  ASSERT_TRUE(Until([&] { return answers_.size() == 7; }));
  EXPECT_THAT(Subjects(), ElementsAre(4, 3, 5, 6, 0, 1, 2));
  EXPECT_EQ(answers_[4].verdict, Verdict::kOk) << "taken again with the same owner";
  EXPECT_EQ(answers_[5].verdict, Verdict::kNotOwner);
  EXPECT_EQ(answers_[6].verdict, Verdict::kNotOwner);
  EXPECT_GT(std::stol(server.Command({"PTTL", "job0"})), 1000);
  EXPECT_LE(std::stol(server.Command({"PTTL", "job1"})), 1000);
  EXPECT_EQ(server.Command({"EXISTS", "job2"}), "0");
}

}  // namespace
}  // namespace redlockd::redis
