// What a node does with a claim of several names (rules G1, G4, G6), in the script on a real node.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Names = std::vector<std::string>;

class ClaimTest : public QueueTest {
 protected:
  // Of the names, for the daemon of kA: its n-th attempt for the n-th of them.
  engine::ClaimOp OpOf(const Names& names, Queueing queueing = Queueing::kNone, Stamp stamp = 0) {
    engine::ClaimOp op{.ttl = 2s, .queueing = queueing, .stamp = stamp, .grace = 50ms};
    for (std::size_t i = 0; i < names.size(); ++i) {
      op.names.push_back({.lock = names[i], .owner = Owner(i), .proposal = 0});
    }
    return op;
  }
  NodeAnswer Claim(const Names& names, Queueing queueing = Queueing::kNone, Stamp stamp = 0) {
    return Do(OpOf(names, queueing, stamp));
  }
  static std::string Owner(std::size_t i) {
    return kInstance + ":" + std::to_string(20 + i) + ":host-a";
  }
  static std::vector<Verdict> Verdicts(const NodeAnswer& answer) {
    std::vector<Verdict> verdicts;
    for (const NodeAnswer& name : answer.names) verdicts.push_back(name.verdict);
    return verdicts;
  }

  void Take(const std::string& lock, const std::string& owner) {
    ASSERT_EQ(Do(engine::AcquireOp{lock, owner, 2s, 0}).verdict, Verdict::kOk);
  }
  std::string OwnerOf(const std::string& lock) { return Redis({"GET", "app:" + lock}); }
  std::string FenceOf(const std::string& lock) {
    return Redis({"GET", "redlockd:fence:app:" + lock});
  }
  // In the queue of that lock; 0: none.
  Stamp StampIn(const std::string& lock, const std::string& instance) {
    const std::string score = Redis({"ZSCORE", Queue(lock), instance});
    return score == "(nil)" ? 0 : std::stoll(score);
  }
  void ExpectNothingOf(const std::string& lock) {
    EXPECT_EQ(
        Redis({"EXISTS", "app:" + lock, "redlockd:fence:app:" + lock, Queue(lock), Wait(lock)}),
        "0")
        << lock;
  }
};

TEST_F(ClaimTest, AllAreTakenEachByItsOwnOwnerAndFence) {
  Redis({"SET", "redlockd:fence:app:b", std::to_string(now_ + 7)});
  engine::ClaimOp op = OpOf({"a", "b"});
  op.names[0].proposal = now_ + 3;
  op.names[1].block = 64;
  const auto answer = Do(op);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.node_time, now_);
  ASSERT_THAT(Verdicts(answer), ElementsAre(Verdict::kOk, Verdict::kOk));
  EXPECT_EQ(answer.names[0].fence, now_ + 3);
  EXPECT_EQ(answer.names[1].fence, now_ + 8);
  EXPECT_EQ(answer.fence, now_ + 3);
  const auto floor = Claim({"c", "d"});
  EXPECT_EQ(floor.names[1].fence, now_ - 500'000 + 1) << "of which none was stored";
  EXPECT_EQ(OwnerOf("a"), Owner(0));
  EXPECT_EQ(OwnerOf("b"), Owner(1));
  EXPECT_EQ(FenceOf("a"), std::to_string(now_ + 3));
  EXPECT_EQ(FenceOf("b"), std::to_string(now_ + 71)) << "the last of its block";
  for (const char* key : {"app:a", "app:b"}) EXPECT_EQ(Number({"PTTL", key}), 2000);
  EXPECT_EQ(Redis({"EXISTS", Queue("a"), Queue("b")}), "0");
}

TEST_F(ClaimTest, SixteenAreTakenAtOnce) {
  Names names;
  for (std::size_t i = 0; i < engine::kMostNames; ++i) names.push_back("n" + std::to_string(i));
  EXPECT_EQ(Claim(names).verdict, Verdict::kOk);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(OwnerOf(names[i]), Owner(i));
}

