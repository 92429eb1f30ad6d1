// Whatever the seed, a schedule stays within what the README asks for.
#include "tests/faults/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace redlockd::test::faults {
namespace {

class ScheduleTest : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::uint64_t kSeeds = 200;

  template <typename Look>
  void ForEachSchedule(Look look) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(seed);
      const Plan plan{.seed = seed,
                      .lasts = 60s,
                      .nodes = GetParam(),
                      .daemons = 3,
                      .clients = 15,
                      .packet_filter = seed % 2 == 0};
      look(plan, MakeSchedule(plan));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Nodes, ScheduleTest, testing::Values(3, 5));

TEST_P(ScheduleTest, TheSeedDecidesAll) {
  ForEachSchedule([](const Plan& plan, const std::vector<Fault>& schedule) {
    const std::vector<Fault> again = MakeSchedule(plan);
    ASSERT_EQ(schedule.size(), again.size());
    for (std::size_t i = 0; i < schedule.size(); ++i) {
      ASSERT_EQ(schedule[i].kind, again[i].kind);
      ASSERT_EQ(schedule[i].begin, again[i].begin);
      ASSERT_EQ(schedule[i].end, again[i].end);
      ASSERT_EQ(schedule[i].target, again[i].target);
      ASSERT_EQ(schedule[i].links, again[i].links);
    }
  });
}

TEST_P(ScheduleTest, MemoryIsLostByAMinority) {
  ForEachSchedule([](const Plan& plan, const std::vector<Fault>& schedule) {
    for (const Fault& fault : schedule) {
      if (!TakesMemory(fault.kind)) continue;
      std::set<std::size_t> out;  // when it begins
      for (const Fault& other : schedule) {
        if (!TakesMemory(other.kind) || other.begin > fault.begin) continue;
        if (other.end + kQuarantine > fault.begin) out.insert(other.target);
      }
      ASSERT_LE(out.size(), (plan.nodes - 1) / 2);
    }
  });
}

TEST_P(ScheduleTest, ClocksStayWithinTheAllowance) {
  ForEachSchedule([](const Plan&, const std::vector<Fault>& schedule) {
    std::map<std::size_t, Duration> stepped, back;
    for (const Fault& fault : schedule) {
      // A restart puts the clock right.
      if (TakesMemory(fault.kind) && fault.kind != Kind::kFlushAll) back[fault.target] = 0s;
      if (fault.kind == Kind::kClockForward) {
        ASSERT_LT(fault.amount, 2ms);
        if (stepped.contains(fault.target)) {
          ASSERT_GT(fault.begin - stepped[fault.target], kMaxTtl);
        }
        stepped[fault.target] = fault.begin;
      }
      if (fault.kind == Kind::kClockBack) {
        back[fault.target] += fault.amount;
        ASSERT_LT(back[fault.target], 250ms) << "it would not vote any more";
      }
      if (fault.kind == Kind::kClockFarBack) {
        ASSERT_LT(fault.amount, 1900ms - 160ms);
      }
      if (fault.kind == Kind::kClockDrift) {
        ASSERT_LE(std::abs(fault.rate), 0.0005);
      }
    }
  });
}

TEST_P(ScheduleTest, ATargetHasOneFaultAtATime) {
  ForEachSchedule([](const Plan& plan, const std::vector<Fault>& schedule) {
    std::map<std::string, Duration> until;
    const auto take = [&](const std::string& target, const Fault& fault) {
      ASSERT_GE(fault.begin, until[target]) << target << ' ' << Name(fault.kind);
      until[target] = fault.end;
    };
    for (const Fault& fault : schedule) {
      ASSERT_LE(fault.end, plan.lasts);
      const std::string number = std::to_string(fault.target);
      for (const Link& link : fault.links) {
        take("link" + std::to_string(link.daemon) + '-' + std::to_string(link.node), fault);
      }
      if (IsOfLinks(fault.kind)) continue;
      take((IsOfNode(fault.kind)     ? "node"
            : IsOfDaemon(fault.kind) ? "daemon"
                                     : "client") +
               number,
           fault);
    }
  });
}

TEST_P(ScheduleTest, EveryKindOccurs) {
  std::set<Kind> kinds;
  ForEachSchedule([&](const Plan&, const std::vector<Fault>& schedule) {
    for (const Fault& fault : schedule) kinds.insert(fault.kind);
  });
  EXPECT_EQ(kinds.size(), static_cast<std::size_t>(Kind::kKillClient) + 1);
}

}  // namespace
}  // namespace redlockd::test::faults
