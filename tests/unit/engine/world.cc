#include "tests/unit/engine/world.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace redlockd::engine {

using namespace std::chrono_literals;

namespace {

constexpr Duration kLife = 4s;

}  // namespace

struct World::Link {
  bool up = false;
  std::uint64_t epoch = 0;  // which connection
  std::string run_id;
  Time last_run, last_heard;  // one connection keeps its order
};

// The engine takes its chance from the world's.
struct World::Host : Random {
  explicit Host(std::mt19937_64& chance) : source(chance) {}
  std::uint64_t Below(std::uint64_t bound) override { return source() % bound; }

  std::mt19937_64& source;
  double rate = 1;
  std::unique_ptr<Engine> engine;
  std::vector<Link> links;
  std::map<SessionId, std::string> clients;  // and the lock they are after
  std::optional<Time> timer;                 // true time of the next TimePassed
};

struct World::Hold {
  SessionId session;
  Time deadline;  // announced, in true time
};

World::World(std::uint64_t seed) : chance_(seed) {
  timing_.ttl = 400ms;
  timing_.max_ttl = 800ms;
  timing_.fence_window = 200ms;
  timing_.quorum_wait = 300ms;
  const std::size_t nodes = OneIn(4) ? 5 : 3;
  for (std::size_t i = 0; i < nodes; ++i) {
    nodes_.emplace_back("run" + std::to_string(++last_run_));
    nodes_.back().clock_off = UpTo(80ms);
    nodes_.back().TrustEmpty(now_, timing_);
  }
  const std::size_t hosts = 2 + Below(2);
  for (std::size_t h = 0; h < hosts; ++h) {
    Host& host = hosts_.emplace_back(chance_);
    host.rate = 1 + (static_cast<double>(Below(1000)) - 500) * 1e-6;
    host.links.resize(nodes);
    host.engine = std::make_unique<Engine>(EngineOptions{.timing = timing_,
                                                         .limits = {},
                                                         .nodes = nodes,
                                                         .instance = "host" + std::to_string(h),
                                                         .host = "h"},
                                           host);
    for (NodeIndex i = 0; i < nodes; ++i) After(UpTo(20ms), [this, h, i] { Connect(h, i); });
    for (int client = 0; client < 2; ++client) NewClient(h);
  }
  Trouble();
}

World::~World() = default;

Duration World::UpTo(Duration most) {
  return Duration(Below(static_cast<std::uint64_t>(most.count()) + 1));
}

void World::After(Duration delay, std::function<void()> act) {
  later_.push({now_ + delay, ++order_, std::move(act)});
}

void World::RunUntil(Time end) {
  while (!later_.empty() && later_.top().at <= end) {
    const Later next = later_.top();
    later_.pop();
    now_ = next.at;
    next.act();
  }
  now_ = end;
}

void World::Run() {
  RunUntil(now_ + kLife);
  closing_ = true;
  for (std::size_t h = 0; h < hosts_.size(); ++h) {
    const auto clients = std::exchange(hosts_[h].clients, {});
    for (const auto& [session, lock] : clients) {
      Step(h, SessionClosed{session});
      EndHold(session);
    }
  }
  RunUntil(now_ + 4 * timing_.max_ttl);
  CheckEmpty();
}

// --- nodes --------------------------------------------------------------------------------------

void World::Connect(std::size_t h, NodeIndex node) {
  Link& link = hosts_[h].links[node];
  link.up = true;
  ++link.epoch;
  link.run_id = nodes_[node].Info().run_id;
  link.last_run = link.last_heard = now_;
  Step(h, NodeLinkUp{node, nodes_[node].Info()});
}

void World::Disconnect(std::size_t h, NodeIndex node) {
  Link& link = hosts_[h].links[node];
  if (!link.up) return;
  link.up = false;
  ++link.epoch;
  Step(h, NodeDown{node, "connection reset"});
  After(1ms + UpTo(200ms), [this, h, node] {
    if (!hosts_[h].links[node].up) Connect(h, node);
  });
}

