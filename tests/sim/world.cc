#include "tests/sim/world.h"

#include <algorithm>

#include "tests/sim/settings.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr engine::NodeTime kYear2025 = 1'735'689'600'000'000;  // us since 1970
constexpr Duration kProbeInterval = 2s;                        // rule D5
// Everything that was wrong is noticed, waited out and mended by then: a probe, and a quarantine.
const Duration kSettle = kProbeInterval + WorldTiming().Quarantine() + 500ms;

// All nodes vote in all daemons that early, if nothing went wrong before.
constexpr Moment kStartedBy = 200ms;

// A daemon whose nodes have forgotten it (rule D8) is told by the operator to take them.
class Operator : public SessionUser {
 public:
  void OnAnswer(engine::RequestId, const engine::Answer&) override {}
  void OnNotice(const engine::Notice&) override {}
  void OnHangUp() override {}
  bool CountsOn(const std::string&, engine::Fence) const override { return false; }
};
Operator the_operator;

}  // namespace

bool Failed(const Scenario& scenario, const Outcome& outcome) {
  return scenario.Beyond() ? outcome.fences_twice > 0 : !outcome.violations.empty();
}

World::World(const Scenario& scenario, const ScriptSet& scripts, bool trace)
    : scenario_(scenario),
      plain_client_({.timeline = timeline_,
                     .checker = checker_,
                     .trace = trace_,
                     .reached = reached_,
                     .nodes = nodes_,
                     .seed = scenario.seed}) {
  if (trace) trace_.TurnOn();
  MakeNodes(scripts);
  for (std::size_t d = 0; d < scenario_.daemons; ++d) {
    daemons_.emplace_back(SimDaemon::Parts{.timeline = timeline_,
                                           .checker = checker_,
                                           .trace = trace_,
                                           .reached = reached_,
                                           .turns = turns_,
                                           .nodes = nodes_,
                                           .last_session = last_session_,
                                           .last_connection = last_connection_,
                                           .scenario = scenario_,
                                           .index = d});
  }
  for (const std::size_t number : scenario_.clients) {
    clients_.emplace_back(Client::Parts{.timeline = timeline_,
                                        .checker = checker_,
                                        .trace = trace_,
                                        .daemon = daemons_[number % daemons_.size()],
                                        .seed = scenario_.seed,
                                        .number = number,
                                        .haste = scenario_.haste,
                                        .polite = scenario_.plain,
                                        .in_line = scenario_.attempts < scenario_.clients.size(),
                                        .calm = calm_});
  }
}

