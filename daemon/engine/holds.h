#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "daemon/engine/hold.h"
#include "daemon/engine/waits_for.h"

namespace redlockd::engine {

// The holds of one lock on this host, all by one lease. Mostly there is one at most, and then this is no
// larger than a hold. Knows no line, and ends no hold by itself.
class Holds final : public WaitsFor::Lockable {
 public:
  const std::string& name() const override;
  void ForEachHolder(const Visit& visit) const override;

  bool empty() const { return !first_; }
  std::size_t size() const { return (first_ ? 1 : 0) + (others_ ? others_->size() : 0); }
  // Null: that session does not hold it; nobody does with that fence.
  Hold* Find(SessionId session) const;
  Hold* WithFence(Fence fence) const;
  // One of them, the same for as long as it lasts; there is one.
  Hold& First() const;
  // In the order of First, and then of their sessions. `visit` ends none.
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (first_) visit(*first_);
    if (!others_) return;
    for (const auto& [session, hold] : *others_) visit(*hold);
  }

  // Whether one more session may share the lock beside them.
  bool Admit(Time now) const { return first_ && first_->claim().Admits(now); }
  // Whether a renewal would let one of them last longer.
  bool CanGain() const;
  // The lease's deadline may have moved, and theirs with it.
  void MoveDeadlines(Time now) const;
  // One has come, or gone, and others are there: the end that is next is planned.
  void Plan(Time now) const;

  // Its session holds none of them.
  Hold& Add(std::unique_ptr<Hold> hold);
  // Destroys it; it is one of them.
  void End(const Hold& hold);
  // One of several is let go by its session: what was announced to that alone does not count any more.
  void LetGo(Time now, const Hold& hold);

 private:
  std::unique_ptr<Hold> first_;
  std::unique_ptr<std::map<SessionId, std::unique_ptr<Hold>>> others_;  // never empty
};

}  // namespace redlockd::engine
