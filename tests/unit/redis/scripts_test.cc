// The scripts on a real node, rule by rule; each test names what a wrong variant would do.
#include <gtest/gtest.h>

#include <cctype>
#include <regex>
#include <set>

#include "tests/unit/redis/scripts_fixture.h"

namespace redlockd::redis {
namespace {

// --- rules A2, A6: acquire ----------------------------------------------------------------------

TEST_F(ScriptsTest, AcquireTakesAFreeLockWithTheProposedFence) {
  Ready();
  const Fence proposal = Now() + 1000;
  const auto answer = Acquire(kA, 1s, proposal);
  EXPECT_EQ(answer.verdict, Verdict::kOk) << answer.text;
  EXPECT_EQ(answer.fence, proposal);
  EXPECT_NEAR(answer.node_time, proposal - 1000, 5 * kSecond);
  EXPECT_EQ(Key(), kA);
  EXPECT_EQ(StoredFence(), std::to_string(proposal)) << "a fence must not go through tostring (A7)";
  EXPECT_LE(Number({"PTTL", "app:job"}), 1000);
  EXPECT_GT(Number({"PTTL", "app:job"}), 0);
  EXPECT_LE(Number({"PTTL", "redlockd:fence:app:job"}), 20'000);
  EXPECT_GT(Number({"PTTL", "redlockd:fence:app:job"}), 5'000);
}

TEST_F(ScriptsTest, AcquireGoesPastTheStoredFence) {
  Ready();
  const Fence stored = Now() + 5000;
  StoreFence(stored);
  EXPECT_EQ(Acquire(kA, 1s, stored - 4000).fence, stored + 1);
  EXPECT_EQ(StoredFence(), std::to_string(stored + 1));
}

// To take a missing fence for 0 would let fences go back after they expired.
TEST_F(ScriptsTest, AcquireTakesAMissingFenceForTimeLessTheWindow) {
  Ready();
  const auto answer = Acquire(kA, 1s, 7);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.fence, answer.node_time - kSecond / 2 + 1);
}

TEST_F(ScriptsTest, AcquireRefusesAFenceBeyondTheWindowAndChangesNothing) {
  Ready();
  EXPECT_EQ(Acquire(kA, 1s, Now() + 10 * kSecond).verdict, Verdict::kSkew);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)");
  const Fence near = Now() + kSecond / 4;
  StoreFence(near);
  EXPECT_EQ(AcquireBlock(kA, 0, kSecond).verdict, Verdict::kSkew);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), std::to_string(near));
}

TEST_F(ScriptsTest, AcquireOfAnothersLockIsBusyWithAllThereIsToKnow) {
  Ready();
  const Fence fence = Acquire(kA, 2s, Now()).fence;
  const auto busy = Acquire(kB, 1s, Now());
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.fence, fence);
  EXPECT_EQ(busy.text, kA);
  EXPECT_GT(busy.left, 0s);
  EXPECT_LE(busy.left, 2s);
  EXPECT_EQ(Key(), kA);
  EXPECT_EQ(StoredFence(), std::to_string(fence)) << "a refused acquire must not raise the fence";
}

TEST_F(ScriptsTest, AcquireRespectsAPlainClientsKey) {
  Ready();
  std::string value(300, 'x');
  value[7] = '\r';
  Redis({"SET", "app:job", value, "NX", "PX", "5000"});
  auto busy = Acquire(kA);
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.fence, 0);
  EXPECT_EQ(busy.text, value.substr(0, 256));
  EXPECT_EQ(Key(), value);

  const std::string binary("\0:\xff:1", 5);
  Redis({"SET", "app:job", binary});
  busy = Acquire(kA);
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.text, binary);
  EXPECT_EQ(busy.left, kNoExpiry);
}

TEST_F(ScriptsTest, AKeyOfAnotherTypeIsBusyForAllAndNobodysOwn) {
  Ready();
  Redis({"RPUSH", "app:job", "1"});
  const auto busy = Acquire(kA);
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.text, "(a list)");
  EXPECT_EQ(busy.left, kNoExpiry);
  EXPECT_EQ(Confirm(kA, Now()).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Renew(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Inspect().text, "(a list)");
  EXPECT_EQ(Redis({"TYPE", "app:job"}), "list");
}

TEST_F(ScriptsTest, AFenceKeyThatHoldsNoNumberIsAnErrorThatSaysSo) {
  Ready();
  Redis({"SET", "redlockd:fence:app:job", "many"});
  const auto answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_NE(answer.text.find("the fence key holds no number"), std::string::npos) << answer.text;
  EXPECT_EQ(Key(), "(nil)");
}

TEST_F(ScriptsTest, AcquireOfItsOwnAgainRaisesTheFenceAndNeverShortens) {
  Ready();
  const Fence fence = Acquire(kA, 2s, Now()).fence;
  const auto again = Acquire(kA, 10ms, fence);
  EXPECT_EQ(again.verdict, Verdict::kOk);
  EXPECT_EQ(again.fence, fence + 1);
  EXPECT_GT(Number({"PTTL", "app:job"}), 500) << "a shorter ttl must not shorten a promise (C5)";
}

