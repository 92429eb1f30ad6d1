#include "daemon/redis/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "daemon/redis/encoder.h"
#include "tests/support/redis_call.h"

namespace redlockd::redis {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const SetOptions kSet{.key_prefix = "app:",
                      .max_ttl = 60s,
                      .fence_window = 10s,
                      .fence_life = 600s,
                      .quarantine = 61062ms,
                      .retry_interval = 100ms,
                      .max_interval = 5s,
                      .first_poll = 500ms};

TEST(EncoderTest, CountsBytesAndKeepsThemAsTheyAre) {
  const std::string binary("a\0\r\n\xff", 5);
  std::string out = "before";
  const std::string_view argv[] = {"SET", "", binary};
  AppendCommand(out, argv);
  EXPECT_EQ(out, "before*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\n" + binary + "\r\n");
}

TEST(CommandTest, KeysNeedNoPrefix) {
  SetOptions plain = kSet;
  plain.key_prefix.clear();
  const auto call = test::WordsOf(engine::AcquireOp{"job", "o:1:h", 1s, 1}, plain, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "job", "redlockd:fence:job",
                                     "redlockd:queue:job", "redlockd:wait:job"));
}

TEST(CommandTest, EachOpHasItsKeysAndArguments) {
  engine::AcquireOp wanted{"job", "o:1:h", 1500us, 1763931234567890};
  wanted.block = 64;
  wanted.queueing = engine::Queueing::kIfRefused;
  wanted.stamp = 1763931234567000;
  wanted.grace = 50ms;
  wanted.most_life = 2500us;
  const engine::NodeOp acquire = wanted;
  EXPECT_EQ(ScriptOf(acquire), ScriptId::kAcquire);
  test::ScriptWords call = test::WordsOf(acquire, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "app:job", "redlockd:fence:app:job",
                                     "redlockd:queue:app:job", "redlockd:wait:app:job"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "600000", "100000", "5000000",
                          "500000", "0", "o:1:h", "2" /* rounded up */, "1763931234567890", "64",
                          "if-refused", "1763931234567000", "50000", "2500"));
  EXPECT_EQ(test::WordsOf(acquire, kSet, "run", true).args.at(8), "1")
      << "it hears the node's hints";

  const std::vector<engine::AcquireOp> acquires = {wanted, {"jab", "o:2:h", 1s, 7}};
  call = test::WordsOf(CallOf(acquires, kSet), "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "app:job", "redlockd:fence:app:job",
                                     "redlockd:queue:app:job", "redlockd:wait:app:job", "app:jab",
                                     "redlockd:fence:app:jab", "redlockd:queue:app:jab",
                                     "redlockd:wait:app:jab"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "600000", "100000", "5000000",
                          "500000", "0", "o:1:h", "2", "1763931234567890", "64", "if-refused",
                          "1763931234567000", "50000", "2500", "o:2:h", "1000", "7", "1", "none",
                          "0", "0", "315360000000000"));
  EXPECT_EQ(test::WordsOf(CallOf(acquires, kSet), "run", true).args.at(8), "1");

  const engine::NodeOp claim =
      engine::ClaimOp{.names = {{"job", "o:1:h", 1763931234567890, 64}, {"jab", "o:2:h", 7, 1}},
                      .ttl = 1500us,
                      .queueing = engine::Queueing::kAlways,
                      .stamp = 1763931234567000,
                      .grace = 50ms,
                      .most_life = 2500us};
  EXPECT_EQ(ScriptOf(claim), ScriptId::kClaim);
  EXPECT_EQ(FormOf(claim), ReplyForm::kNames);
  EXPECT_EQ(PartsOf(claim), 2u);
  const std::vector<std::string> keys = call.keys;
  call = test::WordsOf(claim, kSet, "run");
  EXPECT_EQ(call.keys, keys) << "those of as many acquires";
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "600000", "100000",
                                     "5000000", "500000", "0", "o:1:h", "2", "1763931234567890",
                                     "64", "always", "1763931234567000", "50000", "2500", "o:2:h",
                                     "2", "7", "1", "always", "1763931234567000", "50000", "2500"));
  EXPECT_EQ(test::WordsOf(claim, kSet, "run", true).args.at(8), "1");

  const engine::NodeOp share = engine::ShareOp{.lock = "job",
                                               .owner = "o:1:h",
                                               .ttl = 1500us,
                                               .proposal = 7,
                                               .queueing = engine::Queueing::kStand,
                                               .stamp = 1763931234567000,
                                               .grace = 50ms,
                                               .most_life = 2500us};
  EXPECT_EQ(ScriptOf(share), ScriptId::kShare);
  EXPECT_EQ(FormOf(share), ReplyForm::kWhole);
  call = test::WordsOf(share, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "app:job", "redlockd:fence:app:job",
                                     "redlockd:queue:app:job", "redlockd:wait:app:job"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "600000", "100000",
                                     "5000000", "500000", "0", "o:1:h", "2", "7", "1", "stand",
                                     "1763931234567000", "50000", "2500"));
  EXPECT_EQ(test::WordsOf(share, kSet, "run", true).args.at(8), "1");

  const engine::NodeOp raise = engine::RaiseOp{"job", "o:1:h", 42};
  EXPECT_EQ(ScriptOf(raise), ScriptId::kRaise);
  call = test::WordsOf(raise, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job", "redlockd:node"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "o:1:h", "42", "600000"));

  call = test::WordsOf(engine::ConfirmOp{"job", "o:1:h", 42, 8}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job", "redlockd:node"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "o:1:h", "42", "8", "600000"));

  call = test::WordsOf(engine::RenewOp{"job", "o:1:h", 10s}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "app:job", "redlockd:fence:app:job",
                                     "redlockd:queue:app:job", "redlockd:wait:app:job"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "600000", "o:1:h", "10000"));

  const std::vector<engine::RenewOp> renewals = {{"job", "o:1:h", 10s}, {"jab", "o:2:h", 1500us}};
  call = test::WordsOf(CallOf(renewals, kSet), "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "app:job", "redlockd:fence:app:job",
                                     "redlockd:queue:app:job", "redlockd:wait:app:job", "app:jab",
                                     "redlockd:fence:app:jab", "redlockd:queue:app:jab",
                                     "redlockd:wait:app:jab"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "600000", "o:1:h",
                                     "10000", "o:2:h", "2"));

  call = test::WordsOf(engine::ReleaseOp{"job", "o:1:h"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:queue:app:job", "redlockd:wait:app:job"));
  EXPECT_THAT(call.args, ElementsAre("o:1:h", "0"));
  call = test::WordsOf(engine::ReleaseOp{"job", "o:1:h", true}, kSet, "run");
  EXPECT_THAT(call.args, ElementsAre("o:1:h", "1"));

  const std::vector<engine::ReleaseOp> releases = {{"job", "o:1:h", true}, {"jab", "o:2:h"}};
  call = test::WordsOf(CallOf(releases, kSet), "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:queue:app:job", "redlockd:wait:app:job",
                                     "app:jab", "redlockd:queue:app:jab", "redlockd:wait:app:jab"));
  EXPECT_THAT(call.args, ElementsAre("o:1:h", "1", "o:2:h", "0"));

  call = test::WordsOf(engine::BreakOp{"job", "o:1:h", false, 10s}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:queue:app:job", "redlockd:wait:app:job"));
  EXPECT_THAT(call.args, ElementsAre("o:1:h", "0", "10000"));
  call = test::WordsOf(engine::BreakOp{"job", "o:1:h", true, 10s}, kSet, "run");
  EXPECT_THAT(call.args, ElementsAre("o:1:h", "1", "10000"));

  call = test::WordsOf(engine::InspectOp{"job", "me", 5}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job"));
  EXPECT_THAT(call.args, ElementsAre("me", "5"));

  call = test::WordsOf(engine::NameHolderOp{.asker = "them", .inquiry = 5}, kSet, "run");
  EXPECT_THAT(call.keys, IsEmpty());
  EXPECT_THAT(call.args, ElementsAre("redlockd:to:them", "nobody 5"));

  call = test::WordsOf(engine::ProbeOp{"id", "set"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node", "redlockd:try", "app:redlockd:try"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "1", "id", "set",
                                     "", "", "app:"));
  call = test::WordsOf(
      engine::ProbeOp{.may_write = false,
                      .counted = "run-1",
                      .instance = "me",
                      .sightings = {{"id-2", "run-2", 1500us}, {"id-3", "run-3", std::nullopt}}},
      kSet, "run");
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "0", "", "", "run-1", "me",
                          "app:", "id-2", "run-2", "1500", "id-3", "run-3", ""));

  call = test::WordsOf(engine::TrustOp{}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000"));

  call = test::WordsOf(engine::SuspectOp{"witness"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "witness"));

  call = test::WordsOf(engine::AdoptOp{"set"}, kSet, "run");
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "set", "app:"));
}

