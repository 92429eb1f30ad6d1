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

// One node: its links. A lock's ops take the same link, so that they run in the order in which they
// were asked; they take another while that is down, once what was sent over it cannot run any more.
// What is about the node itself, or about several locks as renewals are, takes any that is ready.
// All links are to reach one run of one server: one that reaches another is not used.
class Node : private LinkUser {
 public:
  // All references outlive the node.
  Node(event::Loop& loop, Resolver& resolver, event::HoldUps& hold_ups, const Options& options,
       engine::NodeIndex index, const Callbacks& callbacks, std::minstd_rand& random);

  // As Link::Send.
  bool Ask(std::span<const engine::Ticket> tickets, const Question& question, bool hears);

  // Which links are missing while others are ready, and why, for a person; empty: none.
  std::string Missing() const;

 private:
  // A link, and by which one the locks go now whose own link it is.
  struct Slot {
    std::unique_ptr<Link> link;
    std::size_t way;
    std::uint64_t asked = 0;  // of `way`, up to the last op of these locks: Link::asked
    std::optional<std::size_t> settler{};  // asks the node to end its lost connection
    std::string reason{};  // why it was lost last; empty: it is ready, or not tried yet
  };

  std::optional<std::string> WhyNotUse(const engine::NodeFacts& facts) override;
  void OnLinkReady(std::size_t number, const engine::NodeFacts& facts) override;
  void OnLinkLost(std::size_t number, bool was_ready, const std::string& reason) override;
  void OnSettled(std::size_t number) override;
  void OnAnswer(engine::NodeAnswer&& answer) override;
  void OnAnswers(engine::NodeAnswers&& answers) override;
  void OnSilence(engine::NodeSilence silence) override;
  void OnNote(const std::string& note) override;

  Slot& WayOf(std::size_t lane);
  std::optional<std::size_t> AnyReady() const;
  void FindWays();

  const engine::NodeIndex index_;
  const Callbacks& callbacks_;
  std::size_t ready_ = 0;
  std::optional<std::string> down_;  // the reason that was reported last; none since it is up
  std::string noted_;
  bool noted_missing_ = false;
  std::vector<Slot> slots_;
};

}  // namespace redlockd::redis
