#include "tests/sim/link.h"

#include <algorithm>
#include <utility>

#include "tests/sim/settings.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOneWay = 300us;  // at most, mostly
// TCP sends again, at growing intervals.
constexpr Duration kStraggling = 400ms;
constexpr Duration kBackoffMost = 60ms;

}  // namespace

// --- Connection ---------------------------------------------------------------------------------

Connection::Connection(Timeline& timeline, std::shared_ptr<Path> path, Chance& chance,
                       SimNode& node, ConnectionId id)
    : timeline_(timeline),
      path_(std::move(path)),
      chance_(chance),
      node_(node),
      id_(id),
      process_(node.process()) {}

void Connection::ToNode(std::function<void()> command) {
  Send(to_node_, &Path::to_node_blocked, [this, command = std::move(command)] {
    if (lost_ || Dead()) return;
    // A node that hangs keeps the command, and must find the connection there when it goes on.
    node_.Receive(id_, [self = shared_from_this(), command] { command(); });
  });
}

void Connection::ToDaemon(std::function<void()> news) {
  Send(to_daemon_, &Path::to_daemon_blocked, [this, news = std::move(news)] {
    if (!abandoned_) news();
  });
}

void Connection::Abandon(bool lost) {
  if (!abandoned_ && chance_.OneIn(2)) straggling_ = chance_.UpTo(kStraggling);
  abandoned_ = true;
  lost_ = lost_ || lost;
}

void Connection::Send(Way& way, Moment Path::*blocked, std::function<void()> item) {
  Duration delay = 20us + chance_.UpTo(kOneWay);
  if (!path_->even && chance_.OneIn(100)) delay += chance_.UpTo(30ms);
  if (timeline_.now() < path_->slow_until) delay += path_->slow_by;
  way.last = std::max(way.last, timeline_.now() + delay);
  way.items.emplace_back(way.last, std::move(item));
  if (!way.pumping) Pump(way, blocked);
}

void Connection::Pump(Way& way, Moment Path::*blocked) {
  way.pumping = false;
  while (!way.items.empty()) {
    const Moment at = std::max(way.items.front().first, (*path_).*blocked) + straggling_;
    if (at > timeline_.now()) {
      way.pumping = true;
      timeline_.At(at, [self = shared_from_this(), &way, blocked] { self->Pump(way, blocked); });
      return;
    }
    const auto item = std::move(way.items.front().second);
    way.items.pop_front();
    item();
  }
}

// --- Link ---------------------------------------------------------------------------------------

Link::Link(Parts parts, Chance& chance) : parts_(std::move(parts)), chance_(chance) {
  parts_.timeline.After(chance_.UpTo(5ms), [this, run = parts_.run] { run([this] { Dial(); }); });
}

Link::~Link() {
  if (connection_) connection_->Abandon(false);
}

// By its number: a later connection may lie at the address of one that is gone.
bool Link::IsOver(ConnectionId connection) const {
  return connection_ && connection_->id() == connection;
}

void Link::Dial() {
  connection_ = std::make_shared<Connection>(parts_.timeline, parts_.path, chance_, parts_.node,
                                             ++parts_.last_connection);
  Connection* const made = connection_.get();
  // What is called later goes by way of `run`, for the link may be gone by then.
  const auto if_still = [this, id = made->id(), run = parts_.run](auto act) {
    run([this, id, act] {
      if (IsOver(id) && !ready_) act();
    });
  };
  if (!parts_.node.up()) {
    made->ToDaemon([this, if_still] { if_still([this] { Lose("connect: refused"); }); });
  }
  // The handshake, in one: the old connection is killed, the facts are read.
  made->ToNode([this, made, if_still, node = &parts_.node, former = former_,
                kill_allowed = parts_.kill_allowed, former_run_id = former_run_id_] {
    if (former && kill_allowed && former_run_id == node->Facts().run_id) {
      node->KillConnection(*former);
    }
    made->ToDaemon(
        [this, if_still, facts = node->Facts()] { if_still([this, facts] { Ready(facts); }); });
  });
  parts_.timeline.After(kConnectTimeout, [this, if_still] {
    if_still([this] { Lose("no answer within the connect timeout"); });
  });
}