TEST(CommandTest, EachWayToStandToTheQueueHasItsWord) {
  const std::pair<engine::Queueing, std::string> words[] = {
      {engine::Queueing::kNone, "none"},     {engine::Queueing::kIfRefused, "if-refused"},
      {engine::Queueing::kAlways, "always"}, {engine::Queueing::kStand, "stand"},
      {engine::Queueing::kIgnore, "ignore"},
  };
  for (const auto& [queueing, word] : words) {
    engine::AcquireOp op{"job", "o:1:h", 1s, 1};
    op.queueing = queueing;
    EXPECT_EQ(test::WordsOf(op, kSet, "run").args.at(13), word);
  }
}

TEST(CommandTest, ACallIsBySha) {
  const Call call = CallOf(engine::ReleaseOp{"k", "a"}, kSet);
  EXPECT_EQ(call.text, "*8\r\n$7\r\nEVALSHA\r\n$40\r\n" + std::string(Get(ScriptId::kRelease).sha) +
                           "\r\n$1\r\n3\r\n$5\r\napp:k\r\n$20\r\nredlockd:queue:app:k\r\n" +
                           "$19\r\nredlockd:wait:app:k\r\n$1\r\na\r\n$1\r\n0\r\n");
  EXPECT_EQ(call.run_id_at, std::string::npos);
  EXPECT_EQ(call.hears_at, std::string::npos);
}

TEST(ScriptsTableTest, IsInTheOrderOfItsIds) {
  EXPECT_EQ(Get(ScriptId::kAcquire).name, "acquire");
  EXPECT_EQ(Get(ScriptId::kClaim).name, "claim");
  EXPECT_EQ(Get(ScriptId::kShare).name, "share");
  EXPECT_EQ(Get(ScriptId::kConfirm).name, "confirm");
  EXPECT_EQ(Get(ScriptId::kRaise).name, "raise");
  EXPECT_EQ(Get(ScriptId::kRenew).name, "renew");
  EXPECT_EQ(Get(ScriptId::kRelease).name, "release");
  EXPECT_EQ(Get(ScriptId::kBreak).name, "break");
  EXPECT_EQ(Get(ScriptId::kInspect).name, "inspect");
  EXPECT_EQ(Get(ScriptId::kPublish).name, "publish");
  EXPECT_EQ(Get(ScriptId::kIntroduce).name, "introduce");
  EXPECT_EQ(Get(ScriptId::kSuspect).name, "suspect");
  EXPECT_EQ(Get(ScriptId::kTrust).name, "trust");
  EXPECT_EQ(Get(ScriptId::kAdopt).name, "adopt");
}

}  // namespace
}  // namespace redlockd::redis
