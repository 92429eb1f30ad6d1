// The fake node of tests/sim keeps the promises of a real one: the same steps, the same answers,
// the same keys, to the microsecond of a clock that the test turns.
//
// REDLOCKD_SEED=n runs that sequence alone, REDLOCKD_SEEDS=n that many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>

#include "tests/contract/compare.h"
#include "tests/contract/generate.h"

namespace redlockd::contract {
namespace {

constexpr std::size_t kSteps = 80;
constexpr std::uint64_t kSeeds = 180;
constexpr std::uint64_t kSeedsWithRestarts = 5;  // a restart takes a while

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The verdict of a script, or the code of an error.
std::string Word(const sim::Reply& reply) {
  if (reply.kind == sim::Reply::Kind::kError) return reply.text.substr(0, reply.text.find(' '));
  return reply.elements.empty() ? "-" : reply.elements.front().text;
}

void CompareSeeds(const std::vector<std::string>& args, Faults faults, std::uint64_t seeds) {
  const test::Server& server = test::ServerUnderTest();
  const Errors errors = ErrorsOf(server);
  const std::uint64_t only = FromEnvironment("REDLOCKD_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : FromEnvironment("REDLOCKD_SEEDS", seeds);
  std::cout << last - first + 1 << " sequences of " << kSteps << " steps" << std::endl;
  RealSide real(args);
  FakeSide fake(server.MayDropWhatIsDueAtLoad());
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const auto steps = Generate(seed, kSteps, faults);
    if (!Compare(fake, real, steps, errors)) continue;
    FAIL() << "REDLOCKD_SEED=" << seed << '\n' << Story(fake, real, steps, errors);
  }
}

TEST(Contract, RepliesAndKeysAreTheSame) { CompareSeeds({}, Faults::kNone, kSeeds); }

TEST(Contract, AProcessThatKeptItsKeysInAnAppendOnlyFileGoesOnWithThem) {
  CompareSeeds({"--appendonly", "yes", "--appendfsync", "always"}, Faults::kRestarts,
               kSeedsWithRestarts);
}

TEST(Contract, AProcessThatCrashedGoesOnWithItsSnapshot) {
  CompareSeeds({}, Faults::kCrashes, kSeedsWithRestarts);
}

// The letters of a release of several locks; else nothing.
std::string Letters(const Step& step, const sim::Reply& reply) {
  const auto* call = std::get_if<ScriptCall>(&step.what);
  if (call == nullptr || call->script != redis::ScriptId::kRelease) return {};
  if (call->call.keys.size() < 6 || reply.elements.size() < 5) return {};
  return reply.elements[4].text;
}

// The verdicts of an acquire of several locks, or of a claim; else nothing.
std::vector<std::string> Rows(const Step& step, const sim::Reply& reply) {
  std::vector<std::string> rows;
  const auto* call = std::get_if<ScriptCall>(&step.what);
  const bool is_claim = call != nullptr && call->script == redis::ScriptId::kClaim;
  if (!is_claim && (call == nullptr || call->script != redis::ScriptId::kAcquire)) return rows;
  if (!is_claim && call->call.keys.size() <= 5) return rows;
  for (std::size_t i = 2; i + 5 < reply.elements.size(); i += 6) {
    rows.push_back((is_claim ? "name " : "row ") + reply.elements[i].text);
  }
  return rows;
}

// The verdict of an op of a shared lock; else nothing.
std::string OfShared(const Step& step, const sim::Reply& reply) {
  const auto* call = std::get_if<ScriptCall>(&step.what);
  if (call == nullptr) return {};
  if (call->script == redis::ScriptId::kShare) return "share " + Word(reply);
  return call->script == redis::ScriptId::kRaise ? "raise " + Word(reply) : std::string();
}

// What is never answered is not compared.
TEST(Contract, TheSequencesMeetEveryAnswer) {
  std::map<std::string, std::size_t> census;
  FakeSide fake;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    fake.Reset();
    for (const Step& step : Generate(seed, kSteps, Faults::kNone)) {
      const sim::Reply reply = fake.Do(step).reply;
      ++census[Word(reply)];
      ++census[OfShared(step, reply)];
      for (const char letter : Letters(step, reply)) ++census[std::string(1, letter)];
      for (const std::string& row : Rows(step, reply)) ++census[row];
    }
  }
  for (const char* word : {"ok",
                           "busy",
                           "not-turn",
                           "turn",
                           "not-owner",
                           "passed",
                           "skew",
                           "amnesia",
                           "quarantine",
                           "settings",
                           "ERR",
                           "WRONGTYPE",
                           "o",
                           "O",
                           "n",
                           "N",
                           "row ok",
                           "row busy",
                           "row not-turn",
                           "row turn",
                           "row skew",
                           "row error",
                           "share ok",
                           "share busy",
                           "share not-turn",
                           "share turn",
                           "raise ok",
                           "raise skew",
                           "raise not-owner",
                           "name ok",
                           "name busy",
                           "name not-turn",
                           "name turn",
                           "name skew",
                           "name error"}) {
    EXPECT_GE(census[word], 10) << word;
  }
}

}  // namespace
}  // namespace redlockd::contract
