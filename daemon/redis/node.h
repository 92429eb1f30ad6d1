#pragma once

#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "daemon/engine/events.h"
#include "daemon/redis/callbacks.h"
#include "daemon/redis/link.h"
#include "daemon/redis/question.h"

namespace redlockd::redis {

// One node: its links. A lock's ops always take the same link, so that they run in the order in
// which they were asked; what is about the node itself, or about several locks as renewals are,
// takes any that is ready.
class Node : private LinkUser {
 public:
  // All references outlive the node.
  Node(event::Loop& loop, Resolver& resolver, const Options& options, engine::NodeIndex index,
       const Callbacks& callbacks, std::minstd_rand& random);

  // As Link::Send.
  bool Ask(std::span<const engine::Ticket> tickets, const Question& question);

 private:
  void OnLinkReady(const engine::NodeFacts& facts) override;
  void OnLinkLost(bool was_ready, const std::string& reason) override;
  void OnAnswer(engine::NodeAnswer&& answer) override;
  void OnSilence(engine::NodeSilence silence) override;
  void OnNote(const std::string& note) override;

  Link* LinkFor(const Question& question);

  const engine::NodeIndex index_;
  const Callbacks& callbacks_;
  std::size_t ready_ = 0;
  std::optional<std::string> down_;  // the reason that was told last; none since it is up
  std::string noted_;
  std::vector<std::unique_ptr<Link>> links_;
};

}  // namespace redlockd::redis
