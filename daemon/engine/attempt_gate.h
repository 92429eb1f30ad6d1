#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <memory>

#include "daemon/engine/counted.h"

namespace redlockd::engine {

class Lock;

// Lets so many attempts be under way at a time, and has the others wait in the order in which they
// came (rule C12). How many: more with each one that is granted, fewer with each that too few nodes
// answered in time, as they may have too much to do.
class AttemptGate {
 public:
  static constexpr std::size_t kLeast = 8;  // unless fewer are the most

  explicit AttemptGate(std::size_t most) : most_(most), width_(most) {}

  // An attempt that is under way, for as long as it lives.
  class Entry : Counted {
   public:
    explicit Entry(AttemptGate& gate) : Counted(gate.under_way_) {}
  };
  // It passes from the attempt to the release of what the attempt may have left on the nodes.
  using Pass = std::unique_ptr<Entry>;
  Pass Enter() { return std::make_unique<Entry>(*this); }
  // Whether this lock may enter: there is room, and no other is before it.
  bool LetsIn(const Lock& lock) const {
    return Open() && (line_.empty() || line_.front() == &lock);
  }

  void Granted() { width_ = std::min(width_ + 1, most_); }
  void Unanswered() { width_ = std::max(width_, least_ + 4) - 4; }

  // A lock's place in the line before the gate; it leaves the line with it.
  class Place {
   public:
    Place(AttemptGate& gate, Lock& lock)
        : gate_(gate), at_(gate.line_.insert(gate.line_.end(), &lock)) {}
    ~Place() { gate_.line_.erase(at_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    AttemptGate& gate_;
    std::list<Lock*>::iterator at_;
  };
  // Whose turn it is; none if nobody waits, or not yet.
  Lock* Next() const { return Open() && !line_.empty() ? line_.front() : nullptr; }

 private:
  bool Open() const { return under_way_ < width_; }

  const std::size_t most_;
  const std::size_t least_ = std::min(kLeast, most_);
  std::size_t width_;
  std::size_t under_way_ = 0;
  std::list<Lock*> line_;
};

}  // namespace redlockd::engine