// --- blocks of fences (rules A2, A4, A6) --------------------------------------------------------

TEST_F(ScriptsTest, ABlockIsStoredToItsLastFence) {
  Ready();
  const Fence proposal = Now();
  EXPECT_EQ(AcquireBlock(kA, proposal, 64).fence, proposal);
  EXPECT_EQ(StoredFence(), std::to_string(proposal + 63)) << "or the next gets one of these (B1)";
  EXPECT_EQ(AcquireBlock(kA, proposal, 8).fence, proposal + 64) << "renewed: the next block (B3)";
  EXPECT_EQ(StoredFence(), std::to_string(proposal + 71));
}

TEST_F(ScriptsTest, ABlockMustEndWithinTheWindow) {
  Ready();
  constexpr Fence kTooMany = 20 * kSecond;
  EXPECT_EQ(AcquireBlock(kA, Now(), kTooMany).verdict, Verdict::kSkew);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)");
  const Fence fence = AcquireBlock(kA, Now(), 64).fence;
  EXPECT_EQ(AcquireBlock(kA, fence, kTooMany).verdict, Verdict::kSkew) << "renewed, too (A6)";
  EXPECT_EQ(ConfirmBlock(kA, fence, kTooMany).verdict, Verdict::kSkew);
  EXPECT_EQ(StoredFence(), std::to_string(fence + 63));
}

TEST_F(ScriptsTest, ConfirmOfABlockStoresItsLastFence) {
  Ready();
  const Fence fence = AcquireBlock(kA, Now(), 64).fence;
  EXPECT_EQ(ConfirmBlock(kA, fence, 64).verdict, Verdict::kOk) << "stored is the block's own last";
  const auto answer = ConfirmBlock(kA, fence + 10, 64);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.fence, fence + 10);
  EXPECT_EQ(StoredFence(), std::to_string(fence + 73));
  EXPECT_EQ(ConfirmBlock(kA, fence + 9, 64).verdict, Verdict::kPassed);
}

// --- rule C8 ------------------------------------------------------------------------------------

TEST_F(ScriptsTest, AcquireTakesOverAnEarlierAttemptOfItsOwnInstance) {
  Ready();
  const Fence fence = Acquire(kA).fence;
  const auto taken = Acquire(kLaterA);  // 10 after 5: as numbers, not as text
  EXPECT_EQ(taken.verdict, Verdict::kOk);
  EXPECT_GT(taken.fence, fence);
  EXPECT_EQ(Key(), kLaterA);
}

TEST_F(ScriptsTest, AcquireDoesNotTakeOverALaterAttemptOrAnotherInstances) {
  Ready();
  Acquire(kA);
  EXPECT_EQ(Acquire(kEarlierA).verdict, Verdict::kBusy);
  EXPECT_EQ(Key(), kA);
  Release(kA);
  Acquire("fedcba987654321001234567:1:host-b");
  EXPECT_EQ(Acquire(kLaterA).verdict, Verdict::kBusy) << "never across instances";
}

// --- rules A4, A6: confirm ----------------------------------------------------------------------

TEST_F(ScriptsTest, ConfirmRaisesTheFenceOfItsOwnLock) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  const auto answer = Confirm(kA, fence + 10);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(StoredFence(), std::to_string(fence + 10));
  EXPECT_GT(Number({"PTTL", "redlockd:fence:app:job"}), 5'000);
  EXPECT_EQ(Confirm(kA, fence + 10).verdict, Verdict::kOk) << "stored = T acks";
}

TEST_F(ScriptsTest, ConfirmNeedsTheKeyToBeTheOwners) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  EXPECT_EQ(Confirm(kB, fence + 10).verdict, Verdict::kNotOwner);
  Release(kA);
  EXPECT_EQ(Confirm(kA, fence + 10).verdict, Verdict::kNotOwner);
  EXPECT_EQ(StoredFence(), std::to_string(fence));
}

TEST_F(ScriptsTest, ConfirmIsPassedByAGreaterStoredFence) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  const auto answer = Confirm(kA, fence - 1);
  EXPECT_EQ(answer.verdict, Verdict::kPassed);
  EXPECT_EQ(answer.fence, fence);
  EXPECT_EQ(StoredFence(), std::to_string(fence));
}

// To take the missing one for 0 gives the same fence twice.
TEST_F(ScriptsTest, ConfirmIsPassedWhereTheStoredFenceIsMissing) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  Redis({"DEL", "redlockd:fence:app:job"});
  const auto answer = Confirm(kA, fence + 10);
  EXPECT_EQ(answer.verdict, Verdict::kPassed);
  EXPECT_EQ(answer.fence, 0);
  EXPECT_EQ(StoredFence(), "(nil)");
}

TEST_F(ScriptsTest, ConfirmRefusesAFenceBeyondTheWindow) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  EXPECT_EQ(Confirm(kA, Now() + 10 * kSecond).verdict, Verdict::kSkew);
  EXPECT_EQ(StoredFence(), std::to_string(fence));
}

