#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/engine/node_op.h"
#include "daemon/redis/options.h"

namespace redlockd::redis {

// A number that all ops of a lock have in common: they go over one link.
std::size_t LaneOf(const std::string& lock);

// An op in Redis' words, put together once for all nodes that are asked: what each of them is sent
// differs in the run_id alone (rule D1).
class Question {
 public:
  Question(const engine::NodeOp& op, const SetOptions& set);
  // Several releases that go over one link, in one call: at least one, kMostReleases at most.
  Question(std::span<const engine::ReleaseOp> releases, const SetOptions& set);

  // Appends it as it goes to the node of this run.
  void AppendTo(std::string& out, std::string_view run_id) const;

  // Answered by two replies: that to INFO, and the script's.
  bool is_probe() const { return is_probe_; }
  // Returns for how many locks a call of release.lua asks, each of which gets an answer; else 0.
  std::size_t releases() const { return releases_; }
  // None for an op of no lock, or a renewal of several: that does no harm if it comes after a
  // release, or on another connection.
  std::optional<std::size_t> lane() const { return lane_; }

 private:
  bool is_probe_ = false;
  std::size_t releases_ = 0;
  std::optional<std::size_t> lane_;
  std::string text_;                           // without the run_id
  std::size_t run_id_at_ = std::string::npos;  // where that belongs, if anywhere
};

}  // namespace redlockd::redis