// New nodes, trusted by the operator (rule D7). Their clocks are within what rule A6 lets vote.
void World::MakeNodes(const ScriptSet& scripts) {
  for (std::size_t n = 0; n < scenario_.nodes; ++n) {
    Chance chance(scenario_.seed, 'n', n);
    Ppb fast = 0;
    for (const Fault& fault : scenario_.faults) {
      if (fault.kind == Fault::Kind::kRate && fault.node == n) fast = 1000 * fault.amount;
    }
    const NodeClock clock(kYear2025 + chance.Between(std::int64_t{0}, std::int64_t{30'000}),
                          chance.Between(-kOffRate, kOffRate), chance.UpTo(2s), fast);
    SimNode& node = nodes_.emplace_back(scripts, timeline_, clock, n);
    const std::string run_id = node.Facts().run_id;
    node.Run(run_id, engine::ProbeOp{});
    node.Run(run_id, engine::TrustOp{});
  }
}

Outcome World::Run() {
  Trouble();
  Calm();
  UseOneByOne();
  CompeteAll();
  GiveUpAll();
  ShareAll();
  GoHome();
  std::size_t confirmed = 0;
  for (const SimDaemon& daemon : daemons_) confirmed += daemon.ConfirmedGrants();
  return {.violations = checker_.violations(),
          .grants = checker_.grants(),
          .confirmed = confirmed,
          .stale_refused = checker_.stale_refused(),
          .stale_taken = checker_.stale_taken(),
          .overlaps = checker_.overlaps(),
          .fenced_overlaps = checker_.fenced_overlaps(),
          .fences_twice = checker_.fences_twice(),
          .happened = timeline_.happened(),
          .reached = reached_,
          .longest_wait = turns_.longest_seen()};
}

void World::EveryNow(Duration interval, std::function<void()> act) {
  timeline_.After(interval, [this, interval, act = std::move(act)] {
    act();
    EveryNow(interval, act);
  });
}

// --- what goes wrong ----------------------------------------------------------------------------

void World::Trouble() {
  EveryNow(100ms, [this] {
    for (SimNode& node : nodes_) node.KeepDump();
  });
  EveryNow(47ms, [this] {
    for (SimDaemon& daemon : daemons_) daemon.Audit();
    turns_.Audit();
    for (Client& client : clients_) client.Audit();
  });
  for (const Fault& fault : scenario_.faults) {
    timeline_.At(fault.at, [this, fault] { Happen(fault); });
  }
  timeline_.RunUntil(kStartedBy);
  const bool undisturbed = scenario_.faults.empty() || scenario_.faults.front().at > kStartedBy;
  if (undisturbed) CheckNodesVote();
  timeline_.RunUntil(scenario_.trouble);
}

void World::Happen(const Fault& fault) {
  SimDaemon& daemon = daemons_[fault.daemon];
  Path& path = daemon.path(fault.node);
  // Nothing goes on after the trouble.
  const Moment end = std::min(timeline_.now() + fault.lasts, scenario_.trouble);
  trace_([&] { return "--- " + ToText(fault); });
  switch (fault.kind) {
    case Fault::Kind::kCut:
      return daemon.Cut(fault.node, false);
    case Fault::Kind::kCutEmpty:
      return daemon.Cut(fault.node, true);
    case Fault::Kind::kDeafNode:
      path.to_node_blocked = std::max(path.to_node_blocked, end);
      return;
    case Fault::Kind::kDeafDaemon:
      path.to_daemon_blocked = std::max(path.to_daemon_blocked, end);
      return;
    case Fault::Kind::kSlow:
      path.slow_until = end;
      path.slow_by = std::chrono::microseconds(fault.amount);
      return;
    case Fault::Kind::kKill:
      daemon.Kill();
      return timeline_.At(end, [&daemon] { daemon.Start(); });
    case Fault::Kind::kStop:
      return daemon.StopUntil(end);
    case Fault::Kind::kWrongClock:
      return daemon.MistakeTime(fault.amount, end);
    case Fault::Kind::kDrain:
      return daemon.Drain(std::chrono::microseconds(fault.amount), fault.lasts);
    default:
      return HappenToNode(fault);
  }
}

void World::HappenToNode(const Fault& fault) {
  SimNode& node = nodes_[fault.node];
  const Moment end = std::min(timeline_.now() + fault.lasts, scenario_.trouble);
  switch (fault.kind) {
    case Fault::Kind::kRestartEmpty:
      return KillNode(fault, SimNode::Memory::kNone);
    case Fault::Kind::kRestartKept:
      return KillNode(fault, SimNode::Memory::kKept);
    case Fault::Kind::kRestartOld:
      return KillNode(fault, SimNode::Memory::kOld);
    case Fault::Kind::kFlush:
      return node.Flush();
    case Fault::Kind::kHang:
      return node.HangUntil(end);
    case Fault::Kind::kPolicy:
      node.SetPolicy("allkeys-lru");
      return timeline_.At(end, [&node] { node.SetPolicy("noeviction"); });
    case Fault::Kind::kClockStep:
    case Fault::Kind::kClockJump:
      return node.StepClock(fault.amount);
    case Fault::Kind::kEvict:
      return node.Evict();
    default:
      return;  // kRate is so from the beginning
  }
}

void World::KillNode(const Fault& fault, SimNode::Memory memory) {
  SimNode& node = nodes_[fault.node];
  if (!node.up()) return;
  node.Die(memory, std::chrono::microseconds(fault.amount));
  for (SimDaemon& daemon : daemons_) daemon.NodeDied(fault.node);
  timeline_.At(std::min(timeline_.now() + fault.lasts, scenario_.trouble),
               [&node] { node.Start(); });
}

// --- after it -----------------------------------------------------------------------------------

// Nobody begins anything new; what was begun must come to its end.
void World::Calm() {
  trace_([] { return std::string("--- calm"); });
  calm_ = true;
  for (Client& client : clients_) client.Finish();
  for (SimDaemon& daemon : daemons_) {
    daemon.Start();
    for (std::size_t n = 0; n < nodes_.size(); ++n) daemon.path(n).even = true;
  }
  timeline_.RunUntil(scenario_.trouble + kSettle);
  if (scenario_.Beyond()) return;
  AdoptStrangers();
  CheckServed();
  CheckNodesVote();
}

// Rule D8's price: a node that lost its memory while no daemon knew it has no vote before that, and
// where most did, daemons may have made two sets of it.
void World::AdoptStrangers() {
  const auto is_stranger = [](const engine::NodeView& view) {
    return view.state == engine::NodeState::kStranger || view.state == engine::NodeState::kOtherSet;
  };
  const auto views = daemons_.front().NodeViews();
  if (std::none_of(views.begin(), views.end(), is_stranger)) return;
  const engine::SessionId session = daemons_.front().Open(the_operator);
  daemons_.front().Feed(engine::AdoptRequested{session, 1});
  timeline_.RunUntil(timeline_.now() + kSettle);
  daemons_.front().Close(session);
}

void World::CheckServed() {
  for (const Client& client : clients_) {
    if (client.waiting()) checker_.Broken(Promise::kAnswered, "a client still waits");
    if (client.holding()) checker_.Broken(Promise::kAnswered, "a client still holds");
  }
}

void World::CheckNodesVote() {
  const auto was_set = [this](std::size_t node) {  // its clock, and nobody has put it right
    return std::any_of(scenario_.faults.begin(), scenario_.faults.end(), [node](const Fault& f) {
      return f.kind == Fault::Kind::kClockStep && f.node == node;
    });
  };
  for (SimDaemon& daemon : daemons_) {
    for (const engine::NodeView& view : daemon.NodeViews()) {
      const bool may_be = view.state == engine::NodeState::kUp ||
                          (view.state == engine::NodeState::kSkewed && was_set(view.node));
      if (!may_be) checker_.Broken(Promise::kNodesVote, "a node does not vote: " + view.text);
    }
  }
}

void World::UseOneByOne() {
  if (scenario_.Beyond()) return;
  for (Client& client : clients_) {
    client.UseAlone();
    timeline_.RunUntil(timeline_.now() + 60ms);
    if (client.waiting())
      checker_.Broken(Promise::kAnswered, "a lock that nobody wants is waited for");
  }
}

void World::CompeteAll() {
  if (scenario_.Beyond()) return;
  for (Client& client : clients_) client.Compete();
  timeline_.RunUntil(timeline_.now() + 1500ms);
  CheckServed();
}

// One has the lock that all want; whoever tries, waits for a while only, cancels, or dies, leaves
// no entry in its queue (rules E6.3, E6.8).
void World::GiveUpAll() {
  if (scenario_.Beyond()) return;
  if (clients_.empty()) return;
  clients_.front().Keep();
  timeline_.RunUntil(timeline_.now() + 1s);
  if (!clients_.front().holding()) checker_.Broken(Promise::kAnswered, "nobody has a free lock");
  for (std::size_t c = 1; c < clients_.size(); ++c) clients_[c].GiveUp();
  timeline_.RunUntil(timeline_.now() + 120ms);
  for (const SimNode& node : nodes_) {
    for (const std::string& key : node.Keys()) {
      if (key.starts_with("redlockd:want:")) {
        checker_.Broken(Promise::kNothingLeft, "nobody waits, but " + key + " is there");
      }
    }
  }
}

// All take the lock that all want again and again, and so must get it by turns.
void World::ShareAll() {
  if (scenario_.Beyond()) return;
  const Duration longest = LongestWait();
  // One daemon that has the lock without a break rests after a tenure; of several one always asks.
  const bool rests = daemons_.size() == 1 && scenario_.linger > 1ms;
  if (!scenario_.plain) turns_.Judge(daemons_.size() - 1, longest);
  for (Client& client : clients_) client.Share();
  if (scenario_.plain) {
    plain_client_.Begin(rests ? std::optional(scenario_.tenure + 100ms) : std::nullopt);
  }
  timeline_.RunUntil(timeline_.now() + longest + 200ms);
  plain_client_.End();
  timeline_.RunUntil(timeline_.now() + 2 * PlainClient::kHold);
}

// How long a daemon may wait for its turn: each of the others may be before it once, until it hears
// that others wait, by a hint or when its tenure is over, has handed on what it may then, and the
// next has noticed.
Duration World::LongestWait() const {
  const Duration poll = WorldTiming().retry_interval * 3 / 2;
  const Duration heard = scenario_.hints == Hints::kAll ? 5ms : scenario_.tenure;
  const Duration turn = heard + engine::Timing::kHandoffTimeWhileWanted + Client::kShareHold + poll;
  return static_cast<int>(daemons_.size()) * turn;
}

void World::GoHome() {
  for (Client& client : clients_) client.GoHome();
  if (scenario_.Beyond()) return;
  timeline_.RunUntil(timeline_.now() + 60ms + std::min(scenario_.linger, WorldTiming().max_ttl));
  CheckReleased();
  timeline_.RunUntil(timeline_.now() + WorldTiming().fence_life + 10ms);
  CheckNothingLeft();
}

void World::CheckReleased() {
  for (SimDaemon& daemon : daemons_) {
    if (daemon.Holds() + daemon.Waits() != 0) {
      checker_.Broken(Promise::kNothingLeft, "a hold or a wait that nobody has");
    }
  }
  for (SimNode& node : nodes_) {
    for (const std::string& key : node.Keys()) {
      if (key != "redlockd:node" && !key.starts_with("redlockd:fence:")) {
        checker_.Broken(Promise::kNothingLeft, "nobody holds or wants a lock, but left is " + key);
      }
    }
  }
}

void World::CheckNothingLeft() {
  // A daemon that has nothing to wait for, no release either, ends at once when it is told to.
  for (SimDaemon& daemon : daemons_) daemon.Drain(10s, 1h);
  timeline_.RunUntil(timeline_.now() + 1ms);
  for (SimDaemon& daemon : daemons_) {
    if (daemon.running()) checker_.Broken(Promise::kNothingLeft, "a daemon waits for nothing");
  }
  for (SimNode& node : nodes_) {
    for (const std::string& key : node.Keys()) {
      if (key != "redlockd:node") checker_.Broken(Promise::kNothingLeft, "left behind: " + key);
    }
  }
}

}  // namespace redlockd::sim
