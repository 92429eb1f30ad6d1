#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// The holds of one session and its owners that ended without them, until who had them has heard of each
// (rule C18).
class Losses {
 public:
  struct Loss {
    Fence fence;
    LossReason reason;
  };

  // Keeps `most` of them at most, the newest.
  void Add(SessionId holder, const std::string& lock, Loss loss, std::size_t most);
  // That of the holder's hold of the lock with this fence, or of its newest one; not again.
  std::optional<Loss> Take(SessionId holder, const std::string& lock, std::optional<Fence> fence);
  bool HasAnyOf(SessionId holder) const;
  void Forget(SessionId holder);
  std::vector<record::Loss> Save() const;

 private:
  struct Key {
    SessionId holder;
    std::string lock;
    Fence fence;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, LossReason> losses_;
};

}  // namespace redlockd::engine