void Link::Ready(const engine::NodeFacts& facts) {
  ready_ = true;
  backoff_ = Duration{};
  run_id_ = facts.run_id;
  parts_.feed(engine::NodeLinkUp{parts_.node_index, facts});
}

void Link::Ask(const engine::Ticket& ticket, std::shared_ptr<const engine::NodeOp> op) {
  if (!ready_) {
    parts_.timeline.After(0ns, [this, ticket, run = parts_.run] {
      run([this, ticket] { parts_.feed(engine::NodeSilence{parts_.node_index, ticket, true}); });
    });
    return;
  }
  const Moment now = parts_.timeline.now();
  if (due_.empty()) quiet_since_ = now;
  due_.push_back({ticket, now});
  Connection* const over = connection_.get();
  // Runs at the node; the link may be gone by then, but not if its answer is still listened to.
  over->ToNode(
      [this, over, op, ticket, run_id = run_id_, hears = parts_.hears(), node = &parts_.node] {
        engine::NodeAnswer answer = node->Run(run_id, *op, hears);
        answer.ticket = ticket;
        over->ToDaemon([this, over, answer] {
          parts_.run([this, id = over->id(), answer] {
            if (IsOver(id)) Answered(answer);
          });
        });
      });
  WatchTime();
}

void Link::Answered(engine::NodeAnswer answer) {
  quiet_since_ = parts_.timeline.now();
  due_.pop_front();
  answer.node = parts_.node_index;
  parts_.feed(std::move(answer));
}

void Link::Cut(bool lost) {
  if (connection_) Lose("connection: cut", lost);
}

void Link::NodeDied() {
  if (!connection_) return;
  connection_->ToDaemon([this, id = connection_->id()] {
    parts_.run([this, id] {
      if (IsOver(id)) Lose("connection: reset by the node");
    });
  });
}

void Link::Lose(const std::string& reason, bool lost) {
  connection_->Abandon(lost);
  if (ready_) {
    former_ = connection_->id();
    former_run_id_ = run_id_;
  }
  connection_.reset();
  ready_ = false;
  for (const Sent& due : std::exchange(due_, {})) {
    parts_.feed(engine::NodeSilence{parts_.node_index, due.ticket, true});
  }
  parts_.feed(engine::NodeDown{parts_.node_index, reason});
  backoff_ = std::min(kBackoffMost, 2 * backoff_ + 1ms);
  parts_.timeline.After(chance_.UpTo(backoff_), [this, run = parts_.run] {
    run([this] {
      if (!connection_) Dial();
    });
  });
}

// One timer for the next command timeout, or the end of patience with the connection.
void Link::WatchTime() {
  if (due_.empty() || watching_) return;
  Moment next = quiet_since_ + kConnectTimeout;
  const auto first =
      std::find_if(due_.begin(), due_.end(), [](const Sent& due) { return !due.timed_out; });
  if (first != due_.end()) next = std::min(next, first->sent + parts_.command_timeout);
  watching_ = std::max(next, parts_.timeline.now());
  parts_.timeline.At(*watching_, [this, run = parts_.run] { run([this] { OnTime(); }); });
}

void Link::OnTime() {
  watching_.reset();
  const Moment now = parts_.timeline.now();
  if (!due_.empty() && now - quiet_since_ >= kConnectTimeout) {
    return Lose("connection: no answer for the connect timeout");
  }
  const Duration timeout = parts_.command_timeout;
  for (std::size_t i = 0; i < due_.size(); ++i) {
    if (due_[i].timed_out) continue;
    if (now - due_[i].sent < timeout) break;
    due_[i].timed_out = true;
    parts_.feed(engine::NodeSilence{parts_.node_index, due_[i].ticket, false});
  }
  WatchTime();
}

}  // namespace redlockd::sim