void World::Ask(std::size_t h, NodeIndex node, const Ticket& ticket, const NodeOp& op) {
  if (hosts_[h].links[node].up) return Carry(h, node, ticket, op);
  After(0ns, [=, this] { Step(h, NodeSilence{node, ticket, true}); });
}

// The op runs on the node and its answer comes back, each after a while, in the connection's order;
// what a lost connection had on its way may run or not, and is never heard of.
void World::Carry(std::size_t h, NodeIndex node, const Ticket& ticket, const NodeOp& op) {
  Link& link = hosts_[h].links[node];
  const Duration slow = OneIn(60) ? UpTo(600ms) : 0ns;
  link.last_run = std::max(link.last_run, now_ + UpTo(1ms) + slow);
  const Duration until_heard = std::max(link.last_heard, link.last_run + UpTo(1ms)) - now_;
  link.last_heard = now_ + until_heard;
  const auto heard = std::make_shared<std::optional<NodeAnswer>>();
  const std::uint64_t epoch = link.epoch;
  const bool buffered = OneIn(2);

  After(link.last_run - now_, [=, this] {
    const Link& at = hosts_[h].links[node];
    if (at.epoch != epoch && !buffered) return;
    NodeAnswer answer = nodes_[node].Run(now_, timing_, nodes_[node].Info().run_id, op);
    answer.node = node;
    answer.ticket = ticket;
    *heard = answer;
  });
  if (until_heard > timing_.command_timeout) {
    After(timing_.command_timeout, [=, this] { Step(h, NodeSilence{node, ticket, false}); });
  }
  After(until_heard, [=, this] {
    if (hosts_[h].links[node].epoch != epoch || !*heard) {
      return Step(h, NodeSilence{node, ticket, true});
    }
    Step(h, **heard);
  });
}

// Now and then a node restarts empty, or a connection is cut.
void World::Trouble() {
  After(UpTo(1s), [this] {
    if (closing_) return;
    const NodeIndex node = Below(nodes_.size());
    if (OneIn(3)) {
      nodes_[node].Restart("run" + std::to_string(++last_run_));
      for (std::size_t h = 0; h < hosts_.size(); ++h) Disconnect(h, node);
    } else {
      Disconnect(Below(hosts_.size()), node);
    }
    Trouble();
  });
}

// --- hosts --------------------------------------------------------------------------------------

Time World::LocalTime(const Host& host) const {
  const double ns = static_cast<double>(now_.time_since_epoch().count());
  return now_ + Duration(std::llround(ns * (host.rate - 1)));
}

Time World::TrueTime(const Host& host, Time local) const {
  const double ns = static_cast<double>(local.time_since_epoch().count());
  return Time(Duration(static_cast<Duration::rep>(std::ceil(ns / host.rate))));
}

void World::Step(std::size_t h, const Event& event) {
  Host& host = hosts_[h];
  Effects effects;
  host.engine->Step(LocalTime(host), event, effects);
  for (const Effect& effect : effects) {
    if (const auto* ask = std::get_if<AskNodes>(&effect)) {
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (ask->nodes.test(i)) Ask(h, i, ask->ticket, ask->op);
      }
    } else if (const auto* told = std::get_if<TellClient>(&effect)) {
      OnNotice(h, told->session, told->notice);
    } else if (const auto* answered = std::get_if<AnswerClient>(&effect)) {
      const SessionId session = answered->session;
      if (const auto* granted = std::get_if<Granted>(&answered->answer)) {
        OnGranted(h, session, *granted);
      } else if (std::holds_alternative<Failed>(answered->answer)) {
        After(UpTo(20ms), [this, h, session] {
          const auto client = hosts_[h].clients.find(session);
          if (client != hosts_[h].clients.end()) Use(h, session, client->second);
        });
      }
    }
  }
  Timer(h);
}

