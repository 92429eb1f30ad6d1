#include "daemon/redis/node.h"

#include <utility>

namespace redlockd::redis {

Node::Node(event::Loop& loop, Resolver& resolver, const Options& options, engine::NodeIndex index,
           const Callbacks& callbacks, std::minstd_rand& random)
    : index_(index), callbacks_(callbacks) {
  for (std::size_t i = 0; i < options.links; ++i) {
    links_.push_back(std::make_unique<Link>(Link::Parts{loop, resolver, options, index, *this},
                                            static_cast<std::uint32_t>(random())));
  }
}

bool Node::Ask(std::span<const engine::Ticket> tickets, const Question& question) {
  Link* link = LinkFor(question);
  return link != nullptr && link->Send(tickets, question);
}

Link* Node::LinkFor(const Question& question) {
  // No other link for a lock whose own is broken: what still waits on the broken one could then run
  // after what is sent now.
  if (question.lane()) return links_[*question.lane() % links_.size()].get();
  for (const auto& link : links_) {
    if (link->state() == Link::State::kReady) return link.get();
  }
  return nullptr;
}

void Node::OnLinkReady(const engine::NodeFacts& facts) {
  ++ready_;
  down_.reset();
  callbacks_.on_event(engine::NodeLinkUp{index_, facts});
}

void Node::OnLinkLost(bool was_ready, const std::string& reason) {
  if (was_ready) --ready_;
  if (ready_ > 0 || down_ == reason) return;
  down_ = reason;
  callbacks_.on_event(engine::NodeDown{index_, reason});
}

void Node::OnAnswer(engine::NodeAnswer&& answer) { callbacks_.on_event(std::move(answer)); }

void Node::OnSilence(engine::NodeSilence silence) { callbacks_.on_event(std::move(silence)); }

void Node::OnNote(const std::string& note) {
  if (std::exchange(noted_, note) != note) callbacks_.on_note(index_, note);
}

}  // namespace redlockd::redis
