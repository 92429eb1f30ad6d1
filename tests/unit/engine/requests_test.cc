#include "daemon/engine/requests.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "daemon/engine/wait_queue.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

// Session 1 waits for lock "x", by its request 7.
class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() {
    outbox_.Begin(effects_);
    sessions_.Open(1, 1000);
    sessions_.Add(1, lock_);
  }
  // The one answer that was given.
  AnswerClient TakeAnswer() {
    EXPECT_EQ(effects_.size(), 1u);
    AnswerClient answer = std::get<AnswerClient>(effects_.at(0));
    effects_.clear();
    EXPECT_EQ(answer.session, 1u);
    EXPECT_EQ(answer.request, 7u);
    return answer;
  }

  const std::string lock_ = "x";
  Agenda agenda_;
  Outbox outbox_;
  Effects effects_;
  Counters counters_;
  const Limits limits_;
  RuleQuotas quotas_{limits_.quotas};
  SessionTable sessions_{limits_, quotas_};
  const Waiter waiter_{
      counters_.waits, agenda_,    {.session = 1, .request = 7, .name = "x"}, 1000, 3s,
      At(0s),          [](Time) {}};
  Requests requests_{sessions_, outbox_, counters_};
};

TEST_F(RequestsTest, AGrantIsCountedAndTheSessionKeepsTheLock) {
  requests_.Grant(
      waiter_,
      {.name = "x", .fence = 10, .deadline = At(3s), .ttl = Duration(3s), .votes = 2, .nodes = 3});
  const auto granted = std::get<Granted>(TakeAnswer().answer);
  EXPECT_EQ(granted.name, "x");
  EXPECT_EQ(granted.fence, 10);
  EXPECT_EQ(granted.deadline, At(3s));
  EXPECT_EQ(granted.ttl, Duration(3s));
  EXPECT_EQ(granted.votes, 2u);
  EXPECT_EQ(granted.nodes, 3u);
  EXPECT_EQ(counters_.grants, 1u);
  EXPECT_TRUE(sessions_.Uses(1, lock_));
}

TEST_F(RequestsTest, EachFailureIsAnsweredAsItIsAndCountedWhereItHasACounter) {
  struct Row {
    Failure failure;
    std::uint64_t busy, timeouts, no_turn, no_quorum;
  };
  for (const Row& row : {
           Row{Failure::kBadTtl, 0, 0, 0, 0},
           Row{Failure::kNotHeld, 0, 0, 0, 0},
           Row{Failure::kLost, 0, 0, 0, 0},
           Row{Failure::kDeadlock, 0, 0, 0, 0},
           Row{Failure::kNoSuchWait, 0, 0, 0, 0},
           Row{Failure::kBusy, 1, 0, 0, 0},
           Row{Failure::kTimeout, 0, 1, 0, 0},
           Row{Failure::kNoTurn, 0, 0, 1, 0},
           Row{Failure::kCancelled, 0, 0, 0, 0},
           Row{Failure::kNoQuorum, 0, 0, 0, 1},
           Row{Failure::kLimit, 0, 0, 0, 0},
           Row{Failure::kDraining, 0, 0, 0, 0},
           Row{Failure::kRefused, 0, 0, 0, 0},
           Row{Failure::kNothingDiffers, 0, 0, 0, 0},
       }) {
    const int which = static_cast<int>(row.failure);
    for (const bool waits : {false, true}) {
      counters_ = Counters{.waits = counters_.waits};
      if (waits) {
        requests_.Refuse(waiter_, lock_, row.failure, "why");
        EXPECT_FALSE(sessions_.Uses(1, lock_)) << which;
        sessions_.Add(1, lock_);
      } else {
        requests_.Refuse(1, 7, {.failure = row.failure, .name = "x", .text = "why"});
        EXPECT_TRUE(sessions_.Uses(1, lock_)) << which;
      }
      const auto failed = std::get<Failed>(TakeAnswer().answer);
      EXPECT_EQ(failed.failure, row.failure);
      EXPECT_EQ(failed.name, "x");
      EXPECT_EQ(failed.text, "why");
      EXPECT_EQ(counters_.busy, row.busy) << which;
      EXPECT_EQ(counters_.timeouts, row.timeouts) << which;
      EXPECT_EQ(counters_.no_turn, row.no_turn) << which;
      EXPECT_EQ(counters_.no_quorum, row.no_quorum) << which;
      EXPECT_EQ(counters_.grants, 0u) << which;
    }
  }
}

using RequestsDeathTest = RequestsTest;

TEST_F(RequestsDeathTest, NobodyIsRefusedTwice) {
  requests_.Refuse(waiter_, lock_, Failure::kTimeout, "");
  EXPECT_DEATH(requests_.Refuse(waiter_, lock_, Failure::kTimeout, ""),
               "CHECK\\(lock != s.locks.end");
}

TEST_F(RequestsDeathTest, NobodyIsAnsweredOutsideOfAStep) {
  outbox_.End();
  Granted granted{};
  granted.name = "x";
  EXPECT_DEATH(requests_.Grant(waiter_, granted), "CHECK\\(effects_ != nullptr\\)");
}

}  // namespace
}  // namespace redlockd::engine