// --- rule C5: renew -----------------------------------------------------------------------------

TEST_F(ScriptsTest, RenewLengthensAndRefreshesTheFencesLife) {
  Ready();
  Acquire(kA, 500ms);
  Redis({"PEXPIRE", "redlockd:fence:app:job", "600"});
  EXPECT_EQ(Renew(kA, 2s).verdict, Verdict::kOk);
  EXPECT_GT(Number({"PTTL", "app:job"}), 1000);
  EXPECT_GT(Number({"PTTL", "redlockd:fence:app:job"}), 5'000);
}

TEST_F(ScriptsTest, RenewsManyAndSaysOfEach) {
  Ready();
  for (const char* lock : {"one", "three"}) Do(engine::AcquireOp{lock, kA, 1s, 0});
  Do(engine::AcquireOp{"two", kB, 1s, 0});
  const auto answer =
      RenewAll({{"one", kA, 2s}, {"two", kA, 2s}, {"three", kA, 1500ms}, {"four", kA, 2s}});
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.text, "onon");
  EXPECT_GT(Number({"PTTL", "app:one"}), 1500);
  EXPECT_LE(Number({"PTTL", "app:two"}), 1000);
  EXPECT_LE(Number({"PTTL", "app:three"}), 1500);
  EXPECT_GT(Number({"PTTL", "app:three"}), 1000);
  EXPECT_EQ(Redis({"EXISTS", "app:four"}), "0");
}

TEST_F(ScriptsTest, RenewNeverShortens) {
  Ready();
  Acquire(kA, 2s);
  EXPECT_EQ(Renew(kA, 10ms).verdict, Verdict::kOk);
  EXPECT_GT(Number({"PTTL", "app:job"}), 500);
}

TEST_F(ScriptsTest, RenewNeverSetsAKey) {
  Ready();
  EXPECT_EQ(Renew(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)");
  Acquire(kB, 1s);
  EXPECT_EQ(Renew(kA, 2s).verdict, Verdict::kNotOwner);
  EXPECT_LE(Number({"PTTL", "app:job"}), 1000);
}

// --- rule C4: release ---------------------------------------------------------------------------

TEST_F(ScriptsTest, ReleaseDeletesItsOwnAndKeepsTheFence) {
  Ready();
  Acquire(kA);
  EXPECT_EQ(Release(kB).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Key(), kA);
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_NE(StoredFence(), "(nil)");
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
}

TEST_F(ScriptsTest, ReleaseOfSeveralDeletesEachThatIsItsOwners) {
  Ready();
  Acquire(kA);
  Do(engine::AcquireOp{"other", kB, 1s, 0});
  Do(engine::AcquireOp{"third", kLaterA, 1s, 0});
  const auto answer =
      ReleaseAll({{"job", kA}, {"other", kA}, {"third", kLaterA}, {"job", kA}, {"never", kA}});
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.text, "ononn");
  EXPECT_EQ(answer.greatest, 0);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(Redis({"GET", "app:other"}), kB);
  EXPECT_EQ(Redis({"GET", "app:third"}), "(nil)");
}

TEST_F(ScriptsTest, ReleaseRunsInQuarantine) {
  Ready();
  Acquire(kA, 2s);
  Do(engine::SuspectOp{});
  EXPECT_EQ(Release(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Key(), "(nil)");
}

// --- inspect ------------------------------------------------------------------------------------

TEST_F(ScriptsTest, InspectReadsAndWritesNothing) {
  auto answer = Inspect();
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.fence, 0);
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.left, 0s);
  EXPECT_EQ(Redis({"DBSIZE"}), "0");
  Ready();
  const Fence fence = Acquire(kA, 2s).fence;
  answer = Inspect();
  EXPECT_EQ(answer.fence, fence);
  EXPECT_EQ(answer.text, kA);
  EXPECT_GT(answer.left, 0s);
  EXPECT_LE(answer.left, 2s);
}

// --- rules D1, D4: the sentinel -----------------------------------------------------------------

TEST_F(ScriptsTest, AnEmptyNodeVotesForNobodyUntilItIsIntroduced) {
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kAmnesia);
  EXPECT_EQ(Do(engine::SuspectOp{}).verdict, Verdict::kAmnesia);
  Do(engine::ProbeOp{.may_write = false});
  EXPECT_EQ(MemoryFromProbe(), "none");
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kAmnesia);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(Sentinel("max_ttl"), "(nil)") << "no daemon settles by the way";
}

TEST_F(ScriptsTest, AnIntroducedNodeBeginsItsQuarantineAndSetsNothing) {
  const auto answer = Do(engine::ProbeOp{});
  EXPECT_EQ(MemoryFromProbe(), "new");
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kQuarantine);
  EXPECT_EQ(answer.verdict, Verdict::kAmnesia);
  EXPECT_EQ(answer.left, 3s);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)");
  EXPECT_EQ(Sentinel("run"), run_id_);
  EXPECT_EQ(Sentinel("ready"), std::to_string(answer.node_time + 3 * kSecond));
  EXPECT_EQ(Sentinel("max_ttl"), "2000000");
  EXPECT_EQ(Sentinel("fence_window"), "500000");
  EXPECT_EQ(Redis({"PTTL", "redlockd:node"}), "-1");
}