void World::Timer(std::size_t h) {
  Host& host = hosts_[h];
  const auto next = host.engine->NextDeadline();
  if (!next) return;
  const Time at = std::max(now_, TrueTime(host, *next));
  if (host.timer && *host.timer <= at) return;
  host.timer = at;
  After(at - now_, [this, h, at] {
    if (hosts_[h].timer != at) return;
    hosts_[h].timer.reset();
    Step(h, TimePassed{});
  });
}

void World::NewClient(std::size_t h) {
  After(UpTo(100ms), [this, h] {
    if (closing_) return;
    const SessionId session = ++last_session_;
    const std::string lock = OneIn(4) ? "y" : "x";
    hosts_[h].clients[session] = lock;
    Step(h, SessionOpened{session, 1000});
    Use(h, session, lock);
  });
}

void World::Use(std::size_t h, SessionId session, const std::string& lock) {
  LockRequested request{.session = session,
                        .request = ++order_,
                        .name = lock,
                        .wait = std::nullopt,
                        .ttl = std::nullopt,
                        .max_hold = std::nullopt,
                        .note = "",
                        .renewed_events = true};
  if (OneIn(3)) request.wait = OneIn(2) ? 0ns : UpTo(300ms);
  if (OneIn(3)) request.ttl = 300ms + UpTo(500ms);
  if (OneIn(8)) request.max_hold = UpTo(600ms);
  Step(h, request);
}

// --- the checker --------------------------------------------------------------------------------

void World::OnGranted(std::size_t h, SessionId session, const Granted& granted) {
  ++grants_;
  LockHistory& lock = locks_[granted.name];
  std::erase_if(lock.holds, [this](const Hold& hold) { return hold.deadline <= now_; });
  if (!lock.holds.empty()) Fault("two holders of " + granted.name);
  if (granted.fence <= lock.last_fence) Fault("a fence that does not grow, of " + granted.name);
  lock.last_fence = std::max(lock.last_fence, granted.fence);
  lock.holds.push_back({session, TrueTime(hosts_[h], granted.deadline)});

  // What its client does with it: unlock, leave, or be thrown out.
  const std::string name = granted.name;
  After(OneIn(5) ? UpTo(1s) : UpTo(30ms), [this, h, session, name] {
    if (hosts_[h].clients.count(session) == 0) return;
    if (OneIn(2)) {
      // Local first: from the moment it says so, the client no longer holds it.
      EndHold(session);
      Step(h, UnlockRequested{session, ++order_, name, std::nullopt, OneIn(4)});
      return After(UpTo(20ms), [this, h, session, name] {
        if (hosts_[h].clients.count(session) != 0) Use(h, session, name);
      });
    }
    hosts_[h].clients.erase(session);
    if (OneIn(4)) {
      Step(h, SessionDropped{session});  // what was announced is kept (rule C9)
    } else {
      EndHold(session);
      Step(h, SessionClosed{session});
    }
    NewClient(h);
  });
}

void World::EndHold(SessionId session) {
  for (auto& [name, lock] : locks_) {
    std::erase_if(lock.holds, [session](const Hold& hold) { return hold.session == session; });
  }
}

void World::OnNotice(std::size_t h, SessionId session, const Notice& notice) {
  const Time deadline = TrueTime(hosts_[h], notice.deadline);
  for (Hold& hold : locks_[notice.name].holds) {
    if (hold.session != session) continue;
    if (notice.kind == Notice::Kind::kRenewed) {
      if (deadline < hold.deadline) Fault("a deadline that moved back");
      hold.deadline = deadline;
    }
    if (notice.kind == Notice::Kind::kLost && now_ > hold.deadline + 1us) Fault("LOST came late");
  }
}

void World::CheckEmpty() {
  for (auto& host : hosts_) {
    if (host.engine->HoldCount() != 0) Fault("a hold without a session");
    if (!host.engine->Waits().empty()) Fault("a wait without a session");
  }
  for (auto& node : nodes_) {
    for (const std::string lock : {"x", "y"}) {
      if (node.OwnerOf(now_, lock)) Fault("a key that nobody holds");
    }
  }
}

}  // namespace redlockd::engine
