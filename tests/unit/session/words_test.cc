#include "daemon/session/words.h"

#include <gtest/gtest.h>

#include <set>

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;

// The enumerators are consecutive; the compiler checks that each has a case.
template <typename Enum>
auto UpTo(Enum last) {
  std::vector<Enum> all;
  for (int i = 0; i <= static_cast<int>(last); ++i) all.push_back(static_cast<Enum>(i));
  return all;
}

TEST(WordsTest, EachFailureHasItsCodeAndAText) {
  std::set<ErrorCode> codes;
  for (const auto failure : UpTo(engine::Failure::kRefused)) {
    const FailureWord word = WordOf(failure);
    EXPECT_TRUE(codes.insert(word.code).second) << static_cast<int>(failure);
    EXPECT_FALSE(word.text.empty());
  }
}

TEST(WordsTest, EachLossReasonHasAWordOfItsOwn) {
  EXPECT_EQ(WordOf(engine::LossReason::kDeadline), "expired");
  EXPECT_EQ(WordOf(engine::LossReason::kMaxHold), "max-hold");
  EXPECT_EQ(WordOf(engine::LossReason::kDraining), "drain");
  EXPECT_EQ(WordOf(engine::LossReason::kBroken), "broken");
}

TEST(WordsTest, NodeStates) {
  EXPECT_EQ(WordOf(engine::NodeState::kUp), "up");
  EXPECT_EQ(WordOf(engine::NodeState::kDown), "down");
  EXPECT_EQ(WordOf(engine::NodeState::kProbing), "connecting");
  EXPECT_EQ(WordOf(engine::NodeState::kNew), "quarantine");
  EXPECT_EQ(WordOf(engine::NodeState::kQuarantine), "quarantine");
  for (const auto state : UpTo(engine::NodeState::kError)) {
    if (state > engine::NodeState::kQuarantine) {
      EXPECT_EQ(WordOf(state), "refused");
    }
  }
}

}  // namespace
}  // namespace redlockd::session
