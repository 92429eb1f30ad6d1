#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/engine/effects.h"

namespace redlockd::engine {

// The holds of one session that ended without it, until it has heard of each of them (rule C18).
class Losses {
 public:
  struct Loss {
    Fence fence;
    LossReason reason;
  };

  // Keeps `most` of them at most, the newest.
  void Add(const std::string& lock, Loss loss, std::size_t most);
  // That of the lock's hold with this fence, or of its newest one; not again.
  std::optional<Loss> Take(const std::string& lock, std::optional<Fence> fence);
  bool empty() const { return losses_.empty(); }

 private:
  std::map<std::pair<std::string, Fence>, LossReason> losses_;
};

}  // namespace redlockd::engine
