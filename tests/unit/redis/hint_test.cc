#include "daemon/redis/hint.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace redlockd::redis {
namespace {

using engine::HolderAsked;
using engine::HolderFacts;
using engine::HolderNamed;
using engine::NodeHint;

template <class Kind>
std::optional<Kind> As(const std::optional<engine::Hint>& hint) {
  const auto* kind = hint ? std::get_if<Kind>(&*hint) : nullptr;
  return kind ? std::optional(*kind) : std::nullopt;
}
std::optional<NodeHint> Plain(const std::string& text, const std::string& prefix) {
  return As<NodeHint>(HintOf(text, prefix));
}
std::optional<HolderNamed> Named(const std::string& text) {
  return As<HolderNamed>(HintOf(text, "app:"));
}

TEST(HintOfTest, IsAKindAndALockWithoutThePrefix) {
  const auto wanted = Plain("wanted app:a job", "app:");
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->kind, NodeHint::Kind::kWanted);
  EXPECT_EQ(wanted->lock, "a job");
  const auto free = Plain("free job", "");
  ASSERT_TRUE(free);
  EXPECT_EQ(free->kind, NodeHint::Kind::kFree);
  EXPECT_EQ(free->lock, "job");
}

TEST(HintOfTest, OfTheNextSaysWhenItIsItsTurn) {
  const auto next = Plain("next 1500 app:a job", "app:");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->kind, NodeHint::Kind::kNext);
  EXPECT_EQ(next->lock, "a job");
  EXPECT_EQ(next->rest, std::chrono::microseconds(1500));
  EXPECT_EQ(Plain("next 0 job", "")->rest, std::chrono::microseconds(0));
}

TEST(HintOfTest, OfABreakNamesTheAttempt) {
  const auto broken = Plain("broken 8589934592 app:a job", "app:");
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->kind, NodeHint::Kind::kBroken);
  EXPECT_EQ(broken->lock, "a job");
  EXPECT_EQ(broken->attempt, 8589934592u);
}

TEST(HintOfTest, AnythingElseIsNone) {
  for (const char* text : {"",
                           "free",
                           "free ",
                           "free app:",
                           "free other:job",
                           "freeapp:job",
                           "wanted",
                           "gone app:job",
                           " free app:job",
                           "FREE app:job",
                           "next app:job",
                           "next 5",
                           "next 5 ",
                           "next 5 app:",
                           "next x app:job",
                           "next -5 app:job",
                           "next  5 app:job",
                           "next 5app:job",
                           "next 4294967296 app:job",
                           "next 1e3 app:job",
                           "broken app:job",
                           "broken 5 ",
                           "broken -5 app:job",
                           "broken 5app:job",
                           "broken 18446744073709551616 app:job",
                           "who",
                           "who 5 6 them",
                           "who 5 6 them ",
                           "who 5 6 them job",
                           "who 5 6  app:job",
                           "who 5 6 app:job",
                           "who 5 them app:job",
                           "who -5 6 them app:job",
                           "who 5 18446744073709551616 them app:job",
                           "holder",
                           "holder 5 7 1500 12 1000",
                           "holder 5 7 1500 12 x a",
                           "holder 5 0 1500 12 1000 a",
                           "holder 5 -7 1500 12 1000 a",
                           "holder 5 7 -1 12 1000 a",
                           "holder 5 7 9223372036854775807 12 1000 a",
                           "holder 5 7 1500 -12 1000 a",
                           "holder 5 7 1500 2147483648 1000 a",
                           "holder 5 7 1500 12 -1 a",
                           "holder 5 7 1500 12 4294967296 a",
                           "nobody",
                           "nobody ",
                           "nobody x",
                           "nobody 5 ",
                           "nobody 5 6"}) {
    EXPECT_FALSE(HintOf(text, "app:")) << text;
  }
}

TEST(HintOfTest, AQuestionNamesTheAttemptAndWhoAsks) {
  const auto asked = As<HolderAsked>(HintOf("who 5 8589934592 them app:a job", "app:"));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->inquiry, 5u);
  EXPECT_EQ(asked->attempt, 8589934592u);
  EXPECT_EQ(asked->asker, "them");
  EXPECT_EQ(asked->lock, "a job");
  EXPECT_TRUE(HintOf("who 5 6 " + std::string(64, 'a') + " app:x", "app:"));
  EXPECT_FALSE(HintOf("who 5 6 " + std::string(65, 'a') + " app:x", "app:"));
}

TEST(HintOfTest, AnAnswerIsWhatWasWritten) {
  using namespace std::chrono_literals;
  const HolderFacts plain{.fence = 7, .held = 1500us, .pid = 12, .uid = 1000, .note = ""};
  HolderFacts odd = plain;
  odd.note = " of\n two =%words\xff";
  odd.pid = 0;
  odd.uid = 4294967295;
  for (const HolderFacts& holder : {plain, odd}) {
    const auto named = Named(TextOf({.asker = "them", .inquiry = 5, .holder = holder}));
    ASSERT_TRUE(named);
    EXPECT_EQ(named->inquiry, 5u);
    EXPECT_EQ(named->holder, holder);
  }
  const auto nobody = Named(TextOf({.asker = "them", .inquiry = 5}));
  ASSERT_TRUE(nobody);
  EXPECT_EQ(nobody->inquiry, 5u);
  EXPECT_FALSE(nobody->holder);
}

// No client can give one that is longer, or has a NUL, which no reader of a reply takes.
TEST(HintOfTest, ANoteIsOneThatAClientMayGive) {
  const std::string head = "holder 5 7 1500 12 1000 ";
  EXPECT_EQ(Named(head + std::string(255, 'a'))->holder->note.size(), 255u);
  EXPECT_FALSE(HintOf(head + std::string(256, 'a'), "app:"));
  EXPECT_FALSE(HintOf(head + std::string("a\0b", 3), "app:"));
}

}  // namespace
}  // namespace redlockd::redis