TEST_F(ClaimTest, OneThatAnotherHasRefusesAllAndIsNamed) {
  Take("b", kB);
  const std::string fence = FenceOf("b");
  const auto answer = Claim({"a", "b", "c"});
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_EQ(answer.text, kB);
  EXPECT_EQ(answer.left, 2s);
  EXPECT_THAT(Verdicts(answer), ElementsAre(Verdict::kTurn, Verdict::kBusy, Verdict::kTurn));
  EXPECT_EQ(std::to_string(answer.names[1].fence), fence);
  EXPECT_EQ(answer.names[0].fence, 0);
  ExpectNothingOf("a");
  ExpectNothingOf("c");
  EXPECT_EQ(OwnerOf("b"), kB);
  EXPECT_EQ(FenceOf("b"), fence);
}

TEST_F(ClaimTest, EachHolderIsInItsRow) {
  Take("a", kB);
  Take("b", kC);
  const auto answer = Claim({"c", "a", "b"});
  EXPECT_EQ(answer.which, 1u) << "the first in the order asked";
  EXPECT_EQ(answer.text, kB);
  EXPECT_EQ(answer.names[2].text, kC);
}

TEST_F(ClaimTest, WhatIsItsOwnIsNoObstacleAndKeepsItsTime) {
  ASSERT_EQ(Claim({"a", "b"}).verdict, Verdict::kOk);
  Enter(kInstanceB, kEarly, Silent(), "b");
  engine::ClaimOp again = OpOf({"a", "b"}, Queueing::kAlways, kLate);
  again.ttl = 1s;
  const auto answer = Do(again);
  EXPECT_EQ(answer.verdict, Verdict::kOk) << "another is before it, but the keys are its own";
  EXPECT_EQ(Number({"PTTL", "app:b"}), 2000);
}

TEST_F(ClaimTest, TakesOverEarlierAttemptsOfItsDaemonAlone) {
  Take("a", kEarlierA);
  EXPECT_EQ(Claim({"a", "b"}).verdict, Verdict::kOk);
  EXPECT_EQ(OwnerOf("a"), Owner(0));
  Take("c", kInstance + ":21:host-a");
  EXPECT_EQ(Claim({"c", "d"}).verdict, Verdict::kBusy) << "the attempt for c is the 20th";
  Redis({"SET", "app:e", "redlockd:kept:" + kEarlierA});
  EXPECT_EQ(Claim({"d", "e"}).verdict, Verdict::kBusy);
  EXPECT_EQ(OwnerOf("d"), "(nil)");
}

TEST_F(ClaimTest, AFenceBeyondTheWindowRefusesAllAndNobodyWaits) {
  engine::ClaimOp op = OpOf({"a", "b"}, Queueing::kIfRefused, kEarly);
  op.names[1].proposal = now_ + 500'000 + 1;
  const auto answer = Do(op);
  EXPECT_EQ(answer.verdict, Verdict::kSkew);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_THAT(Verdicts(answer), ElementsAre(Verdict::kTurn, Verdict::kSkew));
  ExpectNothingOf("a");
  ExpectNothingOf("b");
}

TEST_F(ClaimTest, AKeyOfAWrongTypeRefusesAll) {
  Redis({"RPUSH", "app:b", "x"});
  const auto busy = Claim({"a", "b"});
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.text, "(a list)");
  Redis({"SET", "redlockd:fence:app:c", "none"});
  const auto error = Claim({"a", "c", "d"});
  EXPECT_EQ(error.verdict, Verdict::kError);
  EXPECT_EQ(error.which, 1u);
  EXPECT_THAT(error.text, ::testing::HasSubstr("the fence key holds no number"));
  EXPECT_THAT(Verdicts(error), ElementsAre(Verdict::kTurn, Verdict::kError, Verdict::kTurn));
  for (const char* lock : {"a", "d"}) ExpectNothingOf(lock);
  EXPECT_EQ(OwnerOf("c"), "(nil)");
}

TEST_F(ClaimTest, ANodeInQuarantineSaysNothingOfNames) {
  Do(engine::SuspectOp{});
  const auto answer = Claim({"a", "b"}, Queueing::kAlways, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kQuarantine);
  EXPECT_THAT(answer.names, IsEmpty());
  ExpectNothingOf("a");
  ExpectNothingOf("b");
}

