#include "daemon/redis/nodes.h"

#include <cassert>
#include <utility>

namespace redlockd::redis {

Nodes::Nodes(event::Loop& loop, Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      random_(std::random_device()()),
      resolver_(loop),
      tell_unasked_(loop, [this] { TellUnasked(); }) {
  assert(!options_.nodes.empty() && options_.nodes.size() <= engine::kMaxNodes);
  assert(options_.links >= 1);
  for (engine::NodeIndex i = 0; i < options_.nodes.size(); ++i) {
    nodes_.push_back(std::make_unique<Node>(loop, resolver_, options_, i, callbacks_, random_));
    if (options_.instance.empty()) continue;
    subscriptions_.push_back(std::make_unique<Subscription>(
        Subscription::Parts{loop, resolver_, options_, i, callbacks_},
        static_cast<std::uint32_t>(random_())));
  }
}

Nodes::~Nodes() = default;

void Nodes::Ask(const engine::AskNodes& ask) {
  const Question question(ask.op, options_.set);
  for (engine::NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (!ask.nodes.test(i) || nodes_[i]->Ask(ask.ticket, question)) continue;
    unasked_.push_back({i, ask.ticket, true});
    tell_unasked_.Schedule();
  }
}

void Nodes::TellUnasked() {
  for (auto& silence : std::exchange(unasked_, {})) callbacks_.on_event(silence);
}

}  // namespace redlockd::redis
