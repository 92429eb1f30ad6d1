#include "daemon/redis/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/redis/encoder.h"

namespace redlockd::redis {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const SetOptions kSet{.key_prefix = "app:",
                      .max_ttl = 60s,
                      .fence_window = 10s,
                      .fence_life = 600s,
                      .quarantine = 61062ms};

TEST(EncoderTest, CountsBytesAndKeepsThemAsTheyAre) {
  const std::string binary("a\0\r\n\xff", 5);
  std::string out = "before";
  const std::string_view argv[] = {"SET", "", binary};
  AppendCommand(out, argv);
  EXPECT_EQ(out, "before*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\n" + binary + "\r\n");
}

TEST(CommandTest, KeysDeriveFromTheFullKey) {
  EXPECT_EQ(LockKey("app:", "job"), "app:job");
  EXPECT_EQ(FenceKey("app:", "job"), "redlockd:fence:app:job");
  EXPECT_EQ(FenceKey("", "job"), "redlockd:fence:job");
}

TEST(CommandTest, EachOpHasItsKeysAndArguments) {
  const engine::NodeOp acquire = engine::AcquireOp{"job", "o:1:h", 1500us, 1763931234567890};
  EXPECT_EQ(ScriptOf(acquire), ScriptId::kAcquire);
  Call call = CallOf(acquire, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job", "redlockd:node"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "o:1:h",
                                     "2" /* rounded up */, "1763931234567890", "600000"));

  call = CallOf(engine::ConfirmOp{"job", "o:1:h", 42}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job", "redlockd:node"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "o:1:h", "42", "600000"));

  call = CallOf(engine::RenewOp{"job", "o:1:h", 10s}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job", "redlockd:node"));
  EXPECT_THAT(call.args,
              ElementsAre("run", "61062000", "60000000", "10000000", "o:1:h", "10000", "600000"));

  call = CallOf(engine::ReleaseOp{"job", "o:1:h"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job"));
  EXPECT_THAT(call.args, ElementsAre("o:1:h"));

  call = CallOf(engine::InspectOp{"job"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("app:job", "redlockd:fence:app:job"));
  EXPECT_THAT(call.args, IsEmpty());

  call = CallOf(engine::ProbeOp{"id", "set"}, kSet, "run");
  EXPECT_THAT(call.keys, ElementsAre("redlockd:node"));
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "id", "set"));

  for (const engine::NodeOp& op : {engine::NodeOp(engine::SuspectOp{}), {engine::TrustOp{}}}) {
    call = CallOf(op, kSet, "run");
    EXPECT_THAT(call.keys, ElementsAre("redlockd:node"));
    EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000"));
  }
  call = CallOf(engine::AdoptOp{"set"}, kSet, "run");
  EXPECT_THAT(call.args, ElementsAre("run", "61062000", "60000000", "10000000", "set"));
}

TEST(CommandTest, ACallIsBySha) {
  const Call call{{"k"}, {"a"}};
  std::string out;
  AppendCall(out, ScriptId::kRelease, call);
  EXPECT_EQ(out, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n" + std::string(Get(ScriptId::kRelease).sha) +
                     "\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n");
}

TEST(ScriptsTableTest, IsInTheOrderOfItsIds) {
  EXPECT_EQ(Get(ScriptId::kAcquire).name, "acquire");
  EXPECT_EQ(Get(ScriptId::kConfirm).name, "confirm");
  EXPECT_EQ(Get(ScriptId::kRenew).name, "renew");
  EXPECT_EQ(Get(ScriptId::kRelease).name, "release");
  EXPECT_EQ(Get(ScriptId::kInspect).name, "inspect");
  EXPECT_EQ(Get(ScriptId::kIntroduce).name, "introduce");
  EXPECT_EQ(Get(ScriptId::kSuspect).name, "suspect");
  EXPECT_EQ(Get(ScriptId::kTrust).name, "trust");
  EXPECT_EQ(Get(ScriptId::kAdopt).name, "adopt");
}

}  // namespace
}  // namespace redlockd::redis