// "Set but do not count the vote" gives two holders.
TEST_F(ScriptsTest, InQuarantineNothingIsSetConfirmedOrRenewed) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  Do(engine::SuspectOp{});
  const auto refused = Acquire(kB);
  EXPECT_EQ(refused.verdict, Verdict::kQuarantine);
  EXPECT_GT(refused.left, 2s);
  EXPECT_LE(refused.left, 3s);
  EXPECT_EQ(Acquire(kA, 2s, fence + 10).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Confirm(kA, fence + 10).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Renew(kA, 2s).verdict, Verdict::kQuarantine);
  EXPECT_LE(Number({"PTTL", "app:job"}), 1000);
  EXPECT_EQ(StoredFence(), std::to_string(fence));
}

TEST_F(ScriptsTest, TheQuarantinePasses) {
  set_.quarantine = 50ms;
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kAmnesia);
  EXPECT_TRUE(test::Eventually([&] { return Acquire(kA).verdict == Verdict::kOk; }));
}

TEST_F(ScriptsTest, AFlushedNodeForgetsItsTrust) {
  Ready();
  Redis({"FLUSHALL"});
  EXPECT_EQ(Renew(kA).verdict, Verdict::kAmnesia);
  Do(engine::ProbeOp{});
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kQuarantine);
  Redis({"FLUSHALL"});
  EXPECT_EQ(Confirm(kA, Now()).verdict, Verdict::kAmnesia);
}

// A restart from a dump keeps the sentinel, not what was written after the dump.
TEST_F(ScriptsTest, ASentinelOfAnotherRunIsAmnesiaThatKeepsIdSetAndSettings) {
  Ready();
  Do(engine::ProbeOp{"node-1", "set-1"});
  run_id_ = std::string(40, 'e');
  const auto answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kAmnesia);
  EXPECT_EQ(answer.left, 3s);
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(Sentinel("run"), run_id_);
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kQuarantine);
  EXPECT_EQ(Sentinel("id"), "node-1");
  EXPECT_EQ(Sentinel("set"), "set-1");
}

TEST_F(ScriptsTest, AnotherRunMetWithSmallerSettingsWaitsForTheGreaterQuarantine) {
  Ready();
  SetOptions smaller = SmallSet();
  smaller.max_ttl = 1s;
  smaller.quarantine = 2s;
  run_id_ = std::string(40, 'e');
  EXPECT_EQ(DoAs(smaller, engine::RenewOp{"job", kA, 1s}).left, 3s);
  EXPECT_EQ(Sentinel("max_ttl"), "2000000");
}

// A daemon with wrong settings comes by, and every node that restarts would be silent for a day.
TEST_F(ScriptsTest, AnotherRunMetWithGreaterSettingsWaitsForItsOwnQuarantine) {
  Ready();
  SetOptions greater = SmallSet();
  greater.max_ttl = 24h;
  greater.quarantine = 25h;
  run_id_ = std::string(40, 'e');
  EXPECT_EQ(DoAs(greater, engine::ProbeOp{}).left, 3s);
  EXPECT_EQ(DoAs(greater, engine::SuspectOp{}).left, 3s);
}

TEST_F(ScriptsTest, ASentinelThatIsNotWholeIsNone) {
  Ready();
  Redis({"HDEL", "redlockd:node", "ready"});
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kAmnesia);
}

// --- rule D3 ------------------------------------------------------------------------------------

TEST_F(ScriptsTest, OtherSettingsGetNoVoteAndAreNamed) {
  Ready();
  SetOptions other = SmallSet();
  other.max_ttl = 4s;
  auto answer = DoAs(other, engine::AcquireOp{"job", kA, 1s, 0});
  EXPECT_EQ(answer.verdict, Verdict::kSettings);
  EXPECT_EQ(answer.text, "max_ttl is 2000ms on the node, 4000ms here");
  EXPECT_EQ(Key(), "(nil)");
  other = SmallSet();
  other.fence_window = 250ms;
  Acquire(kA);
  answer = DoAs(other, engine::RenewOp{"job", kA, 2s});
  EXPECT_EQ(answer.verdict, Verdict::kSettings);
  EXPECT_EQ(answer.text, "fence_window is 500ms on the node, 250ms here");
  EXPECT_LE(Number({"PTTL", "app:job"}), 1000);
  EXPECT_EQ(DoAs(other, engine::ConfirmOp{"job", kA, Now()}).verdict, Verdict::kSettings);
  EXPECT_EQ(DoAs(other, engine::TrustOp{}).verdict, Verdict::kSettings);
  EXPECT_EQ(DoAs(other, engine::ProbeOp{}).verdict, Verdict::kSettings);
}

