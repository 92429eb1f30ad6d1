#include <algorithm>

#include "tests/sim/settings.h"
#include "tests/sim/world.h"

// What must hold after the trouble.
namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kProbeInterval = 2s;  // rule D5
constexpr Duration kClaimLife = 5s;      // rule D10
// Everything that was wrong is noticed, waited out and mended by then: a probe, the word of a
// daemon that has heard of a server's earlier process, and a quarantine.
const Duration kSettle = 2 * kProbeInterval + kClaimLife + WorldTiming().Quarantine() + 500ms;

}  // namespace

// Nobody begins anything new; what was begun must come to its end.
void World::Calm() {
  trace_([] { return std::string("--- calm"); });
  calm_ = true;
  for (Client& client : clients_) client.Finish();
  for (SetClient& client : set_clients_) client.Finish();
  for (SharingClient& client : sharing_clients_) client.Finish();
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

// A daemon whose nodes have forgotten it is told by an administrator to take them. Rule D8's price: a node that lost its memory while no daemon knew it has no vote before that, and
// where most did, daemons may have made two sets of it.
void World::AdoptStrangers() {
  const auto is_stranger = [](const engine::NodeView& view) {
    return view.state == engine::NodeState::kStranger || view.state == engine::NodeState::kOtherSet;
  };
  const auto views = daemons_.front().NodeViews();
  if (std::none_of(views.begin(), views.end(), is_stranger)) return;
  const engine::SessionId session = daemons_.front().Open(administrator_);
  daemons_.front().Feed(engine::AdoptRequested{session, 1});
  timeline_.RunUntil(timeline_.now() + kSettle);
  daemons_.front().Close(session);
}

void World::CheckServed() {
  for (const Client& client : clients_) {
    if (client.waiting()) checker_.Broken(Promise::kAnswered, "a client still waits");
    if (client.holding()) checker_.Broken(Promise::kAnswered, "a client still holds");
  }
  for (const SetClient& client : set_clients_) {
    if (client.waiting()) checker_.Broken(Promise::kAnswered, "a set client still waits");
    if (client.holding()) checker_.Broken(Promise::kAnswered, "a set client still holds");
  }
  for (const SharingClient& client : sharing_clients_) {
    if (client.waiting()) checker_.Broken(Promise::kAnswered, "a sharing client still waits");
    if (client.holding()) checker_.Broken(Promise::kAnswered, "a sharing client still holds");
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

bool World::AllNodesVote() const {
  return std::all_of(daemons_.begin(), daemons_.end(), [](const SimDaemon& daemon) {
    const auto views = daemon.NodeViews();
    return std::all_of(views.begin(), views.end(), [](const engine::NodeView& view) {
      return view.state == engine::NodeState::kUp;
    });
  });
}

// Some of them, or all, try a lock that is free or lingers, at once or one soon after the other,
// while one of the daemons may stand still for a moment. One of them gets it (rule E10). Who stands still
// may have a node's vote, so that the others need all the rest: where the clock of one is still off, and
// they are three, nobody would get it.
void World::TryTogether() {
  if (scenario_.Beyond() || clients_.empty()) return;
  Chance chance(scenario_.seed, 't', 0);
  for (int round = 0; round < 8; ++round) {
    // Each name twice: where hints are lost, only its own host knows how to get at what lingers.
    TryOnce("try" + std::to_string(round / 2), chance, round % 2 == 1);
  }
}

void World::TryOnce(const std::string& lock, Chance& chance, bool all) {
  trace_([&] { return "--- together they try " + lock; });
  const Duration spread = chance.OneIn(2) ? 0ms : chance.UpTo(2ms);
  const std::size_t one = chance.Below(clients_.size());
  for (std::size_t c = 0; c < clients_.size(); ++c) {
    // A short wait goes on while votes are split, but it does not wait for its turn to ask.
    const bool waits = c != one && scenario_.attempts >= clients_.size() && chance.OneIn(6);
    const Duration wait = waits ? chance.UpTo(1ms) : 0ms;
    if (all || c == one || !chance.OneIn(3)) clients_[c].Try(lock, chance.UpTo(spread), wait);
  }
  if (chance.OneIn(2)) {
    SimDaemon& slow = daemons_[chance.Below(daemons_.size())];
    const Moment end = timeline_.now() + chance.UpTo(30ms);
    const Duration in = chance.UpTo(3ms);
    if (AllNodesVote()) timeline_.After(in, [&slow, end] { slow.StopUntil(end); });
  }
  timeline_.RunUntil(timeline_.now() + 120ms);
  std::size_t holders = 0;
  for (Client& client : clients_) {
    if (client.waiting()) checker_.Broken(Promise::kAnswered, "a try is not answered");
    if (client.holding()) ++holders;
    client.LetGo();
  }
  if (holders != 1) {
    checker_.Broken(Promise::kWinner,
                    std::to_string(holders) + " of those who tried " + lock + " have it");
  }
  timeline_.RunUntil(timeline_.now() + 5ms);
}

// One has the lock that all want; who tries, waits for a while only, cancels, or dies, leaves
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
      if (key.starts_with("redlockd:queue:")) {
        checker_.Broken(Promise::kNothingLeft, "nobody waits, but " + key + " is there");
      }
    }
  }
}

// The hold of one who would keep the lock is broken by another daemon: it is told so, and the next has the
// lock when its deadline is over, or at once (rules I3, I4).
void World::BreakAll() {
  if (scenario_.Beyond() || clients_.empty() || !scenario_.HasBreaks()) return;
  BreakHolder(false);
  // Where no hint comes, the holder's daemon finds nobody's key, and takes it again.
  if (scenario_.hints == Hints::kAll) BreakHolder(true);
}

