#include "tests/sim/subscription.h"

#include <stdexcept>
#include <utility>
#include <variant>

#include "daemon/redis/hint.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAgain = 20ms;

// The node finds after this time at most that a connection is gone, or not at all.
constexpr Duration kNoticed = 5ms;

}  // namespace

Subscription::Subscription(Parts parts, Chance& chance)
    : parts_(std::move(parts)), chance_(chance) {
  SubscribeAfter(chance_.UpTo(5ms));
}

Subscription::~Subscription() {
  if (connection_) Abandon();
}

void Subscription::Abandon() {
  connection_->Abandon(true);
  if (chance_.OneIn(4)) return;
  parts_.timeline.After(chance_.UpTo(kNoticed),
                        [node = &parts_.node, channel = Channel(), id = connection_->id()] {
                          node->Unsubscribe(channel, id);
                        });
}

void Subscription::SubscribeAfter(Duration delay) {
  parts_.timeline.After(delay, [this, run = parts_.run] {
    run([this] {
      if (!connection_) Subscribe();
    });
  });
}

void Subscription::Subscribe() {
  if (!parts_.node.up()) return SubscribeAfter(chance_.UpTo(kAgain));
  connection_ = std::make_shared<Connection>(parts_.timeline, parts_.path, chance_, parts_.node,
                                             ++parts_.last_connection);
  const std::weak_ptr<Connection> made = connection_;
  const auto hear = [this, made](const std::string& text) {
    const auto over = made.lock();
    // It hears it only while this end is there.
    if (over) over->ToDaemon([this, text] { Published(text); });
  };
  connection_->ToNode(
      [this, made, node = &parts_.node, channel = Channel(), hear, run = parts_.run] {
        const auto over = made.lock();
        if (!over) return;
        node->Subscribe(channel, over->id(), hear);
        over->ToDaemon([this, id = over->id(), run] { run([this, id] { Confirmed(id); }); });
      });
}

void Subscription::Confirmed(ConnectionId connection) {
  if (!connection_ || connection_->id() != connection) return;
  is_subscribed_ = true;
  parts_.changed({parts_.node_index, true});
}

void Subscription::Published(const std::string& text) {
  const bool arrives =
      parts_.hints == Hints::kAll || (parts_.hints == Hints::kSome && chance_.OneIn(3));
  if (!arrives) return parts_.lost();
  auto hint = redis::HintOf(text, "");
  if (!hint) throw std::logic_error("no hint: " + text);
  std::visit([this](auto& said) { said.node = parts_.node_index; }, *hint);
  parts_.run([this, hint = *hint] { parts_.feed(hint); });
}

void Subscription::Cut() {
  if (!connection_) return;
  Abandon();
  connection_.reset();
  if (std::exchange(is_subscribed_, false)) parts_.changed({parts_.node_index, false});
  SubscribeAfter(chance_.UpTo(kAgain));
}

void Subscription::NodeDied() {
  if (!connection_) return;
  connection_->ToDaemon([this, id = connection_->id()] {
    parts_.run([this, id] {
      if (connection_ && connection_->id() == id) Cut();
    });
  });
}

}  // namespace redlockd::sim