TEST_F(ScriptsTest, AnotherPrefixGetsNoVoteAndIsNamed) {
  Ready();
  SetOptions other = SmallSet();
  other.key_prefix = "app2:";
  const auto answer = DoAs(other, engine::ProbeOp{});
  EXPECT_EQ(answer.verdict, Verdict::kSettings);
  EXPECT_EQ(answer.text, "key_prefix is 'app:' on the node, 'app2:' here");
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kOk);
  DoAs(other, engine::AdoptOp{""});
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kSettings);
  EXPECT_EQ(DoAs(other, engine::ProbeOp{}).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, AdoptWritesSettingsAndSetAfterTheGreaterQuarantine) {
  Ready();
  Acquire(kA);
  Do(engine::ProbeOp{"node-1", "set-1"});
  SetOptions smaller = SmallSet();
  smaller.max_ttl = 1s;
  smaller.quarantine = 2s;
  const auto answer = DoAs(smaller, engine::AdoptOp{"set-2"});
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 3s) << "leases under the old settings may live on: its quarantine";
  EXPECT_EQ(Sentinel("set"), "set-2");
  EXPECT_EQ(Sentinel("id"), "node-1");
  // The next check must not cut the rest to this daemon's own, smaller quarantine.
  const auto refused = DoAs(smaller, engine::AcquireOp{"job", kA, 1s, 0});
  EXPECT_EQ(refused.verdict, Verdict::kQuarantine);
  EXPECT_GT(refused.left, 2s);
  // Nor does another adoption meanwhile.
  EXPECT_EQ(DoAs(smaller, engine::AdoptOp{"set-2"}).left, 3s);
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kSettings);
  // Nobody can trust it, for it has voted.
  EXPECT_EQ(DoAs(smaller, engine::TrustOp{}).verdict, Verdict::kQuarantine);
  // Once it has passed, the smaller settings are all that counts.
  server_.ShiftClock(3s);
  EXPECT_EQ(DoAs(smaller, engine::SuspectOp{}).left, 2s);
}

TEST_F(ScriptsTest, SettingsThatNoVoteWasGivenUnderDoNotLengthenAnAdoption) {
  SetOptions greater = SmallSet();
  greater.max_ttl = 24h;
  greater.quarantine = 25h;
  DoAs(greater, engine::ProbeOp{});
  EXPECT_EQ(Do(engine::AdoptOp{""}).left, 3s);
  DoAs(greater, engine::AdoptOp{""});
  EXPECT_EQ(Do(engine::AdoptOp{""}).left, 3s);
}

TEST_F(ScriptsTest, AdoptOfGreaterSettingsTakesItsOwnQuarantine) {
  Ready();
  SetOptions greater = SmallSet();
  greater.max_ttl = 8s;
  greater.quarantine = 9s;
  EXPECT_EQ(DoAs(greater, engine::AdoptOp{"set-2"}).left, 9s);
  EXPECT_EQ(DoAs(greater, engine::ProbeOp{}).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, AdoptWithoutASetLeavesItForTheNextIntroduction) {
  Ready();
  Do(engine::ProbeOp{"node-1", "set-1"});
  EXPECT_EQ(Do(engine::AdoptOp{""}).verdict, Verdict::kOk);
  Do(engine::ProbeOp{"", ""});
  EXPECT_EQ(SetFromProbe(), "");
  Do(engine::ProbeOp{"", "set-2"});
  EXPECT_EQ(SetFromProbe(), "set-2");
}

TEST_F(ScriptsTest, AdoptOfANewNodeWritesItsSentinel) {
  EXPECT_EQ(Do(engine::AdoptOp{"set-1"}).left, 3s);
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kQuarantine);
}

// --- rules D5, D6 -------------------------------------------------------------------------------

TEST_F(ScriptsTest, SuspectBeginsAQuarantine) {
  Ready();
  const auto answer = Do(engine::SuspectOp{});
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.left, 3s);
  EXPECT_EQ(Sentinel("ready"), std::to_string(answer.node_time + 3 * kSecond));
}

TEST_F(ScriptsTest, OfAClockASecondWitnessIsNeeded) {
  Ready();
  EXPECT_EQ(Do(engine::SuspectOp{"a"}).left, 0s);
  EXPECT_EQ(Do(engine::SuspectOp{"a"}).left, 0s) << "the same again is no second";
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kOk);
  EXPECT_EQ(Do(engine::SuspectOp{"b"}).left, 3s);
  EXPECT_EQ(Acquire(kB).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, AWitnessOfLongAgoIsNone) {
  Ready();
  Do(engine::SuspectOp{"a"});
  server_.ShiftClock(6s);
  EXPECT_EQ(Do(engine::SuspectOp{"b"}).left, 0s);
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kOk);
  server_.ShiftClock(10s);
  EXPECT_EQ(Do(engine::SuspectOp{"c"}).left, 3s) << "b is no older than that";
}

TEST_F(ScriptsTest, AWitnessDoesNotShortenAQuarantine) {
  Ready();
  Do(engine::SuspectOp{});
  EXPECT_GT(Do(engine::SuspectOp{"a"}).left, 2s);
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, SuspectOnlyRaisesReady) {
  set_.quarantine = 30s;
  Do(engine::ProbeOp{});
  const std::string ready = Sentinel("ready");
  set_.quarantine = 3s;  // another daemon's, with another drift
  Do(engine::SuspectOp{});
  EXPECT_GE(std::stoll(Sentinel("ready")), std::stoll(ready));
}

