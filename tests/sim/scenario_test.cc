#include "tests/sim/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Property;
using testing::Throws;

TEST(Scenario, IsTheSameAfterItWasText) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    EXPECT_EQ(ParseScenario(ToText(scenario)), scenario) << ToText(scenario);
  }
}

TEST(Scenario, SkipsTheStory) {
  EXPECT_EQ(ParseScenario("# once upon a time\n\nnodes 5\n").nodes, 5u);
}

void ExpectError(std::string_view text, const char* error) {
  EXPECT_THAT([&] { ParseScenario(text); },
              Throws<std::runtime_error>(Property(&std::runtime_error::what, HasSubstr(error))));
}

TEST(Scenario, SaysWhatIsWrongWithItsText) {
  ExpectError("nodes 3\nhast yes", "line 2: expected seed, nodes,");
  ExpectError("nodes three", "line 1: expected a number, found three");
  ExpectError("hints few", "line 1: expected none, some or all, found few");
  ExpectError("haste maybe", "line 1: expected yes or no, found maybe");
  ExpectError("at 5ms hang node 1 for 3us", "line 1: expected when, e.g. 1200us, found 5ms");
  ExpectError("at 5us bang node 1", "line 1: expected a kind of fault, found bang");
  ExpectError("at 5us hang node 1", "line 1: expected for, found the end of the line");
  ExpectError("at 5us flush node 1 for 3us", "line 1: expected the end of the line, found for");
  ExpectError("nodes 3\nat 5us flush node 3", "a node or daemon that the world does not have");
}

TEST(Scenario, MakesTheSameRunEachTime) {
  const ScriptSet scripts;
#ifdef REDLOCKD_TEST_SANITIZED
  constexpr std::uint64_t kSeeds = 5;  // each takes five times as long
#else
  constexpr std::uint64_t kSeeds = 25;
#endif
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome first = World(MakeScenario(seed), scripts, Trace::Mode::kDigest).Run();
    const Outcome second = World(MakeScenario(seed), scripts, Trace::Mode::kDigest).Run();
    EXPECT_EQ(first.happened, second.happened) << seed;
    EXPECT_EQ(first.grants, second.grants) << seed;
    EXPECT_EQ(first.digest, second.digest) << seed;
  }
}

TEST(Shrink, LeavesWhatIsNeeded) {
  Scenario scenario = MakeScenario(1);
  scenario.trouble = 3s;
  scenario.clients = {0, 1, 2, 3};
  scenario.faults = {{.kind = Fault::Kind::kFlush, .at = 10ms},
                     {.kind = Fault::Kind::kHang, .at = 20ms, .lasts = 800ms},
                     {.kind = Fault::Kind::kCut, .at = 30ms}};
  const Scenario shrunk = Shrink(scenario, [](const Scenario& s) {
    return s.faults.size() > 0 && s.faults.back().kind == Fault::Kind::kHang &&
           s.faults.back().lasts >= 200ms && s.clients.size() > 1;
  });
  ASSERT_EQ(shrunk.faults.size(), 1u);
  EXPECT_EQ(shrunk.faults[0].lasts, 200ms);
  EXPECT_EQ(shrunk.clients.size(), 2u);
  EXPECT_LT(shrunk.trouble, 100ms);
}

}  // namespace
}  // namespace redlockd::sim
