#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "daemon/engine/claim.h"
#include "daemon/engine/shared.h"
#include "tests/unit/engine/engine_fixture.h"
#include "tests/unit/engine/obedient_node.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {

// What the parts of one lock share, with three nodes that vote, without an engine and without a
// lock. Tests take what a part wants done from the outbox. Obedient nodes answer probes, and
// nothing else.
class SharedFixture : public ::testing::Test, NodeTable::Observer, ReleaseTable::Observer {
 protected:
  SharedFixture();
  ~SharedFixture() override;

  // How far a node's word counts: for all, for what it has promised, or for nothing.
  enum class NodeIs { kUp, kFull, kDown };
  // Drops the effects that there are.
  void Make(NodeIndex node, NodeIs state);
  // Rings what is due until then.
  void Pass(Duration duration);

  // Each of these takes all effects that there are.
  std::vector<AskNodes> TakeAsked();
  // Returns the questions in one line, with the nodes that are asked: "renew 01, heal 2".
  std::string Questions();
  std::vector<Notice> TakeNotices(SessionId session);

  Time now_ = At(0s);
  LeastRandom random_;
  std::deque<ObedientNode> nodes_;
  Effects effects_;
  Shared shared_;

 private:
  void OnVotersChanged(Time, bool) override {}
  void OnPromisesVoid(Time, NodeIndex) override {}
  void OnReleased(const std::string&) override {}
  void AnswerProbes();
};

// A claim for lock "x", which nobody uses.
class ClaimFixture : public SharedFixture, Schedule::Observer {
 protected:
  // The claim begins, and its first round asks the three nodes.
  void Ask(Duration ttl = 3s);
  // These nodes grant it `size` fences from kFirst on. No effect is left.
  void Grant(NodeSet nodes = NodeSet(0b111), Fence size = 1, Duration ttl = 3s);
  // Returns what the claim hears of an answer to its newest round, or of a node that will never
  // answer it.
  Claim::Heard Hear(Ticket::Kind kind, NodeIndex node, Verdict verdict, Fence fence = 0,
                    const Demand& demand = {});
  Claim::Heard HearNothing(Ticket::Kind kind, NodeIndex node);
  // Returns an answer to the newest round, as if that was asked just now.
  NodeAnswer AnswerTo(Ticket::Kind kind, NodeIndex node, Verdict verdict, Fence fence = 0) const;
  // The node promised what it was asked for at `asked`, in the newest round.
  Claim::Heard Promise(NodeIndex node, Time asked);
  // Returns until when a lease lasts that was asked for at `asked`.
  Time Until(Time asked, Duration ttl = 3s) const;

  static constexpr Fence kFirst = kNodeEpoch + 3'600'000'000;
  Claim claim_{shared_, "x", *this};

 private:
  void OnLeaseDue(Time) override {}
};

}  // namespace redlockd::engine
