#include "tests/sim/sim_daemon.h"

#include <algorithm>
#include <utility>

#include "tests/sim/settings.h"
#include "tests/sim/words.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

// More answers than that are never due from one node: a world has a handful of locks.
constexpr std::size_t kMostDue = 400;

}  // namespace

SimDaemon::SimDaemon(const Parts& parts)
    : parts_(parts),
      chance_(parts.scenario.seed, 'd', parts.index),
      rate_(chance_.Between(-kOffRate, kOffRate)),
      clock_(chance_.Between(Duration(1s), Duration(100s)), rate_) {
  for (std::size_t n = 0; n < parts_.nodes.size(); ++n) paths_.push_back(std::make_shared<Path>());
  Start();
}

// --- the process --------------------------------------------------------------------------------

void SimDaemon::Start() {
  if (engine_) return;
  parts_.trace([&] { return Name() + " starts"; });
  ++generation_;
  instance_ = "d" + std::to_string(parts_.index) + "g" + std::to_string(generation_);
  running_since_ = parts_.timeline.now();
  stopped_until_ = Moment{};
  draining_ = false;
  Begin(nullptr);
}

void SimDaemon::Begin(std::unique_ptr<engine::State> former) {
  engine::Timing timing = parts_.timing;
  timing.tenure_max = parts_.scenario.tenure;
  engine_ = std::make_unique<engine::Engine>(
      engine::EngineOptions{.timing = timing,
                            .linger = {.usual = parts_.scenario.linger, .by_prefix = {}},
                            .limits = {},
                            .attempts = parts_.scenario.attempts,
                            .nodes = parts_.nodes.size(),
                            .instance = Instance(),
                            .host = "h" + std::to_string(parts_.index)},
      chance_, std::move(former));
  for (std::size_t n = 0; n < parts_.nodes.size(); ++n) {
    const auto run = [this, generation = generation_](std::function<void()> act) {
      Run(generation, std::move(act));
    };
    links_.push_back(std::make_unique<Link>(
        Link::Parts{.timeline = parts_.timeline,
                    .node = parts_.nodes[n],
                    .path = paths_[n],
                    .node_index = n,
                    .run = run,
                    .feed = [this](const engine::Event& event) { Step(event); },
                    .hears = [this, n] { return subscriptions_[n]->is_subscribed(); },
                    .last_connection = parts_.last_connection,
                    .command_timeout = parts_.timing.command_timeout,
                    .kill_allowed = parts_.scenario.kill_allowed},
        chance_));
    subscriptions_.push_back(std::make_unique<Subscription>(
        Subscription::Parts{.timeline = parts_.timeline,
                            .node = parts_.nodes[n],
                            .path = paths_[n],
                            .node_index = n,
                            .instance = Instance(),
                            .hints = parts_.scenario.hints,
                            .run = run,
                            .feed = [this](const engine::Hint& hint) { Hint(hint); },
                            .changed = [this](const engine::NodeSubscribed& e) { Step(e); },
                            .lost = [this] { parts_.reached(Reached::kHintLost); },
                            .last_connection = parts_.last_connection},
        chance_));
  }
}

// What the nodes still answer to the former process nobody reads; what it had asked still arrives.
void SimDaemon::Restart(Moment serves) {
  if (!engine_ || draining_ || stopped() || !waiting_.empty()) return;
  parts_.trace([&] { return Name() + " is restarted"; });
  running_since_ = std::max(running_since_, serves);
  parts_.reached(Reached::kRestarted);
  auto state = std::make_unique<engine::State>(engine_->Save(Now()));
  const std::string why = engine::WhyUnusable(*state, parts_.nodes.size(), Now());
  if (!why.empty()) parts_.checker.Broken(Promise::kAnswered, "a state that is of no use: " + why);
  ++generation_;
  confirmed_grants_ = ConfirmedGrants();
  links_.clear();
  subscriptions_.clear();
  armed_.reset();
  resuming_ = true;
  Begin(std::move(state));
  Arm();
  parts_.timeline.At(serves,
                     [this, generation = generation_] { Run(generation, [this] { Resume(); }); });
}

