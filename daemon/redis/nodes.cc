#include "daemon/redis/nodes.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "daemon/redis/command.h"
#include "daemon/redis/question.h"

namespace redlockd::redis {

namespace {

// The shortest time-out is waited for in at least this many steps, so that a loop that did not turn
// meanwhile is noticed.
constexpr int kSteps = 4;

std::chrono::nanoseconds StepOf(const Options& options) {
  std::chrono::nanoseconds least = std::chrono::nanoseconds::max();
  for (const NodeOptions& node : options.nodes) {
    least = std::min({least, node.command_timeout, node.connect_timeout});
  }
  return least / kSteps;
}

}  // namespace

Nodes::Nodes(event::Loop& loop, Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      random_(std::random_device()()),
      resolver_(loop),
      hold_ups_(loop, StepOf(options_)),
      batches_(options_.links),
      send_batches_(loop, [this] { SendBatches(); }),
      report_unasked_(loop, [this] { ReportUnasked(); }) {
  CHECK(!options_.nodes.empty() && options_.nodes.size() <= engine::kMaxNodes);
  CHECK(options_.links >= 1);
  for (engine::NodeIndex i = 0; i < options_.nodes.size(); ++i) {
    nodes_.push_back(
        std::make_unique<Node>(loop, resolver_, hold_ups_, options_, i, callbacks_, random_));
    if (options_.instance.empty()) continue;
    subscriptions_.push_back(std::make_unique<Subscription>(
        Subscription::Parts{loop, resolver_, options_, i, callbacks_},
        static_cast<std::uint32_t>(random_())));
  }
}

Nodes::~Nodes() = default;

void Nodes::Ask(engine::AskNodes ask) {
  // Scheduled now: a link that has something to write would end its turn before the batches do.
  send_batches_.Schedule();
  if (auto* renewal = std::get_if<engine::RenewOp>(&ask.op)) return Join(std::move(*renewal), ask);
  if (auto* release = std::get_if<engine::ReleaseOp>(&ask.op))
    return Join(std::move(*release), ask);
  if (auto* acquire = std::get_if<engine::AcquireOp>(&ask.op))
    return Join(std::move(*acquire), ask);
  const Question question(ask.op, options_.set);
  if (const auto* claim = std::get_if<engine::ClaimOp>(&ask.op)) {
    SendBatchesBefore(*claim);
  } else if (question.lane()) {
    SendBatchesOf(batches_[*question.lane() % batches_.size()]);
  } else {
    SendBatches();
  }
  Send(ask.nodes, {&ask.ticket, 1}, question);
}

void Nodes::Change(const Options& options) {
  CHECK(options.nodes.size() == options_.nodes.size() && options.links == options_.links);
  for (std::size_t i = 0; i < options.nodes.size(); ++i) {
    const NodeOptions& from = options.nodes[i];
    NodeOptions& to = options_.nodes[i];
    CHECK(from.address == to.address && from.database == to.database);
    to.username = from.username;
    to.password = from.password;
    to.password_now = from.password_now;
    to.tls = from.tls;
    to.connect_timeout = from.connect_timeout;
    to.command_timeout = from.command_timeout;
  }
  options_.set.retry_interval = options.set.retry_interval;
  options_.set.max_interval = options.set.max_interval;
  options_.set.first_poll = options.set.first_poll;
  hold_ups_.SetStep(StepOf(options_));
}

// --- batches ------------------------------------------------------------------------------------

template <class Op>
void Nodes::Batch<Op>::Add(engine::NodeSet to, const engine::Ticket& ticket, Op op) {
  nodes = to;
  tickets.push_back(ticket);
  ops.push_back(std::move(op));
}

Nodes::LinkBatches& Nodes::BatchesFor(std::size_t lane, const std::string& lock) {
  LinkBatches& link = batches_[lane % batches_.size()];
  // What was asked of the lock before goes out before.
  const auto is_of_it = [&](const engine::AcquireOp& op) { return op.lock == lock; };
  if (std::ranges::any_of(link.acquires.ops, is_of_it)) SendBatchesOf(link);
  return link;
}

// Its locks may be of several links, and it goes over one.
void Nodes::SendBatchesBefore(const engine::ClaimOp& claim) {
  for (const engine::ClaimOp::Name& name : claim.names) {
    SendBatchesOf(batches_[LaneOf(name.lock) % batches_.size()]);
  }
}

void Nodes::Join(engine::RenewOp op, const engine::AskNodes& ask) {
  auto& batch = renewals_[ask.nodes.to_ulong()];
  if (!batch.HasRoomFor(ask.nodes, engine::kMostPerCall)) Send(batch);
  batch.Add(ask.nodes, ask.ticket, std::move(op));
}

void Nodes::Join(engine::ReleaseOp op, const engine::AskNodes& ask) {
  auto& batch = BatchesFor(LaneOf(op), op.lock).releases;
  if (!batch.HasRoomFor(ask.nodes, engine::kMostPerCall)) Send(batch);
  batch.Add(ask.nodes, ask.ticket, std::move(op));
}

void Nodes::Join(engine::AcquireOp op, const engine::AskNodes& ask) {
  LinkBatches& link = BatchesFor(LaneOf(op.lock), op.lock);
  auto& batch = link.acquires;
  if (!batch.HasRoomFor(ask.nodes, engine::kMostAcquiresPerCall)) SendBatchesOf(link);
  batch.Add(ask.nodes, ask.ticket, std::move(op));
}

template <class Op>
void Nodes::Send(Batch<Op>& batch) {
  if (batch.ops.empty()) return;
  Send(batch.nodes, batch.tickets, Question(batch.ops, options_.set));
  batch.tickets.clear();
  batch.ops.clear();
}

void Nodes::SendBatchesOf(LinkBatches& link) {
  Send(link.releases);
  Send(link.acquires);
}

// Renewals go first: most releases were asked after them. A release may yet overtake one, where the
// batches of a link go out before the turn ends, and over another link. Then the renewal finds that
// the key is not its owner's any more, and the engine does not listen for that owner's answers any
// more either.
void Nodes::SendBatches() {
  for (auto& [nodes, batch] : renewals_) Send(batch);
  renewals_.clear();
  for (LinkBatches& link : batches_) SendBatchesOf(link);
}

void Nodes::Send(engine::NodeSet nodes, std::span<const engine::Ticket> tickets,
                 const Question& question) {
  for (engine::NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (!nodes.test(i)) continue;
    const bool hears = !subscriptions_.empty() && subscriptions_[i]->is_subscribed();
    if (nodes_[i]->Ask(tickets, question, hears)) continue;
    for (const engine::Ticket& ticket : tickets) unasked_.push_back({i, ticket, true, true});
    report_unasked_.Schedule();
  }
}

void Nodes::ReportUnasked() {
  for (auto& silence : std::exchange(unasked_, {})) callbacks_.on_event(silence);
}

}  // namespace redlockd::redis
