#include "tests/sim/subscription.h"

#include <utility>

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAgain = 20ms;

// "wanted NAME" or "free NAME", as the scripts say it.
engine::NodeHint Parse(std::size_t node, const std::string& text) {
  const std::size_t space = text.find(' ');
  return {.node = node,
          .kind = text.substr(0, space) == "free" ? engine::NodeHint::Kind::kFree
                                                  : engine::NodeHint::Kind::kWanted,
          .lock = text.substr(space + 1)};
}

}  // namespace

Subscription::Subscription(Parts parts, Chance& chance)
    : parts_(std::move(parts)), chance_(chance) {
  SubscribeAfter(chance_.UpTo(5ms));
}

Subscription::~Subscription() {
  if (connection_) connection_->Abandon(true);
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
  connection_->ToNode([node = &parts_.node, channel = "redlockd:to:" + parts_.instance, hear] {
    node->Subscribe(channel, hear);
  });
}

void Subscription::Published(const std::string& text) {
  const bool arrives =
      parts_.hints == Hints::kAll || (parts_.hints == Hints::kSome && chance_.OneIn(3));
  if (!arrives) return parts_.lost();
  parts_.run([this, hint = Parse(parts_.node_index, text)] { parts_.feed(hint); });
}

void Subscription::Cut() {
  if (!connection_) return;
  connection_->Abandon(true);
  connection_.reset();
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