void SimDaemon::Resume() {
  if (!std::exchange(resuming_, false)) return;
  parts_.trace([&] { return Name() + " takes up what was left"; });
  Step(engine::Resumed{});
  for (const engine::Event& event : std::exchange(held_back_, {})) {
    if (engine_) Step(event);
  }
}

void SimDaemon::Kill() {
  if (!engine_) return;
  parts_.trace([&] { return Name() + " dies"; });
  for (const auto& [lock, calls] : std::exchange(waits_, {})) {
    parts_.turns.Wait(lock, Instance(), 0);
  }
  ++generation_;
  confirmed_grants_ = ConfirmedGrants();
  engine_.reset();
  links_.clear();
  subscriptions_.clear();
  waiting_.clear();
  resuming_ = false;
  held_back_.clear();
  held_.clear();
  min_hold_.clear();
  kept_.clear();
  owner_.clear();
  granted_.clear();
  let_go_.clear();
  armed_.reset();
  HangUp();
}

void SimDaemon::HangUp() {
  for (const auto& [session, user] : std::exchange(users_, {})) user->OnHangUp();
}

void SimDaemon::Run(std::uint64_t generation, std::function<void()> act) {
  if (generation != generation_) return;
  if (stopped() || !waiting_.empty()) {
    waiting_.push_back(std::move(act));
  } else {
    act();
  }
}

void SimDaemon::StopUntil(Moment end) {
  if (!engine_ || end <= stopped_until_) return;
  parts_.trace([&] { return Name() + " is stopped"; });
  stopped_until_ = end;
  running_since_ = end;
  parts_.timeline.At(end, [this, generation = generation_] {
    if (generation == generation_ && !stopped()) GoOn();
  });
}

void SimDaemon::GoOn() {
  parts_.trace([&] { return Name() + " goes on"; });
  auto acts = std::exchange(waiting_, {});
  for (const auto& act : acts) {
    if (engine_) act();
  }
}

void SimDaemon::Drain(Duration patience, Duration then_away) {
  if (!up()) return;
  draining_ = true;
  away_ = then_away;
  Run(generation_, [this, patience] {
    Resume();
    Step(engine::DrainRequested{Now() + patience});
  });
}

void SimDaemon::Reload(Duration linger) {
  if (!running()) return;
  Run(generation_, [this, linger] {
    engine::Timing timing = parts_.timing;
    timing.tenure_max = parts_.scenario.tenure / 2;
    timing.retry_interval /= 2;
    engine_->Change(timing, {.usual = linger, .by_prefix = {}}, {}, {});
  });
}

void SimDaemon::MistakeTime(std::int64_t most, Moment end) {
  mistaken_by_ = most;
  mistaken_alike_ = chance_.OneIn(2);
  mistaken_until_ = end;
}

void SimDaemon::RunClock(Ppb fast, Moment end) {
  clock_.Run(parts_.timeline.now(), fast);
  if (engine_) Arm();
  const auto set_right = [this, change = ++clock_changes_] {
    if (change != clock_changes_) return;
    clock_.Run(parts_.timeline.now(), rate_);
    if (engine_) Arm();
  };
  parts_.timeline.At(end, set_right);
}

void SimDaemon::JumpClock(Duration by) {
  clock_.Jump(by);
  if (engine_) Arm();
}

std::int64_t SimDaemon::Mistake() {
  if (parts_.timeline.now() >= mistaken_until_) return 0;
  return chance_.Between(std::min(mistaken_by_, std::int64_t{0}),
                         std::max(mistaken_by_, std::int64_t{0}));
}

void SimDaemon::Cut(std::size_t node, bool lost) {
  if (!engine_) return;
  Run(generation_, [this, node, lost] {
    links_[node]->Cut(lost);
    subscriptions_[node]->Cut();
  });
}

void SimDaemon::NodeDied(std::size_t node) {
  if (!engine_) return;
  links_[node]->NodeDied();
  subscriptions_[node]->NodeDied();
}

