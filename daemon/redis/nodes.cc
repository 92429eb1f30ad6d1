#include "daemon/redis/nodes.h"

#include <utility>
#include <variant>

#include "base/check.h"
#include "daemon/redis/command.h"
#include "daemon/redis/question.h"

namespace redlockd::redis {

Nodes::Nodes(event::Loop& loop, Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      random_(std::random_device()()),
      resolver_(loop),
      releases_(options_.links),
      send_releases_(loop, [this] { SendReleases(); }),
      tell_unasked_(loop, [this] { TellUnasked(); }) {
  CHECK(!options_.nodes.empty() && options_.nodes.size() <= engine::kMaxNodes);
  CHECK(options_.links >= 1);
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
  // Before a link has anything to write, whose turn would else end before that of the releases.
  send_releases_.Schedule();
  if (const auto* release = std::get_if<engine::ReleaseOp>(&ask.op)) return Gather(ask, *release);
  const Question question(ask.op, options_.set);
  if (question.lane()) {
    Send(releases_[*question.lane() % releases_.size()]);
  } else {
    SendReleases();
  }
  Send(ask.nodes, {&ask.ticket, 1}, question);
}

void Nodes::Gather(const engine::AskNodes& ask, const engine::ReleaseOp& op) {
  Releases& releases = releases_[LaneOf(op.lock) % releases_.size()];
  if (releases.nodes != ask.nodes || releases.ops.size() == kMostReleases) Send(releases);
  releases.nodes = ask.nodes;
  releases.tickets.push_back(ask.ticket);
  releases.ops.push_back(op);
}

void Nodes::SendReleases() {
  for (Releases& releases : releases_) Send(releases);
}

void Nodes::Send(Releases& releases) {
  if (releases.ops.empty()) return;
  Send(releases.nodes, releases.tickets, Question(releases.ops, options_.set));
  releases.tickets.clear();
  releases.ops.clear();
}

void Nodes::Send(engine::NodeSet nodes, std::span<const engine::Ticket> tickets,
                 const Question& question) {
  for (engine::NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (!nodes.test(i) || nodes_[i]->Ask(tickets, question)) continue;
    for (const engine::Ticket& ticket : tickets) unasked_.push_back({i, ticket, true, true});
    tell_unasked_.Schedule();
  }
}

void Nodes::TellUnasked() {
  for (auto& silence : std::exchange(unasked_, {})) callbacks_.on_event(silence);
}

}  // namespace redlockd::redis
