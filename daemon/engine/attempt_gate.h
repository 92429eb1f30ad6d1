#pragma once

#include <cstddef>
#include <list>

#include "daemon/engine/counted.h"

namespace redlockd::engine {

class Lock;

// Lets so many attempts be under way at a time, and has the others wait in the order in which they
// came (rule C12).
class AttemptGate {
 public:
  static constexpr std::size_t kMost = 128;

  // An attempt that is under way, for as long as it lives.
  class Pass : Counted {
   public:
    explicit Pass(AttemptGate& gate) : Counted(gate.under_way_) {}
  };
  bool Open() const { return under_way_ < kMost; }

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
  std::size_t under_way_ = 0;
  std::list<Lock*> line_;
};

}  // namespace redlockd::engine