// --- sessions -----------------------------------------------------------------------------------

engine::SessionId SimDaemon::Open(SessionUser& user) {
  const engine::SessionId session = ++parts_.last_session;
  users_[session] = &user;
  Feed(engine::SessionOpened{session, static_cast<std::uint32_t>(1000 + session % 2),
                             static_cast<std::int32_t>(session)});
  return session;
}

void SimDaemon::Feed(const engine::Event& event) {
  if (resuming_) return held_back_.push_back(event);
  Run(generation_, [this, event] { Step(event); });
}

void SimDaemon::Close(engine::SessionId session) {
  users_.erase(session);
  Feed(engine::SessionClosed{session});
}

void SimDaemon::Drop(engine::SessionId session) {
  users_.erase(session);
  Feed(engine::SessionDropped{session});
}

// --- the engine ---------------------------------------------------------------------------------

void SimDaemon::Step(const engine::Event& event) {
  engine::Effects effects;
  const std::uint64_t generation = generation_;
  NoteAnswer(event);
  NoteWaits(event);
  engine_->Step(Now(), event, effects);
  for (const engine::Effect& effect : effects) {
    CarryOut(effect);
    if (generation != generation_) return;
  }
  if (std::holds_alternative<engine::NodeHint>(event) && !effects.empty()) {
    parts_.reached(Reached::kHintUsed);
  }
  // After the effects: a renewal that was due in this very step was still right.
  using Closed = engine::SessionClosed;
  using Dropped = engine::SessionDropped;
  if (const auto* closed = std::get_if<Closed>(&event)) SessionEnded(closed->session);
  if (const auto* dropped = std::get_if<Dropped>(&event)) SessionEnded(dropped->session);
  if (const auto* unlock = std::get_if<engine::UnlockRequested>(&event)) {
    std::vector<std::string> names{unlock->name};
    names.insert(names.end(), unlock->also.begin(), unlock->also.end());
    const auto is_held = [&](const std::string& name) {
      const auto held = held_.find(name);
      return held != held_.end() && held->second.contains(unlock->session);
    };
    // None is let go unless all are held.
    if (std::all_of(names.begin(), names.end(), is_held)) {
      for (const std::string& name : names) EndHeld(name, unlock->session);
    }
  }
  if (draining_ && engine_->Drained()) {
    parts_.timeline.After(0ns, [this, generation] {
      if (generation != generation_) return;
      Kill();
      parts_.timeline.After(away_, [this] { Start(); });
    });
  }
  Arm();
}

void SimDaemon::NoteAnswer(const engine::Event& event) {
  if (const auto* answer = std::get_if<engine::NodeAnswer>(&event)) {
    if (answer->verdict == engine::Verdict::kNotTurn) parts_.reached(Reached::kNotTurn);
    parts_.trace([&] { return Name() + " hears " + ToText(*answer); });
  } else if (const auto* silence = std::get_if<engine::NodeSilence>(&event)) {
    parts_.trace([&] {
      return Name() + " hears nothing of node " + std::to_string(silence->node) +
             (silence->gone ? ", and will not" : " in time");
    });
  }
}

void SimDaemon::Hint(const engine::Hint& hint) {
  parts_.trace([&] { return Name() + " hears from " + ToText(hint); });
  const auto* of_queue = std::get_if<engine::NodeHint>(&hint);
  if (of_queue && of_queue->kind == engine::NodeHint::Kind::kNext) {
    parts_.reached(Reached::kCameNext);
  }
  std::visit([this](const auto& said) { Step(said); }, hint);
}

void SimDaemon::EndHeld(const std::string& lock, engine::SessionId session) {
  const auto held = held_.find(lock);
  if (held == held_.end()) return;
  held->second.erase(session);
  if (held->second.empty()) held_.erase(held);
}

void SimDaemon::SessionEnded(engine::SessionId session) {
  for (auto& [lock, sessions] : held_) sessions.erase(session);
  std::erase_if(held_, [](const auto& held) { return held.second.empty(); });
  for (auto& [lock, calls] : waits_) {
    std::erase_if(calls, [session](const auto& call) { return call.first.first == session; });
    NoteLine(lock);
  }
}