// --- the queues ---------------------------------------------------------------------------------

TEST_F(ClaimTest, ARefusedOneIsInTheQueuesOfAllItsNames) {
  Take("b", kB);
  Claim({"a", "b", "c"}, Queueing::kIfRefused, kLate);
  for (const char* lock : {"a", "b", "c"}) EXPECT_EQ(StampIn(lock, kInstance), kLate) << lock;
  for (const char* lock : {"a", "c"}) EXPECT_EQ(OwnerOf(lock), "(nil)");
  EXPECT_EQ(Ask(kB, Queueing::kNone, 0, "a").verdict, Verdict::kNotTurn);
}

TEST_F(ClaimTest, AFirstRoundThatIsGrantedIsInNone) {
  EXPECT_EQ(Claim({"a", "b"}, Queueing::kIfRefused, kLate).verdict, Verdict::kOk);
  EXPECT_EQ(Redis({"EXISTS", Queue("a"), Queue("b")}), "0");
}

TEST_F(ClaimTest, NeitherATryNorOnePastTheQueueIsInAny) {
  Take("b", kB);
  Claim({"a", "b"}, Queueing::kNone);
  Claim({"a", "b"}, Queueing::kIgnore, kLate);
  EXPECT_EQ(Redis({"EXISTS", Queue("a"), Queue("b")}), "0");
}

TEST_F(ClaimTest, WhoComesBeforeItOnOneNameRefusesAllAndIsCalled) {
  Enter(kInstanceB, kEarly, Silent(), "b");
  Enter(kInstanceC, kEarly, Silent(), "c");
  const auto answer = Claim({"a", "b", "c"}, Queueing::kAlways, kLate);
  EXPECT_EQ(answer.verdict, Verdict::kNotTurn);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_EQ(answer.text, kInstanceB);
  EXPECT_EQ(answer.greatest, kEarly);
  EXPECT_EQ(answer.place, 2u) << "it is first for a alone";
  EXPECT_EQ(answer.names[0].place, 1u);
  EXPECT_THAT(Verdicts(answer), ElementsAre(Verdict::kTurn, Verdict::kNotTurn, Verdict::kNotTurn));
  EXPECT_THAT(Hints(),
              UnorderedElementsAre(Hint{kInstanceB, "free app:b"}, Hint{kInstanceC, "free app:c"}));
  EXPECT_EQ(OwnerOf("a"), "(nil)");
}

TEST_F(ClaimTest, OneThatIsFirstOnAllGetsAll) {
  Enter(kInstanceB, kLate, Silent(), "a");
  Enter(kInstanceB, kLate, Silent(), "b");
  const auto answer = Claim({"a", "b"}, Queueing::kAlways, kEarly);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.greatest, kLate);
  EXPECT_EQ(StampIn("a", kInstance), kEarly) << "a vote does not leave the queue (E6.3)";
}

TEST_F(ClaimTest, EachHolderIsToldOnceItIsFirstInItsQueue) {
  Take("a", kB);
  Take("b", kC);
  Enter(kInstanceB, kEarly, Silent(), "b");
  Claim({"a", "b"}, Queueing::kAlways, kLate);
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstanceB, "wanted app:a"})) << "for b another is first";
}

TEST_F(ClaimTest, AWantsStampTakesThePlaceOfAnOlderOne) {
  Enter(kInstance, kLate, Silent(), "a");
  Take("b", kB);
  Claim({"a", "b"}, Queueing::kAlways, kEarly);
  EXPECT_EQ(StampIn("a", kInstance), kEarly);
  EXPECT_EQ(StampIn("b", kInstance), kEarly);
}

TEST_F(ClaimTest, AnEntryOfAnOlderWantDoesNotHoldItBack) {
  Enter(kInstance, 3 * kLate, Silent(), "a");
  Enter(kInstanceB, kLate, Silent(), "a");
  EXPECT_EQ(Claim({"a", "b"}, Queueing::kIfRefused, kEarly).verdict, Verdict::kOk)
      << "its stamp is before the other's, whatever was left of another want";
}

}  // namespace
}  // namespace redlockd::redis
