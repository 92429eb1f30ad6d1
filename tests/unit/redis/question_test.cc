#include "daemon/redis/question.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/support/redis_call.h"

namespace redlockd::redis {
namespace {

using namespace std::chrono_literals;

const SetOptions kAsked{.key_prefix = "app:",
                        .max_ttl = 60s,
                        .fence_window = 10s,
                        .fence_life = 600s,
                        .quarantine = 61062ms};

const std::vector<engine::NodeOp> kOfLock{
    engine::AcquireOp{.lock = "job", .owner = "o:1:h", .ttl = 10s, .proposal = 7},
    engine::ConfirmOp{.lock = "job", .owner = "o:1:h", .fence = 42},
    engine::ReleaseOp{.lock = "job", .owner = "o:1:h"}, engine::InspectOp{"job"},
    engine::ClaimOp{.names = {{"job", "o:1:h", 7}, {"other", "o:2:h", 7}}, .ttl = 10s},
    // Rule C4: what takes back a claim goes the way of the claim.
    engine::ReleaseOp{.lock = "other", .owner = "o:2:h", .link = "job"}};
const std::vector<engine::NodeOp> kOnAnyLink{
    engine::RenewOp{.lock = "job", .owner = "o:1:h", .ttl = 10s}, engine::SuspectOp{},
    engine::TrustOp{}, engine::AdoptOp{"set"}};

// What a node of this run is to get.
std::string Called(const engine::NodeOp& op, const std::string& run_id, bool hears = false) {
  std::string text;
  test::AppendCall(text, ScriptOf(op), test::WordsOf(op, kAsked, run_id, hears));
  return text;
}

std::string Asked(const Question& question, const std::string& run_id, bool hears = false) {
  std::string text;
  question.AppendTo(text, {.run_id = run_id, .hears = hears});
  return text;
}

TEST(QuestionTest, HasTheRunIdOfEachNodeInItsPlace) {
  for (const auto& ops : {kOfLock, kOnAnyLink}) {
    for (const engine::NodeOp& op : ops) {
      const Question question(op, kAsked);
      for (const std::string run_id : {"", "a", "0123456789abcdef0123456789abcdef01234567"}) {
        EXPECT_EQ(Asked(question, run_id), Called(op, run_id)) << "op " << op.index();
      }
      EXPECT_FALSE(question.is_probe());
    }
  }
}

// Rule E8.2.
TEST(QuestionTest, SaysWhetherTheDaemonHearsTheNode) {
  for (const auto& ops : {kOfLock, kOnAnyLink}) {
    for (const engine::NodeOp& op : ops) {
      const std::string heard = Asked(Question(op, kAsked), "run", true);
      EXPECT_EQ(heard, Called(op, "run", true)) << "op " << op.index();
      EXPECT_EQ(heard != Called(op, "run"), std::holds_alternative<engine::AcquireOp>(op) ||
                                                std::holds_alternative<engine::ClaimOp>(op));
    }
  }
  std::string before = "before";  // after what waits to be sent already
  Question(kOfLock[0], kAsked).AppendTo(before, {.run_id = "run", .hears = true});
  EXPECT_EQ(before, "before" + Called(kOfLock[0], "run", true));
}

TEST(QuestionTest, OfAProbeBeginsWithInfo) {
  const engine::NodeOp probe = engine::ProbeOp{"id", "set"};
  const Question question(probe, kAsked);
  EXPECT_TRUE(question.is_probe());
  EXPECT_EQ(Asked(question, "run"), "*1\r\n$4\r\nINFO\r\n" + Called(probe, "run"));
}

TEST(QuestionTest, OfABatchSaysHowItsOpsAreAnswered) {
  const std::vector<engine::ReleaseOp> releases = {{"job", "o:1:h"}, {"jab", "o:2:h", true}};
  const Question question(releases, kAsked);
  EXPECT_EQ(question.form(), ReplyForm::kLetters);
  EXPECT_EQ(question.lane(), LaneOf("job"));
  EXPECT_EQ(Asked(question, "run"), CallOf(releases, kAsked).text);
  EXPECT_EQ(question.parts(), 2u);
  EXPECT_EQ(Question(releases[0], kAsked).form(), ReplyForm::kLetters);
  EXPECT_EQ(Question(engine::InspectOp{"job"}, kAsked).form(), ReplyForm::kWhole);
  const std::vector<engine::AcquireOp> acquires = {{"job", "o:1:h", 1s, 1},
                                                   {"jab", "o:2:h", 1s, 1}};
  EXPECT_EQ(Question(acquires, kAsked).form(), ReplyForm::kRows);
  EXPECT_EQ(Question(acquires, kAsked).lane(), LaneOf("job"));
  EXPECT_EQ(Question(std::span(acquires).first(1), kAsked).form(), ReplyForm::kWhole)
      << "one lock has a reply as any script's";
}

TEST(QuestionTest, OfAClaimIsAnsweredByItsNames) {
  const Question question(
      engine::ClaimOp{.names = {{"a", "o:1:h", 1}, {"b", "o:2:h", 1}, {"c", "o:3:h", 1}},
                      .ttl = 1s},
      kAsked);
  EXPECT_EQ(question.form(), ReplyForm::kNames);
  EXPECT_EQ(question.parts(), 3u);
}

TEST(QuestionTest, OfRenewalsHasTheRunIdAndNoLane) {
  const std::vector<engine::RenewOp> renewals = {{"job", "o:1:h", 10s}, {"jab", "o:2:h", 5s}};
  const Question question(renewals, kAsked);
  EXPECT_EQ(question.form(), ReplyForm::kLetters);
  EXPECT_EQ(question.lane(), std::nullopt);
  std::string text;
  test::AppendCall(text, ScriptId::kRenew, test::WordsOf(CallOf(renewals, kAsked), "run"));
  EXPECT_EQ(Asked(question, "run"), text);
}

TEST(QuestionTest, KeepsTheOpsOfALockInOneLane) {
  const auto lane = Question(kOfLock[0], kAsked).lane();
  EXPECT_TRUE(lane);
  for (const engine::NodeOp& op : kOfLock) EXPECT_EQ(Question(op, kAsked).lane(), lane);
  for (const engine::NodeOp& op : kOnAnyLink) EXPECT_EQ(Question(op, kAsked).lane(), std::nullopt);
  EXPECT_NE(Question(engine::InspectOp{"other"}, kAsked).lane(), lane);
}

}  // namespace
}  // namespace redlockd::redis
