#include "daemon/engine/node_prober.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/outbox.h"
#include "tests/unit/engine/node_parts.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;
using Suspicion = NodeRecord::Suspicion;

class NodeProberTest : public NodeParts {
 protected:
  NodeProberTest() { outbox_.Begin(effects_); }
  // What `act` has the nodes asked.
  std::vector<AskNodes> Asked(const std::function<void()>& act) {
    effects_.clear();
    act();
    std::vector<AskNodes> asked;
    for (const Effect& effect : effects_) asked.push_back(std::get<AskNodes>(effect));
    return asked;
  }
  std::size_t Probes(NodeIndex node) {
    return Asked([&] { prober_.Probe(At(0s), node); }).size();
  }

  LeastRandom random_;
  Agenda agenda_;
  Outbox outbox_;
  Effects effects_;
  NodeProber prober_{options_, records_, membership_, sightings_, random_, agenda_, outbox_};
};

TEST_F(NodeProberTest, OneProbeIsOnItsWayAtATime) {
  EXPECT_EQ(Probes(0), 1u);
  EXPECT_EQ(Probes(0), 0u);
  EXPECT_EQ(Probes(1), 1u) << "to another node";
  prober_.OnProbeOver(0);
  EXPECT_EQ(Probes(0), 1u);
  prober_.Forget(0);
  EXPECT_EQ(Probes(0), 1u) << "the other was sent to another process";
  prober_.OnProbeOver(0);
  records_[0].linked = false;
  EXPECT_EQ(Probes(0), 0u);
}

TEST_F(NodeProberTest, AProbeGoesOutTwoSecondsAfterTheLastOrWhenThereIsMoreToSee) {
  Probes(0);
  EXPECT_EQ(agenda_.Next(), At(2s));
  prober_.LookAgain(0, At(3s));
  EXPECT_EQ(agenda_.Next(), At(2s)) << "it is probed before that";
  prober_.LookAgain(0, At(1s));
  EXPECT_EQ(agenda_.Next(), At(1s));
  prober_.LookSoon(At(0s), 0);
  EXPECT_EQ(agenda_.Next(), At(500ms));
  prober_.Stop(0);
  EXPECT_EQ(agenda_.Next(), std::nullopt);
}

TEST_F(NodeProberTest, ASuspectIsAskedOnceAndAgainWithTheNextProbe) {
  records_[0].suspected = Suspicion::kClock;
  auto asked = Asked([&] { prober_.AskToSuspect(At(0s), 0); });
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(std::get<SuspectOp>(asked[0].op).witness, "me") << "this daemon alone saw its clock";
  EXPECT_EQ(Probes(0), 1u) << "only the probe";
  prober_.OnSuspectOver(0);
  prober_.OnProbeOver(0);
  records_[0].suspected = Suspicion::kOwnWord;
  asked = Asked([&] { prober_.Probe(At(0s), 0); });
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(std::get<SuspectOp>(asked[0].op).witness, "");
  EXPECT_TRUE(std::holds_alternative<ProbeOp>(asked[1].op));
}

TEST_F(NodeProberTest, SettlesWhereItAgreesWithMost) {
  struct Row {
    std::size_t read, differ;
    bool may_write;
  };
  for (const Row& row : {Row{1, 0, false}, Row{2, 0, true}, Row{3, 1, true}, Row{3, 2, false}}) {
    for (NodeIndex i = 0; i < 3; ++i) {
      records_[i].ever_read = i < row.read;
      records_[i].settings = i < row.differ ? "max_ttl" : "";
    }
    const auto asked = Asked([&] { prober_.Probe(At(0s), 0); });
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(std::get<ProbeOp>(asked[0].op).may_write, row.may_write) << row.read << row.differ;
    prober_.OnProbeOver(0);
  }
}

TEST_F(NodeProberTest, ReportsToANodeWhichServersTheOthersAre) {
  for (NodeIndex i = 0; i < 3; ++i) records_[i].facts.node_id = "id" + std::to_string(i);
  records_[1].heard = At(-3s);
  records_[2].other_run = true;
  const auto asked = Asked([&] { prober_.Probe(At(0s), 0); });
  ASSERT_EQ(asked.size(), 1u);
  const auto& sightings = std::get<ProbeOp>(asked[0].op).sightings;
  ASSERT_EQ(sightings.size(), 2u);
  EXPECT_EQ(sightings[0], (ProbeOp::Sighting{"id1", "run1", Duration(3s)}));
  EXPECT_EQ(sightings[1], (ProbeOp::Sighting{"id2", "run2", std::nullopt})) << "it is disputed";
}

}  // namespace
}  // namespace redlockd::engine