TEST_F(ScriptsTest, AClockThatWentBackDoesNotProlongTheQuarantine) {
  Do(engine::ProbeOp{});
  server_.ShiftClock(-1h);
  const auto answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kQuarantine);
  EXPECT_EQ(answer.left, 3s);
  EXPECT_EQ(Sentinel("ready"), std::to_string(answer.node_time + 3 * kSecond));
}

// A6. They go on from where they were, also from a node that missed the last ones, but not further.
TEST_F(ScriptsTest, FencesDoNotGoBackWithTheClock) {
  Ready();
  const Fence fence = Acquire(kA, 1s, Now()).fence;
  Release(kA);
  server_.ShiftClock(-1h);
  Redis({"HSET", "redlockd:node", "ready", "1"});
  EXPECT_EQ(Acquire(kA, 1s, fence + kSecond).verdict, Verdict::kSkew) << "beyond the window";
  EXPECT_EQ(StoredFence(), std::to_string(fence));
  EXPECT_EQ(Acquire(kA, 1s, Now()).fence, fence + 1);
  EXPECT_EQ(Confirm(kA, fence + 7).verdict, Verdict::kOk);
  EXPECT_EQ(Confirm(kA, fence + kSecond).verdict, Verdict::kSkew);
  EXPECT_EQ(StoredFence(), std::to_string(fence + 7));
  EXPECT_EQ(Acquire(kA, 1s, Now()).fence, fence + 8);
}

// Forgotten sooner, the floor would lie below it: the next one would be less.
TEST_F(ScriptsTest, AFenceAheadOfTheClockIsNotForgottenBeforeTheClockHasPassedIt) {
  Ready();
  Acquire(kA, 1s, Now());
  server_.ShiftClock(-1h);
  Redis({"HSET", "redlockd:node", "ready", "1"});
  for (const bool renews : {false, true}) {
    if (renews) {
      EXPECT_EQ(Renew(kA).verdict, Verdict::kOk);
    } else {
      EXPECT_EQ(Acquire(kA, 1s, Now()).verdict, Verdict::kOk);
    }
    EXPECT_GT(Number({"PTTL", "redlockd:fence:app:job"}), 3'600'000);
  }
}

// --- rule D7 ------------------------------------------------------------------------------------

TEST_F(ScriptsTest, TrustEndsTheQuarantineOfANodeThatHasItsSentinel) {
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kAmnesia) << "nobody has looked at it yet";
  Do(engine::ProbeOp{});
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kOk);
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kOk);
  run_id_ = std::string(40, 'e');
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kAmnesia);
}

TEST_F(ScriptsTest, TrustIsRefusedByANodeThatHasVoted) {
  Ready();
  Acquire(kA);
  Do(engine::SuspectOp{});
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kQuarantine);
  Do(engine::ProbeOp{});
  EXPECT_EQ(MemoryFromProbe(), "used");
  EXPECT_EQ(Acquire(kB).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, TrustIsRefusedWhereADaemonRemembersTheNode) {
  Do(engine::ProbeOp{.counted = "another-run"});
  EXPECT_EQ(MemoryFromProbe(), "used");
  EXPECT_EQ(Sentinel("was"), "another-run");
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kQuarantine);
}

TEST_F(ScriptsTest, TrustDoesNothingToANodeThatVotes) {
  Ready();
  const std::string ready = Sentinel("ready");
  EXPECT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kOk);
  EXPECT_EQ(Sentinel("ready"), ready);
}

// --- rule D8 ------------------------------------------------------------------------------------

TEST_F(ScriptsTest, IntroduceWritesIdAndSetOnce) {
  EXPECT_EQ(Do(engine::ProbeOp{"", ""}).verdict, Verdict::kAmnesia);
  EXPECT_EQ(IdFromProbe(), "");
  EXPECT_EQ(Do(engine::ProbeOp{"node-1", ""}).verdict, Verdict::kQuarantine);
  EXPECT_EQ(IdFromProbe(), "node-1");
  EXPECT_EQ(SetFromProbe(), "");
  Do(engine::ProbeOp{"node-2", "set-1"});
  EXPECT_EQ(IdFromProbe(), "node-1");
  EXPECT_EQ(SetFromProbe(), "set-1");
  Do(engine::ProbeOp{"", "set-2"});
  EXPECT_EQ(SetFromProbe(), "set-1");
}

TEST_F(ScriptsTest, EachIntroductionIsCounted) {
  Do(engine::ProbeOp{});
  EXPECT_EQ(last_->element[10]->integer, 1);
  Do(engine::ProbeOp{.may_write = false});
  EXPECT_EQ(last_->element[10]->integer, 2);
}

// --- rule D10 -----------------------------------------------------------------------------------

