#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/engine/node_op.h"
#include "daemon/redis/command.h"
#include "daemon/redis/options.h"

namespace redlockd::redis {

// A number that all ops of a lock have in common: they go over one link. Those of a claim go over that of
// its first name, and so do releases that say so.
std::size_t LaneOf(const std::string& lock);
std::size_t LaneOf(const engine::ReleaseOp& op);

// What is said over one connection to a node, and not over another.
struct OfConnection {
  std::string_view run_id;  // of the node (rule D1)
  bool hears = false;       // the node sends hints to this daemon (rule E8.2)
};

// An op in Redis' words, put together once for all nodes that are asked: what each of them is sent
// differs in what is OfConnection alone.
class Question {
 public:
  Question(const engine::NodeOp& op, const SetOptions& set);
  // A batch, in one call: at least one op, and as many as may go in one call; acquires and releases of
  // locks that share a link only.
  Question(std::span<const engine::AcquireOp> batch, const SetOptions& set);
  Question(std::span<const engine::RenewOp> batch, const SetOptions& set);
  Question(std::span<const engine::ReleaseOp> batch, const SetOptions& set);

  // Appends it as it goes over that connection.
  void AppendTo(std::string& out, const OfConnection& connection) const;

  // Answered by two replies: that to INFO, and the script's.
  bool is_probe() const { return is_probe_; }
  // How the answers to its ops are found in the reply.
  ReplyForm form() const { return form_; }
  // How many parts the reply has for them (command.h).
  std::size_t parts() const { return parts_; }
  // None for an op of no lock, and for renewals. These may run on any connection, and before or
  // after what else is asked of their locks: renew.lua only lengthens what is still the owner's.
  std::optional<std::size_t> lane() const { return lane_; }

 private:
  Question(Call call, ReplyForm form, std::size_t parts, std::optional<std::size_t> lane,
           bool is_probe = false);

  bool is_probe_ = false;
  ReplyForm form_ = ReplyForm::kWhole;
  std::size_t parts_ = 1;
  std::optional<std::size_t> lane_;
  Call call_;
};

}  // namespace redlockd::redis
