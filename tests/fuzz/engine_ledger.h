#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"

namespace redlockd::fuzz {

// What the nodes have said to each attempt, kept apart from the engine: what an attempt may be
// granted, and until when.
class Ledger {
 public:
  explicit Ledger(const engine::EngineOptions& options) : options_(options) {}

  void Asked(const engine::AskNodes& ask);
  void Heard(const engine::NodeAnswer& answer);  // of a node that votes

  // A node's answer that it has not set the key, whether it votes or not.
  void HeardRefusal(const engine::NodeAnswer& answer);

  // Nodes that were asked to set this owner's key, and have not said since that they did not.
  engine::NodeSet MayHave(const std::string& owner) const;
  // Whether m nodes gave one block with this fence in one round, of acquires or of confirms (rules
  // A3, A4, B2).
  bool Agreed(const std::string& owner, engine::Fence fence) const;
  // The m-th largest promise (rule C2); none if fewer than m nodes have promised.
  std::optional<engine::Time> Deadline(const std::string& owner) const;

 private:
  struct Round {
    engine::Duration ttl{};
    engine::Fence confirming = 0;
    engine::Fence block = 1;
    std::map<engine::NodeIndex, engine::Fence> votes{};
  };
  struct Attempt {
    engine::NodeSet may_have{};
    std::map<engine::NodeIndex, std::uint32_t> asked_in{};  // the newest round of acquires
    std::map<std::uint32_t, Round> rounds{};
    std::map<std::uint32_t, engine::Duration> renewals{};  // by their rounds: the ttl asked for
    std::map<engine::NodeIndex, engine::Time> promises{};
  };
  void Promised(Attempt& attempt, const engine::NodeAnswer& answer, engine::Duration ttl);
  const Attempt* Find(const std::string& owner) const;

  const engine::EngineOptions& options_;
  std::map<std::uint64_t, Attempt> attempts_;
  std::map<std::string, std::uint64_t> number_;  // of an owner's attempt
};

}  // namespace redlockd::fuzz