TEST_F(ScriptsTest, AnotherRunForAnIdIsToldWhileItIsHeard) {
  Ready();
  const auto say = [&](const std::string& instance, const std::string& run,
                       std::optional<engine::Duration> ago) {
    Do(engine::ProbeOp{.instance = instance, .sightings = {{"id-2", run, ago}}});
    return OthersFromProbe();
  };
  EXPECT_EQ(say("a", "x", 0s), "");
  EXPECT_EQ(say("b", "x", std::nullopt), "");
  EXPECT_EQ(say("b", "y", 0s).substr(0, 7), "id-2=x=");
  EXPECT_EQ(Sentinel("run:id-2").substr(0, 2), "x ");
  EXPECT_EQ(say("a", "z", 0s), "") << "its own word it may change";
  EXPECT_EQ(say("b", "y", 0s).substr(0, 7), "id-2=z=");
  server_.ShiftClock(6s);
  EXPECT_EQ(say("b", "y", std::nullopt), "");
  EXPECT_EQ(Sentinel("run:id-2").substr(0, 2), "z ") << "it only asked";
  EXPECT_EQ(say("b", "y", 3s), "");
  EXPECT_EQ(say("a", "z", 0s).substr(0, 7), "id-2=y=");
  server_.ShiftClock(9s);
  EXPECT_EQ(say("a", "z", 0s), "") << "it counts from when it was heard";
}

// --- the node's own refusals --------------------------------------------------------------------

// Of what another program keeps under the name of a lock 256 bytes are read, whatever its size.
TEST_F(ScriptsTest, OfAForeignValueNoMoreIsReadThanIsShown) {
  Ready();
  Redis({"SETRANGE", "app:job", "20000000", "x"});
  const auto busy = Acquire(kA);
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.text.size(), 256u);
  EXPECT_EQ(Inspect().text.size(), 256u);
  EXPECT_EQ(Renew(kA).verdict, Verdict::kNotOwner);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
}

TEST_F(ScriptsTest, AnEmptyValueIsAnothersToo) {
  Ready();
  Redis({"SET", "app:job", ""});
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kBusy);
  EXPECT_EQ(Inspect().text, "(an empty string)");
  EXPECT_EQ(Redis({"EXISTS", "app:job"}), "1");
}

TEST_F(ScriptsTest, AnOwnerIsNotTheBeginningOfALongerValue) {
  Ready();
  Redis({"SET", "app:job", kA + std::string(300, 'x')});
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kBusy);
  EXPECT_EQ(Release(kA).verdict, Verdict::kNotOwner);
}

TEST_F(ScriptsTest, AFullNodeSaysSoAtTheIntroductionAndRenews) {
  Ready();
  ASSERT_EQ(Acquire(kA, 500ms).verdict, Verdict::kOk);
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(Do(engine::ProbeOp{"node-1", "set-1"}).verdict, Verdict::kOk);
  EXPECT_NE(std::string(last_->element[8]->str).find("OOM"), std::string::npos);
  EXPECT_EQ(Renew(kA, 2s).verdict, Verdict::kOk);
  EXPECT_GT(Number({"PTTL", "app:job"}), 1000);
  Redis({"CONFIG", "SET", "maxmemory", "0"});
  Do(engine::ProbeOp{"node-1", "set-1"});
  EXPECT_EQ(std::string(last_->element[8]->str), "");
  EXPECT_EQ(IdFromProbe(), "node-1");
}

// --- several locks in one call (rule C16) -------------------------------------------------------

TEST_F(ScriptsTest, SeveralLocksHaveTheirOwnVerdictsInOneCall) {
  Ready();
  Redis({"SET", "app:busy", "o:9:h", "PX", "5000"});
  Redis({"LPUSH", "app:list", "x"});
  Redis({"SET", "redlockd:fence:app:odd", "no number"});
  const NodeTime now = Now();
  Redis({"ZADD", "redlockd:queue:app:wanted", std::to_string(now - kSecond), "first"});
  Redis({"HSET", "redlockd:wait:app:wanted", "first",
         std::to_string(now + 60 * kSecond) + " 0 50000 0"});
  Redis({"SET", "redlockd:fence:app:known", "41"});
  std::vector<engine::AcquireOp> acquires;
  for (const std::string lock : {"free", "busy", "list", "odd", "wanted", "known", "free2"}) {
    acquires.push_back({.lock = lock, .owner = "me:1:h", .ttl = 2s, .proposal = 100});
  }
  acquires[6].proposal = now + 3600 * kSecond;  // beyond the window
  const auto answers = AcquireAll(acquires);
  ASSERT_EQ(answers.size(), 7u);
  const Verdict expected[] = {Verdict::kOk,      Verdict::kBusy, Verdict::kBusy, Verdict::kError,
                              Verdict::kNotTurn, Verdict::kOk,   Verdict::kSkew};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(answers[i].verdict, expected[i]) << i;
  EXPECT_EQ(answers[1].text, "o:9:h");
  EXPECT_EQ(answers[2].text, "(a list)");
  EXPECT_EQ(answers[3].text, "the fence key holds no number");
  EXPECT_EQ(answers[4].text, "first");
  EXPECT_EQ(Redis({"GET", "app:free"}), "me:1:h");
  EXPECT_EQ(Redis({"GET", "app:known"}), "me:1:h");
  for (const std::string lock : {"odd", "wanted", "free2"}) {
    EXPECT_EQ(Redis({"EXISTS", "app:" + lock}), "0") << lock;
  }
}

