#include "daemon/redis/node.h"

#include <utility>

namespace redlockd::redis {

Node::Node(event::Loop& loop, Resolver& resolver, event::HoldUps& hold_ups, const Options& options,
           engine::NodeIndex index, const Callbacks& callbacks, std::minstd_rand& random)
    : index_(index), callbacks_(callbacks) {
  for (std::size_t i = 0; i < options.links; ++i) {
    const auto seed = static_cast<std::uint32_t>(random());
    slots_.push_back({.link = std::make_unique<Link>(
                          Link::Parts{loop, resolver, hold_ups, options, index, i, *this}, seed),
                      .way = i});
  }
}

bool Node::Ask(std::span<const engine::Ticket> tickets, const Question& question, bool hears) {
  if (!question.lane()) {
    const auto any = AnyReady();
    return any && slots_[*any].link->Send(tickets, question, hears);
  }
  Slot& slot = WayOf(*question.lane());
  Link& link = *slots_[slot.way].link;
  if (!link.Send(tickets, question, hears)) return false;
  slot.asked = link.asked();
  return true;
}

std::string Node::Missing() const {
  std::size_t missing = 0;
  const std::string* why = nullptr;
  for (const Slot& slot : slots_) {
    if (slot.link->is_ready() || slot.reason.empty()) continue;
    ++missing;
    why = &slot.reason;
  }
  if (missing == 0 || ready_ == 0) return {};
  return std::to_string(missing) + " of " + std::to_string(slots_.size()) +
         " connections missing: " + *why;
}

// --- which link ---------------------------------------------------------------------------------

// Back to their own, once what was asked on the way that was taken meanwhile has been answered.
Node::Slot& Node::WayOf(std::size_t lane) {
  const std::size_t own = lane % slots_.size();
  Slot& slot = slots_[own];
  const bool is_answered = slots_[slot.way].link->done() >= slot.asked;
  if (slot.way != own && slot.link->is_ready() && is_answered) {
    slot.way = own;
    slot.asked = 0;
  }
  return slot;
}

std::optional<std::size_t> Node::AnyReady() const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].link->is_ready()) return i;
  }
  return std::nullopt;
}

// Where a link is down its locks take another. What was asked on it may still wait on the server,
// and would run after what is asked now: that connection is ended first (rule C7).
void Node::FindWays() {
  const auto any = AnyReady();
  if (!any) return;
  for (Slot& slot : slots_) {
    const Slot& way = slots_[slot.way];
    if (way.link->is_ready()) continue;
    const auto& unsettled = way.link->unsettled();
    if (!unsettled || unsettled->run_id != slots_[*any].link->run_id()) {
      slot.way = *any;
      slot.asked = 0;
    } else if (!way.settler) {
      slots_[slot.way].settler = any;
      slots_[*any].link->Settle(*way.link);
    }
  }
}

void Node::OnSettled(std::size_t number) {
  if (!std::exchange(slots_[number].settler, std::nullopt)) return;  // it was made again meanwhile
  slots_[number].link->Settled();
  FindWays();
}

// --- links that come and go ---------------------------------------------------------------------

// A name may have several addresses, an address several servers: one of them is the node, and what
// another one promises is nothing to it.
std::optional<std::string> Node::WhyNotUse(const engine::NodeFacts& facts) {
  std::optional<std::string> why;
  for (const Slot& slot : slots_) {
    if (!slot.link->is_ready() || slot.link->run_id() == facts.run_id) continue;
    slot.link->Beat();  // or is that the one which has gone?
    why = "the address leads to another server (run " + facts.run_id.substr(0, 12) +
          ") than the other connections to this node (run " + slot.link->run_id().substr(0, 12) +
          ")";
  }
  return why;
}

void Node::OnLinkReady(std::size_t number, const engine::NodeFacts& facts) {
  ++ready_;
  down_.reset();
  slots_[number].reason.clear();
  slots_[number].settler.reset();
  FindWays();
  callbacks_.on_event(engine::NodeLinkUp{index_, facts});
  if (Missing().empty() && std::exchange(noted_missing_, false)) {
    callbacks_.on_note(index_, "all connections work");
  }
}

void Node::OnLinkLost(std::size_t number, bool was_ready, const std::string& reason) {
  if (was_ready) --ready_;
  slots_[number].reason = reason;
  for (Slot& other : slots_) {
    if (other.settler == number) other.settler.reset();
  }
  if (ready_ > 0) {
    FindWays();
    // One that was ready may be made again at once; and once is enough until all are there again.
    if (!was_ready && !std::exchange(noted_missing_, true)) OnNote(Missing());
    return;
  }
  if (down_ == reason) return;
  down_ = reason;
  callbacks_.on_event(engine::NodeDown{index_, reason});
}

void Node::OnAnswer(engine::NodeAnswer&& answer) { callbacks_.on_event(std::move(answer)); }

void Node::OnAnswers(engine::NodeAnswers&& answers) { callbacks_.on_event(std::move(answers)); }

void Node::OnSilence(engine::NodeSilence silence) { callbacks_.on_event(std::move(silence)); }

void Node::OnNote(const std::string& note) {
  if (std::exchange(noted_, note) != note) callbacks_.on_note(index_, note);
}

}  // namespace redlockd::redis
