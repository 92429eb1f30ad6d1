#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "daemon/engine/ballot.h"
#include "daemon/engine/state.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// The fences that a lease may give out without asking a node: a block that a majority of nodes has
// stored as one (rules B1-B4), and the next block while the nodes are being asked for it. Remembers
// the greatest fence of the lock, so that the next proposal is a good one (rule A5).
class FenceBlock {
 public:
  static constexpr Fence kFull = 64;  // rule A8: holds for thousands of grants a second

  // A fence was seen on a node, at `clock` by the nodes' clocks. One that is too far ahead of the
  // clock is a mistake, and not followed.
  void Learn(Stamp clock, Fence stored, const Timing& timing);
  // The same of the answer to an acquire, if it names one.
  void LearnFrom(Stamp clock, const NodeAnswer& answer, const Timing& timing);
  // Returns what to propose for a lease; `clock`: the nodes' clocks now, 0 if there is none.
  Fence Proposal(Stamp clock) const { return std::max<Fence>(known_ + 1, clock); }
  // Returns how many fences may be asked for from `proposal` on: blocks must not outrun the window
  // of plausible fences (rule A8). `clock` as above.
  static Fence SizeFrom(Stamp clock, Fence proposal, const Timing& timing);

  // A lease was granted, with the block of `size` fences from `first` on.
  void Begin(Fence first, Fence size);
  // The lease is over: what is left of its fences is dropped.
  void End();
  void Save(record::Lock& lock) const;
  void Restore(const record::Lock& lock);

  bool HasNext() const { return next_ <= last_; }
  Fence TakeNext();
  // The next fence, which stays the next: of a lease that is shared (rule F9).
  Fence Next() const;
  // The greatest fence of the lease.
  Fence last() const { return last_; }
  bool IsHalfUsed() const { return last_ - next_ + 1 < kFull / 2; }

  // --- the next block, asked for in one round -----------------------------------------------------

  enum class Outcome {
    kOpen,      // answers that matter are still out
    kExtended,  // the block is there
    kFailed,    // it will not come, and there are fences left
    kUsedUp,    // it will not come, and there are none
  };

  Fence NextProposal() const { return std::max(last_, known_) + 1; }
  void Ask(std::uint32_t round, std::size_t nodes, NodeSet asked, Fence size);
  bool IsAsking() const { return asking_ != nullptr; }
  bool IsAskedIn(std::uint32_t round) const { return asking_ && round == asking_->round; }
  // What a node answered, or why it did not, in that round. A block that nodes do not agree on is
  // not fought for: there mostly are fences left.
  Outcome OnAnswer(const NodeAnswer& answer, bool votes);
  Outcome OnSilence(const NodeSilence& silence);

 private:
  Outcome Judge();

  Fence known_ = 0;  // the last plausible one
  Fence next_ = 1;
  Fence last_ = 0;
  // For the next block.
  struct Question {
    std::uint32_t round;
    Fence size;
    Ballot ballot;
  };
  std::unique_ptr<Question> asking_;  // mostly none
};

}  // namespace redlockd::engine