void SimDaemon::Arm() {
  const auto next = engine_->NextDeadline();
  if (!next) return;
  const Moment at = std::max(parts_.timeline.now(), clock_.WhenIs(*next));
  if (armed_ && *armed_ <= at && *armed_ >= parts_.timeline.now()) return;
  armed_ = at;
  parts_.timeline.At(at, [this, at, generation = generation_] {
    if (generation != generation_ || armed_ != at) return;
    armed_.reset();
    Run(generation, [this] { Step(engine::TimePassed{}); });
  });
}

void SimDaemon::CarryOut(const engine::Effect& effect) {
  if (const auto* ask = std::get_if<engine::AskNodes>(&effect)) return Ask(*ask);
  if (const auto* answered = std::get_if<engine::AnswerClient>(&effect)) return Answer(*answered);
  if (const auto* told = std::get_if<engine::NotifyClient>(&effect)) {
    const bool is_over = told->notice.kind == engine::Notice::Kind::kLost ||
                         told->notice.kind == engine::Notice::Kind::kBroken;
    if (is_over) EndHeld(told->notice.name, told->session);
    const auto user = users_.find(told->session);
    if (user != users_.end()) user->second->OnNotice(told->notice);
    return;
  }
  if (const auto* watch = std::get_if<engine::NotifyWatchers>(&effect)) {
    for (const engine::SessionId session : watch->sessions) {
      const auto user = users_.find(session);
      if (user != users_.end()) user->second->OnWatch(watch->notice);
    }
    return;
  }
  if (const auto* warned = std::get_if<engine::Warned>(&effect)) {
    return parts_.trace([&] { return Name() + " warns: " + warned->text; });
  }
  const auto& changed = std::get<engine::NodeChanged>(effect);
  parts_.trace(
      [&] { return Name() + ": node " + std::to_string(changed.node) + " " + changed.text; });
}

void SimDaemon::Answer(const engine::AnswerClient& answered) {
  if (const auto* granted = std::get_if<engine::Granted>(&answered.answer)) {
    Granted(answered, granted->name, granted->fence, granted->mode);
    for (const auto& other : granted->also) Granted(answered, other.name, other.fence);
  }
  const auto* released = std::get_if<engine::Released>(&answered.answer);
  if (released && released->kept > Duration(0)) parts_.reached(Reached::kKept);
  for (auto& [lock, calls] : waits_) {
    if (calls.erase({answered.session, answered.request}) > 0) NoteLine(lock);
  }
  const auto user = users_.find(answered.session);
  if (user == users_.end()) return;  // it left while that was on its way
  user->second->OnAnswer(answered.request, answered.answer);
}

void SimDaemon::Ask(const engine::AskNodes& ask) {
  CheckAsked(ask);
  parts_.trace([&] { return Name() + " asks " + ToText(ask.nodes) + ": " + ToText(ask.op); });
  const std::int64_t mistake = Mistake();
  for (std::size_t n = 0; n < links_.size(); ++n) {
    if (!ask.nodes.test(n)) continue;
    engine::NodeOp op = ask.op;
    if (auto* acquire = std::get_if<engine::AcquireOp>(&op)) {
      acquire->proposal += mistaken_alike_ ? mistake : Mistake();
    } else if (auto* share = std::get_if<engine::ShareOp>(&op)) {
      share->proposal += mistaken_alike_ ? mistake : Mistake();
    } else if (auto* claim = std::get_if<engine::ClaimOp>(&op)) {
      for (auto& name : claim->names) name.proposal += mistaken_alike_ ? mistake : Mistake();
    }
    links_[n]->Ask(ask.ticket, std::make_shared<const engine::NodeOp>(std::move(op)));
    if (links_[n]->Due() == kMostDue) {
      parts_.checker.Broken(Promise::kNothingLeft, "questions to a node pile up");
    }
  }
}

}  // namespace redlockd::sim
