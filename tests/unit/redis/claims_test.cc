// Claims of several names, against a scripted node (rule G1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "daemon/redis/question.h"
#include "daemon/redis/scripts.h"
#include "tests/unit/redis/batches_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;

class ClaimsTest : public BatchesTest {
 protected:
  static engine::ClaimOp Claim(const std::vector<std::string>& locks) {
    engine::ClaimOp op{.ttl = 1s};
    for (const std::string& lock : locks) op.names.push_back({lock, kOwner, 0});
    return op;
  }
  // Locks of each of the two links.
  static std::pair<std::string, std::string> LockOfEach() {
    std::string locks[2];
    for (std::uint64_t i = 0; locks[0].empty() || locks[1].empty(); ++i) {
      locks[LaneOf(Name(i)) % 2] = Name(i);
    }
    return {locks[0], locks[1]};
  }
};

TEST_F(ClaimsTest, OneIsAnsweredOnceWithAllItsNames) {
  AddFake();
  StartAndWaitUp();
  Ask(Claim({"a", "b", "c"}), 7);
  ASSERT_TRUE(Until([&] { return answers_.size() == 1; }));
  EXPECT_EQ(answers_[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers_[0].ticket.subject, 7u);
  ASSERT_EQ(answers_[0].names.size(), 3u);
  EXPECT_EQ(answers_[0].names[2].fence, 2);
}

// Rule G6.
TEST_F(ClaimsTest, OneThatIsRefusedNamesTheFirstThatMayNotBeHad) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) {
    return "*20\r\n" + Bulk("ok") + ":1700000000000000\r\n" + RowReply("turn") +
           RowReply("busy", "o:9:h") + RowReply("not-turn", "other");
  };
  const NodeAnswer answer = Answer(Claim({"a", "b", "c"}));
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_EQ(answer.text, "o:9:h");
}

TEST_F(ClaimsTest, PartOfOneIsAnError) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) {
    return "*14\r\n" + Bulk("ok") + ":1700000000000000\r\n" + RowReply("ok") + RowReply("turn");
  };
  EXPECT_EQ(Answer(Claim({"a", "b"})).verdict, Verdict::kError);
}

TEST_F(ClaimsTest, ReplyOfOtherNamesIsAnError) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return RowsReply(3); };
  EXPECT_EQ(Answer(Claim({"a", "b"})).verdict, Verdict::kError);
}

TEST_F(ClaimsTest, GoAloneAndAfterWhatWasAskedOfTheirLocks) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  fake_->heard.clear();
  const auto [one, other] = LockOfEach();
  Ask(engine::ReleaseOp{one, kOwner}, 0);
  Ask(engine::ReleaseOp{other, kOwner}, 1);
  Ask(Claim({one, other}), 2);
  Ask(Claim({one, other}), 3);
  Ask(Acquire(one), 4);
  ASSERT_TRUE(Until([&] { return answers_.size() == 5; }));
  std::vector<std::uint64_t> of_its_link;
  for (const std::uint64_t subject : Subjects()) {
    if (subject != 1) of_its_link.push_back(subject);
  }
  EXPECT_THAT(of_its_link, ElementsAre(0, 2, 3, 4));
}

// Rule C4: over the link of its own lock it could overtake the claim.
TEST_F(ClaimsTest, WhatTakesOneBackGoesAfterIt) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  fake_->heard.clear();
  const auto [one, other] = LockOfEach();
  SayNothing();
  Ask(Claim({one, other}), 0);
  Ask(engine::ReleaseOp{.lock = other, .owner = kOwner, .link = one}, 1);
  ASSERT_TRUE(Heard(2));
  EXPECT_EQ(fake_->heard[0][1], Get(ScriptId::kClaim).sha);
  EXPECT_EQ(fake_->heard[1][1], Get(ScriptId::kRelease).sha);
  EXPECT_EQ(fake_->per_read.back(), 2u) << "over one connection";
}

TEST_F(ClaimsTest, OfALinkThatIsLostAreGone) {
  AddFake();
  StartAndWaitUp();
  SayNothing();
  Ask(Claim({"a", "b"}), 5);
  ASSERT_TRUE(Heard(1));
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return Gone() == 1; }));
  EXPECT_EQ(silences_.back().ticket.subject, 5u);
}

}  // namespace
}  // namespace redlockd::redis