TEST_F(ScriptsTest, OfSeveralLocksThatAreNewEachIsTakenAndOnlyOnce) {
  Ready();
  std::vector<engine::AcquireOp> acquires;
  for (const std::string lock : {"a", "b", "a"}) {
    acquires.push_back({.lock = lock,
                        .owner = "me:" + std::to_string(3 - acquires.size()) + ":h",
                        .ttl = 2s,
                        .proposal = 100});
  }
  const auto answers = AcquireAll(acquires);
  EXPECT_EQ(answers[0].verdict, Verdict::kOk);
  EXPECT_EQ(answers[1].verdict, Verdict::kOk);
  EXPECT_EQ(answers[2].verdict, Verdict::kBusy) << "it was new when the call began";
  EXPECT_EQ(Redis({"GET", "app:a"}), "me:3:h");
}

TEST_F(ScriptsTest, ANodeThatDoesNotVoteRefusesSeveralLocksTogether) {
  Do(engine::ProbeOp{});
  const auto answers = AcquireAll({{.lock = "a", .owner = "me:1:h", .ttl = 2s, .proposal = 1},
                                   {.lock = "b", .owner = "me:2:h", .ttl = 2s, .proposal = 1}});
  ASSERT_EQ(answers.size(), 2u);
  for (const NodeAnswer& answer : answers) EXPECT_EQ(answer.verdict, Verdict::kQuarantine);
  EXPECT_EQ(Redis({"EXISTS", "app:a", "app:b"}), "0");
}

// --- the introduction ---------------------------------------------------------------------------

// It names each command that the user may not use, before a lock is asked for, and leaves nothing
// behind.
TEST_F(ScriptsTest, TheIntroductionNamesEachMissingRight) {
  Ready();
  Redis({"ACL", "SETUSER", "redlock", "on", ">pw", "~*", test::ServerUnderTest().AllChannels(),
         "+@all"});
  const std::unique_ptr<redisReply, decltype(&freeReplyObject)> login(
      static_cast<redisReply*>(redisCommand(context_.get(), "AUTH redlock pw")), &freeReplyObject);
  ASSERT_STREQ(login->str, "OK");
  for (const std::string right :
       {"exists", "type", "pttl", "getrange", "set", "del", "pexpire", "hget", "hgetall", "hmget",
        "hset", "hdel", "zadd", "zrem", "zscore", "zrank", "zrange", "zrevrangebyscore"}) {
    Redis({"ACL", "SETUSER", "redlock", "-" + right});
    const auto answer = Do(engine::ProbeOp{});
    EXPECT_EQ(answer.verdict, Verdict::kError);
    std::string name = right;
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(answer.text.rfind("NOPERM for " + name + ", which redlockd needs: ", 0), 0u)
        << answer.text;
    Redis({"ACL", "SETUSER", "redlock", "+" + right});
  }
  Redis({"ACL", "SETUSER", "redlock", "-publish"});
  EXPECT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kOk) << "one can live without it";
  EXPECT_NE(std::string(last_->element[9]->str).find("PUBLISH: "), std::string::npos);
  EXPECT_EQ(Redis({"EXISTS", "redlockd:try", "app:redlockd:try"}), "0");
}

// What the scripts call, and nothing else, is what the introduction tries.
TEST_F(ScriptsTest, TheIntroductionTriesAllThatTheScriptsUse) {
  const std::string_view tries = Get(ScriptId::kIntroduce).source;
  const std::regex call("redis\\.p?call\\('([A-Z]+)'");
  std::set<std::string> used;
  for (const Script& script : AllScripts()) {
    const std::string source(script.source);
    for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it) {
      used.insert((*it)[1]);
    }
  }
  EXPECT_GE(used.size(), 17u);
  EXPECT_FALSE(used.contains("GET")) << "which reads the whole of what may be another program's";
  for (const std::string& command : used) {
    if (command == "TIME") continue;  // by the handshake
    EXPECT_NE(tries.find("'" + command + "',"), std::string_view::npos) << command;
  }
}

TEST_F(ScriptsTest, WhatTheNodeRefusesIsAnErrorWithItsText) {
  Ready();
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  auto answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_NE(answer.text.find("OOM"), std::string::npos) << answer.text;
  EXPECT_EQ(Key(), "(nil)");
  EXPECT_EQ(StoredFence(), "(nil)") << "all or nothing";
  Redis({"CONFIG", "SET", "maxmemory", "0"});
  Redis({"REPLICAOF", "127.0.0.1", "1"});
  answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_NE(answer.text.find("READONLY"), std::string::npos) << answer.text;
}

}  // namespace
}  // namespace redlockd::redis