void World::BreakHolder(bool at_once) {
  trace_([] { return std::string("--- its hold is broken"); });
  Client& holder = clients_.front();
  Client& next = clients_.back();
  if (!holder.holding()) holder.Keep();
  timeline_.RunUntil(timeline_.now() + 1s);
  if (!holder.holding()) return checker_.Broken(Promise::kAnswered, "nobody has a free lock");
  if (&next != &holder) next.Compete();
  timeline_.RunUntil(timeline_.now() + 20ms);
  // A node that does not vote may have no key.
  const auto node = std::find_if(nodes_.begin(), nodes_.end(),
                                 [](const SimNode& n) { return n.ValueOf("all").has_value(); });
  BreakOwner(daemons_.back(), *node, at_once);
  timeline_.RunUntil(timeline_.now() + 10ms);
  const bool may_be_late = scenario_.hints != Hints::kAll;
  if (holder.holding() && !may_be_late) {
    checker_.Broken(Promise::kTold, "a hold goes on that all nodes have broken");
  }
  timeline_.RunUntil(timeline_.now() + 2 * WorldTiming().max_ttl);
  if (holder.holding()) checker_.Broken(Promise::kTold, "a hold was broken, and goes on");
  if (next.waiting()) checker_.Broken(Promise::kAnswered, "a broken lock is not free in time");
  const auto& heard = administrator_.heard();
  if (!heard || !std::holds_alternative<engine::Broken>(*heard)) {
    checker_.Broken(Promise::kAnswered, "who breaks a lock does not hear that it is broken");
  }
}

// Sets that have locks in common are wanted again and again: none starves, and no two wait for each other. Each of
// the others may be before one of them on the one lock that they share, and then on another.
void World::ShareSets() {
  if (scenario_.Beyond() || set_clients_.empty()) return;
  trace_([] { return std::string("--- all want sets"); });
  const Duration turn = LongestWait() / static_cast<int>(daemons_.size());
  const Duration longest = 2 * static_cast<int>(set_clients_.size()) * turn + 500ms;
  for (SetClient& client : set_clients_) client.Share();
  timeline_.RunUntil(timeline_.now() + 2 * longest);
  for (SetClient& client : set_clients_) {
    if (client.grants() == 0) checker_.Broken(Promise::kFair, "a set client gets nothing");
    if (client.LongestWait() > longest) {
      checker_.Broken(Promise::kFair, "a set client has waited for " +
                                          engine::ToText(client.LongestWait()) + ", expected " +
                                          engine::ToText(longest) + " at most");
    }
    client.GoHome();
  }
  timeline_.RunUntil(timeline_.now() + 100ms);
}

// Readers and writers come again and again: none starves. Each of the others of a host may be before one, and
// each other host.
void World::HurrySharers() {
  if (scenario_.Beyond() || sharing_clients_.empty()) return;
  trace_([] { return std::string("--- all want to share"); });
  const Duration turn = LongestWait() / static_cast<int>(daemons_.size());
  const Duration longest =
      static_cast<int>(daemons_.size() * (sharing_clients_.size() + 1)) * turn + 500ms;
  for (SharingClient& client : sharing_clients_) client.Hurry();
  timeline_.RunUntil(timeline_.now() + 2 * longest);
  for (SharingClient& client : sharing_clients_) {
    if (client.grants() == 0) checker_.Broken(Promise::kFair, "a sharing client gets nothing");
    if (client.LongestWait() > longest) {
      checker_.Broken(Promise::kFair, "a sharing client has waited for " +
                                          engine::ToText(client.LongestWait()) + ", expected " +
                                          engine::ToText(longest) + " at most");
    }
    client.GoHome();
  }
  timeline_.RunUntil(timeline_.now() + 100ms);
}

// All take the lock that all want again and again, and so must get it by turns.
void World::ShareAll() {
  if (scenario_.Beyond()) return;
  const Duration longest = LongestWait();
  // One daemon that has the lock without a break rests after a tenure; of several one always asks.
  const bool rests = daemons_.size() == 1 && Lingers().first > 1ms;
  // Who does not hear that it is called is passed over, and is first again when it has come by itself.
  const bool hears = scenario_.hints == Hints::kAll;
  const std::size_t most_others = hears ? daemons_.size() - 1 : Turns::kAnyNumber;
  if (!scenario_.plain) ground_.turns.Judge(most_others, longest);
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
// next has noticed, by a hint and a few rounds or by its next poll.
Duration World::LongestWait() const {
  const bool hints = scenario_.hints == Hints::kAll;
  const Duration heard = hints ? 5ms : scenario_.tenure;
  const Duration noticed = hints ? 10ms : WorldTiming().retry_interval * 3 / 2;
  const Duration turn =
      heard + engine::Timing::kHandoffTimeWhileWanted + Client::kShareHold + noticed;
  return static_cast<int>(daemons_.size()) * turn;
}

std::pair<Duration, Duration> World::Lingers() const {
  std::pair<Duration, Duration> lingers{scenario_.linger, scenario_.linger};
  for (const Fault& fault : scenario_.faults) {
    if (fault.kind != Fault::Kind::kReload) continue;
    const Duration linger = std::chrono::microseconds(fault.amount);
    lingers = {std::min(lingers.first, linger), std::max(lingers.second, linger)};
  }
  return lingers;
}

void World::GoHome() {
  for (Client& client : clients_) client.GoHome();
  for (SetClient& client : set_clients_) client.GoHome();
  for (SharingClient& client : sharing_clients_) client.GoHome();
  for (Watcher& watcher : watchers_) watcher.GoHome();
  for (Asker& asker : askers_) asker.GoHome();
  if (scenario_.Beyond()) return;
  timeline_.RunUntil(timeline_.now() + 60ms + std::min(Lingers().second, WorldTiming().max_ttl));
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
