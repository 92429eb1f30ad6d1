#include "tests/sim/world.h"

#include <algorithm>

#include "daemon/engine/owner_value.h"
#include "tests/sim/settings.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

// All nodes vote in all daemons that early, if nothing went wrong before.
constexpr Moment kStartedBy = 200ms;

}  // namespace

bool Failed(const Scenario& scenario, const Outcome& outcome) {
  return scenario.Beyond() ? outcome.fences_twice > 0 : !outcome.violations.empty();
}

World::World(const Scenario& scenario, const ScriptSet& scripts, Trace::Mode trace)
    : ground_(scenario, trace),
      plain_client_({.timeline = timeline_,
                     .checker = checker_,
                     .trace = trace_,
                     .reached = ground_.reached,
                     .nodes = nodes_,
                     .seed = scenario.seed}) {
  MakeNodes(scripts);
  for (std::size_t d = 0; d < scenario_.daemons; ++d) {
    SimDaemon& daemon = ground_.AddDaemon(WorldTiming());
    // The others show what is the same without one.
    if (Chance(scenario_.seed, 'W', d).OneIn(2)) continue;
    watchers_.emplace_back(Watcher::Parts{.timeline = timeline_,
                                          .checker = checker_,
                                          .daemon = daemon,
                                          .seed = scenario_.seed,
                                          .number = d});
  }
  for (std::size_t d = 0; d < scenario_.daemons; ++d) {
    if (Chance(scenario_.seed, 'A', d).OneIn(2)) continue;
    askers_.emplace_back(Asker::Parts{.timeline = timeline_,
                                      .checker = checker_,
                                      .reached = ground_.reached,
                                      .daemons = daemons_,
                                      .seed = scenario_.seed,
                                      .number = d,
                                      .nodes = scenario_.nodes});
  }
  for (const std::size_t number : scenario_.clients) {
    const std::size_t daemon = number % daemons_.size();
    clients_.emplace_back(Client::Parts{.timeline = timeline_,
                                        .checker = checker_,
                                        .trace = trace_,
                                        .reached = ground_.reached,
                                        .daemon = daemons_[daemon],
                                        .seed = scenario_.seed,
                                        .number = number,
                                        .haste = scenario_.haste,
                                        .polite = scenario_.plain,
                                        .in_line = scenario_.attempts < scenario_.clients.size(),
                                        .calm = calm_,
                                        .wrong_clock = scenario_.HasWrongClock(daemon),
                                        .undisturbed = IsUndisturbed(daemon)});
    if (scenario_.HasWrongClock(daemon)) checker_.Excuse(number);
  }
  for (std::size_t number = 0; number < scenario_.sets; ++number) {
    const std::size_t daemon = number % daemons_.size();
    set_clients_.emplace_back(SetClient::Parts{.timeline = timeline_,
                                               .checker = checker_,
                                               .trace = trace_,
                                               .reached = ground_.reached,
                                               .daemon = daemons_[daemon],
                                               .seed = scenario_.seed,
                                               .number = number,
                                               .calm = calm_});
    if (scenario_.HasWrongClock(daemon)) checker_.Excuse(SetClient::NumberOf(number));
  }
  for (std::size_t number = 0; number < scenario_.sharers; ++number) {
    const std::size_t daemon = number % daemons_.size();
    sharing_clients_.emplace_back(SharingClient::Parts{.timeline = timeline_,
                                                       .checker = checker_,
                                                       .trace = trace_,
                                                       .daemon = daemons_[daemon],
                                                       .seed = scenario_.seed,
                                                       .number = number,
                                                       .calm = calm_});
    if (scenario_.HasWrongClock(daemon)) checker_.Excuse(SharingClient::NumberOf(number));
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
    nodes_.emplace_back(scripts, timeline_, clock, n, SetOf(WorldTiming())).Trust();
  }
}

Outcome World::Run() {
  Trouble();
  Calm();
  UseOneByOne();
  CompeteAll();
  TryTogether();
  GiveUpAll();
  BreakAll();
  ShareSets();
  HurrySharers();
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
          .reached = ground_.reached,
          .longest_wait = ground_.turns.longest_seen(),
          .digest = trace_.Digest()};
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
    ground_.turns.Audit();
    for (Client& client : clients_) client.Audit();
    for (SetClient& client : set_clients_) client.Audit();
    for (Watcher& watcher : watchers_) watcher.Audit();
    AuditUndisturbed();
  });
  for (const Fault& fault : scenario_.faults) {
    timeline_.At(fault.at, [this, fault] { Happen(fault); });
  }
  timeline_.RunUntil(kStartedBy);
  const bool undisturbed = scenario_.faults.empty() || scenario_.faults.front().at > kStartedBy;
  if (undisturbed) CheckNodesVote();
  timeline_.RunUntil(scenario_.trouble);
}

// What one host's clock does takes nothing from the others.
bool World::IsUndisturbed(std::size_t daemon) const {
  return scenario_.OnlyOneHostsClock() && daemon != scenario_.faults.front().daemon;
}

void World::AuditUndisturbed() {
  if (timeline_.now() < kStartedBy) return;
  for (std::size_t d = 0; d < daemons_.size(); ++d) {
    if (!IsUndisturbed(d)) continue;
    for (const engine::NodeView& view : daemons_[d].NodeViews()) {
      if (view.state == engine::NodeState::kUp) continue;
      checker_.Broken(Promise::kOneHost, "a node does not vote elsewhere: " + view.text);
    }
  }
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
    case Fault::Kind::kReplace:
      return daemon.Restart(end);
    case Fault::Kind::kStop:
      return daemon.StopUntil(end);
    case Fault::Kind::kWrongClock:
      return daemon.MistakeTime(fault.amount, end);
    case Fault::Kind::kHostStill:
      return daemon.RunClock(HostClock::kStill, end);
    case Fault::Kind::kHostJump:
      return daemon.JumpClock(std::chrono::microseconds(fault.amount));
    case Fault::Kind::kHostRate:
      return daemon.RunClock(1000 * fault.amount, end);
    case Fault::Kind::kDrain:
      return daemon.Drain(std::chrono::microseconds(fault.amount), fault.lasts);
    case Fault::Kind::kReload:
      return daemon.Reload(std::chrono::microseconds(fault.amount));
    case Fault::Kind::kBreak:
    case Fault::Kind::kBreakNow:
      return BreakOwner(daemon, nodes_[fault.node], fault.kind == Fault::Kind::kBreakNow);
    case Fault::Kind::kBreakHere:
      if (const auto fence = daemon.FenceOf("all"))
        Break(daemon, {.session = 0, .request = 1, .fence = fence});
      return;
    default:
      return HappenToNode(fault);
  }
}

// Of the owner that the node names, whosever it is, and however old that is.
void World::BreakOwner(SimDaemon& daemon, const SimNode& node, bool at_once) {
  const auto value = node.up() ? node.ValueOf("all") : std::nullopt;
  if (!value) return;
  const std::string owner(engine::WithoutKept(*value));
  if (at_once) checker_.ExcuseOwner(owner);
  Break(daemon, {.session = 0, .request = 1, .owner = owner, .at_once = at_once});
}

void World::Break(SimDaemon& daemon, engine::BreakRequested request) {
  if (!daemon.up()) return;
  request.session = daemon.Open(administrator_);
  request.name = "all";
  daemon.Feed(request);
  // It does not wait for the answer.
  if (!calm_) daemon.Close(request.session);
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

}  // namespace redlockd::sim
